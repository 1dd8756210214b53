"""What one agent has under way, so that it can be ended: its runs, and its looks at pictures."""

import threading
import weakref
from collections.abc import Callable, Generator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from omniagent.config import Config
from omniagent.model import lifetime
from omniagent.model.requests import CancelToken

if TYPE_CHECKING:
    from omniagent.model.runtime import ModelRuntime
    from omniagent.runs.looking import Looking
    from omniagent.runs.session import Session


class UnderWay:
    """Runs and looks of one agent. Safe to share between threads.

    Args:
        check_open: Raises when the agent was closed. Asked under the same lock under which work is added and listed, so
            that whatever begins is either refused or part of what is closed.
    """

    def __init__(self, check_open: Callable[[], None]) -> None:
        self._check_open = check_open
        self._lock = lifetime.Lock()
        self._runs: weakref.WeakSet[Session] = weakref.WeakSet()
        self._looks: dict[lifetime.Work, threading.Thread] = {}

    def begin(self, run: "Session") -> None:
        """Add a run, and start it.

        Raises:
            BadSetting: the agent was closed.
            HardFailure: the program is ending.
        """
        with self._lock:
            self._check_open()
            self._runs.add(run)
        try:
            run.start()
        except BaseException:
            self.forget(run)
            raise

    def forget(self, run: "Session") -> None:
        """Take a run from the list; it may still be waited for."""
        with self._lock:
            self._runs.discard(run)

    @contextmanager
    def looking(
        self,
        load: "Callable[[], ModelRuntime]",
        config: Config,
        token: CancelToken | None = None,
        waiter: threading.Thread | None = None,
    ) -> "Generator[Looking]":
        """For looks within the block, by this thread for itself or for another one that waits.

        Raises:
            BadSetting: the agent was closed.
            HardFailure: the program is ending.
        """
        from omniagent.runs.looking import Looking

        token = token or CancelToken()
        with lifetime.under_way(token.cancel, waiter) as work:

            def loaded() -> "ModelRuntime":
                runtime = load()
                work.grace = lifetime.GRACE
                return runtime

            with self._lock:
                self._check_open()
                self._looks[work] = threading.current_thread()
            try:
                yield Looking(loaded, config, token)
            finally:
                with self._lock:
                    self._looks.pop(work, None)

    def runs(self) -> "tuple[Session, ...]":
        """Those that have not ended."""
        with self._lock:
            return tuple(self._runs)

    def cancel(self, run_id: str | None) -> int:
        """Ask one run, or all runs and looks, to stop; how many were asked."""
        runs = [run for run in self.runs() if run_id in (None, run.run_id)]
        looks = list(self._others() if run_id is None else ())
        for one in (*runs, *looks):
            one.cancel()
        return len(runs) + len(looks)

    def close(self) -> None:
        """Cancel all, and wait for the end of each. A look of this very thread is only asked to stop."""
        self.cancel(None)
        for run in self.runs():
            run.close()
        for look, thread in self._others().items():
            if thread is not threading.current_thread():
                lifetime.wait_for_end(look.over)

    def _others(self) -> dict[lifetime.Work, threading.Thread]:
        # In a forked child the threads of its parent are not there, and their looks end there alone.
        with self._lock:
            return {look: thread for look, thread in self._looks.items() if thread.is_alive()}
