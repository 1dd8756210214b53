"""Keeps one server running: starts it again when it dies or hangs, with back-off and a limit."""

from __future__ import annotations

import logging
import threading
import time
from collections import deque
from collections.abc import Callable
from pathlib import Path

from omniagent.model.critic.service.process import ServerProcess, free_port
from omniagent.model.critic.service.settings import ServeSettings
from omniagent.model.errors import Cancelled, CriticUnavailable, OmniAgentError
from omniagent.model.requests import CancelToken

log = logging.getLogger("omniagent.critic")

Start = Callable[[ServeSettings, Path], ServerProcess]


class Keeper:
    """A server that stays up, watched by a thread of its own.

    It is started again when it ends, and when it has not answered for `hung_after` seconds; before the n-th start in a
    row it waits `backoff` times 2 to the n-th seconds. After `restarts` starts within `window` seconds it is given up.

    Args:
        settings: What to start.
        log_file: Where its output goes.
        restarts: Starts after the first, within `window` seconds, before it is given up.
        window: Seconds.
        backoff: Seconds before the first restart; doubles with each, up to 30.
        hung_after: Seconds without an answer, once it has answered, after which it counts as hung.
        start_limit: Seconds that a start may take.
        beat: Seconds between looks.
        start: Starts a server, for tests.
        on_start: Called after each start, with the new process.
    """

    def __init__(
        self,
        settings: ServeSettings,
        log_file: Path,
        *,
        restarts: int = 5,
        window: float = 600.0,
        backoff: float = 1.0,
        hung_after: float = 60.0,
        start_limit: float = 600.0,
        beat: float = 1.0,
        start: Start = ServerProcess,
        on_start: Callable[[ServerProcess], None] | None = None,
    ) -> None:
        self.settings = settings
        self._log_file = log_file
        self._restarts = restarts
        self._window = window
        self._backoff = backoff
        self._hung_after = hung_after
        self._start_limit = start_limit
        self._beat = beat
        self._start = start
        self._on_start = on_start
        self._starts: deque[float] = deque()
        self._ready = threading.Event()
        self._closing = threading.Event()
        self._token = CancelToken()
        self._over = threading.Event()
        self._stir = threading.Event()
        self._fault: OmniAgentError | None = None
        self._generation = 0
        # The first start is made here, so that what is wrong with the request is said to whoever made it.
        self._server = start(settings, log_file)
        self._told()
        self._thread = threading.Thread(target=self._watch, name="critic-keeper", daemon=True)
        self._thread.start()

    @property
    def generation(self) -> int:
        """How many servers have become ready so far; another number means another server."""
        return self._generation

    @property
    def pid(self) -> int:
        """Process id, and group, of the server that runs now."""
        return self._server.pid

    @property
    def fault(self) -> OmniAgentError | None:
        """Why the server was given up; None while it is kept."""
        return self._fault

    @property
    def ready(self) -> bool:
        """Whether the server answered when it was last looked at."""
        return self._ready.is_set()

    def wait_ready(self, token: CancelToken | None = None, limit: float | None = None) -> None:
        """Return when the server answers.

        Raises:
            CriticUnavailable: it was given up, or does not answer within `limit` seconds; the message says why.
            Cancelled: the token was cancelled or expired.
        """
        until = None if limit is None else time.monotonic() + limit
        while not self._ready.wait(0.05):
            if token is not None:
                token.check()
            if self._over.is_set():
                raise self._fault or CriticUnavailable("the critic's server was stopped")
            if until is not None and time.monotonic() > until:
                raise CriticUnavailable(f"the critic's server is not up ({self._server.stage()}); try again later")

    def suspect(self) -> None:
        """A caller reported the server as failing: check it now, and count it as down until it answers."""
        self._ready.clear()
        self._stir.set()

    def join(self, timeout: float | None = None) -> bool:
        """Wait until the server is given up or closed; whether it is."""
        return self._over.wait(timeout)

    def close(self) -> None:
        """Stop the server. Twice does no harm."""
        self._closing.set()
        self._token.cancel()
        self._stir.set()
        self._thread.join()

    def _watch(self) -> None:
        try:
            while not self._closing.is_set():
                why = self._serve()
                self._ready.clear()
                self._server.stop()
                if self._closing.is_set() or not self._again(why):
                    return
        except OmniAgentError as error:
            self._fault = error
        finally:
            self._ready.clear()
            self._server.stop()
            self._over.set()

    def _serve(self) -> str:
        """Look after one server until it is no more of use; why."""
        try:
            self._server.wait_ready(self._start_limit, token=self._token, progress=_say)
        except CriticUnavailable as fault:
            return str(fault)
        except Cancelled:
            return "closed"
        self._generation += 1
        self._ready.set()
        answered = time.monotonic()
        while not self._closing.is_set():
            self._stir.wait(self._beat)
            self._stir.clear()
            if (code := self._server.ended) is not None:
                return f"it ended with code {code}: {self._server.last_words()}"
            if self._server.healthy(min(5.0, self._hung_after)):
                self._ready.set()
                answered = time.monotonic()
            elif time.monotonic() - answered > self._hung_after:
                return f"it has not answered for {self._hung_after:.0f} s"
        return "closed"

    def _again(self, why: str) -> bool:
        """Start another server after a pause, unless there were too many."""
        now = time.monotonic()
        self._starts.append(now)
        while self._starts and now - self._starts[0] > self._window:
            self._starts.popleft()
        if len(self._starts) > self._restarts:
            self._fault = CriticUnavailable(
                f"the critic's server failed {len(self._starts)} times in {self._window:.0f} s and is not started "
                f"again; the last time: {why}"
            )
            log.error("%s", self._fault)
            return False
        pause = min(30.0, self._backoff * 2 ** (len(self._starts) - 1))
        log.warning("critic: %s; starting it again in %.0f s", why, pause)
        if self._closing.wait(pause):
            return False
        if free_port(self.settings.port) != self.settings.port:
            self._fault = CriticUnavailable(
                f"port {self.settings.port} of the critic's server was taken by another program while it was down"
            )
            return False
        self._server = self._start(self.settings, self._log_file)
        self._told()
        return True

    def _told(self) -> None:
        if self._on_start is not None:
            self._on_start(self._server)


def _say(seconds: float, stage: str) -> None:
    log.info("critic: %s (%.0f s)", stage, seconds)
