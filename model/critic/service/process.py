"""One server process: started, waited for, told from a hung one, and ended with everything it started."""

from __future__ import annotations

import http.client
import os
import re
import signal
import socket
import subprocess
import tempfile
import time
import urllib.request
from collections.abc import Callable
from pathlib import Path

from omniagent.model.critic.service.settings import HOST, ServeSettings, command_of, environment_of, serving_folder
from omniagent.model.errors import CriticUnavailable, OutputUnwritable
from omniagent.model.requests import CancelToken

Progress = Callable[[float, str], None]
"""Seconds since the start, and what the server is doing."""

STAGES = (
    (re.compile(r"Application startup complete"), "ready"),
    (re.compile(r"Starting vLLM API server|Route: /health"), "opening the API"),
    (re.compile(r"KV cache size|init engine"), "setting up its memory"),
    (re.compile(r"Loading weights took|Model loading took"), "weights are read"),
    (re.compile(r"Starting to load model|Loading weights"), "reading weights"),
    (re.compile(r"Initializing a V1 LLM engine"), "starting its engine"),
)
GRACE = 10.0
TAIL = 6000


class ServerProcess:
    """A vLLM in a process group of its own; it ends with this process, however this one ends.

    Attributes:
        settings: What it was started with.
        log: The file that its output goes to.
    """

    def __init__(self, settings: ServeSettings, log: Path) -> None:
        """Start it. Nothing has been waited for yet.

        Raises:
            BadCheckpoint: there is no model to serve.
            OutputUnwritable: the log cannot be written.
            CriticUnavailable: its Python cannot be run.
        """
        self.settings = settings
        self.log = log
        self._links = tempfile.TemporaryDirectory(prefix="omniagent-critic-")
        self._started = time.monotonic()
        reading, self._alive = os.pipe()
        try:
            folder = serving_folder(settings, Path(self._links.name) / settings.name)
            try:
                log.parent.mkdir(parents=True, exist_ok=True)
                output = log.open("ab")
            except OSError as error:
                raise OutputUnwritable(f"the critic's log {log} cannot be written: {error}") from error
            with output:
                self._log_start = output.tell()
                self._child = subprocess.Popen(
                    command_of(settings, folder, reading),
                    env=environment_of(settings),
                    stdin=subprocess.DEVNULL,
                    stdout=output,
                    stderr=subprocess.STDOUT,
                    cwd=self._links.name,
                    start_new_session=True,
                    pass_fds=(reading,),
                )
        except OSError as error:
            self._release()
            raise CriticUnavailable(f"the critic's server cannot be started: {error}") from error
        except BaseException:
            self._release()
            raise
        finally:
            os.close(reading)

    @property
    def pid(self) -> int:
        """Its process id, which is also that of its process group."""
        return self._child.pid

    @property
    def ended(self) -> int | None:
        """Its exit code; None while it runs."""
        return self._child.poll()

    def healthy(self, timeout: float = 5.0) -> bool:
        """Whether it answers."""
        return answers(self.settings.url, timeout)

    def wait_ready(self, limit: float, *, token: CancelToken | None = None, progress: Progress | None = None) -> None:
        """Return when it answers; `progress` is told at each new stage and every 10 seconds.

        Raises:
            CriticUnavailable: it ended, or did not answer within `limit` seconds; the message has its last words.
            Cancelled: the token was cancelled or expired.
        """
        told, at = "", -10.0
        while True:
            if token is not None:
                token.check()
            seconds = time.monotonic() - self._started
            if (code := self.ended) is not None:
                raise CriticUnavailable(f"the critic's server ended with code {code}: {self.last_words()}")
            ready = self.healthy(1.0)
            stage = "ready" if ready else self.stage()
            if progress is not None and (stage != told or seconds - at >= 10):
                told, at = stage, seconds
                progress(seconds, stage)
            if ready:
                return
            if seconds > limit:
                raise CriticUnavailable(
                    f"the critic's server did not answer within {limit:.0f} s ({stage}); see {self.log}"
                )
            time.sleep(0.2)

    def stage(self) -> str:
        """What it is doing, by its log."""
        text = self._tail()
        return next((stage for pattern, stage in STAGES if pattern.search(text)), "starting")

    def last_words(self) -> str:
        """The line of its log that tells best why it ended, and where the log is."""
        lines = [line.strip() for line in self._tail().splitlines() if line.strip()]
        telling = [line for line in lines if re.search(r"\b\w*(Error|Exception)\b:?|error:", line)]
        said = (telling or lines or ["it said nothing"])[-1]
        return f"{said[-300:]} (see {self.log})"

    def stop(self, grace: float = GRACE) -> None:
        """End it and all that it started; kill what does not obey within `grace` seconds. Twice does no harm."""
        end_group(self._child.pid, grace, self._child.poll)
        self._child.wait()
        self._release()

    def _tail(self) -> str:
        try:
            with self.log.open("rb") as file:
                file.seek(0, os.SEEK_END)
                file.seek(max(self._log_start, file.tell() - TAIL))
                return file.read().decode(errors="replace")
        except OSError:
            return ""

    def _release(self) -> None:
        if self._alive >= 0:
            os.close(self._alive)
            self._alive = -1
        self._links.cleanup()


def answers(url: str, timeout: float = 5.0) -> bool:
    """Whether the server of a base URL says that it is well."""
    try:
        # No proxies: the server is on this machine.
        opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
        with opener.open(url.removesuffix("/v1") + "/health", timeout=timeout) as reply:
            return reply.status == 200
    except (OSError, http.client.HTTPException, ValueError):
        return False


def end_group(group: int, grace: float, ended: Callable[[], object | None]) -> None:
    """Ask a process group to end, and kill what is left of it after `grace` seconds; also one that is stopped."""
    try:
        os.killpg(group, signal.SIGTERM)
        os.killpg(group, signal.SIGCONT)
        until = time.monotonic() + grace
        while ended() is None and time.monotonic() < until:
            time.sleep(0.05)
        os.killpg(group, signal.SIGKILL)
    except (ProcessLookupError, PermissionError):
        return


def free_port(wanted: int = 0) -> int:
    """A port of the loopback interface that nobody listens on: the wanted one if it is free, else any.

    Raises:
        CriticUnavailable: there is none.
    """
    for port in (wanted, 0):
        with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind((HOST, port))
            except OSError:
                continue
            return int(probe.getsockname()[1])
    raise CriticUnavailable("this machine has no free port on 127.0.0.1")
