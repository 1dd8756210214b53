"""The end of a process, and its forks: work under way is ended, and a child starts with locks and threads of its own.

An interpreter freezes its daemon threads when it goes down. Whoever waits for a frozen thread waits for ever, and a
thread that is frozen inside native code may abort the process. So every thread here is registered: runs are ended while
all threads still live, models and event loops when no other thread is left that might ask them.

    end of the main thread   runs that nobody waits for are cancelled; the others are waited for
    atexit                   queues, devices and event loops end
"""

from __future__ import annotations

import atexit
import os
import sys
import threading
import time
import weakref
from collections.abc import Callable, Generator
from concurrent.futures import thread as pools
from contextlib import contextmanager, suppress
from types import TracebackType
from typing import Final, Protocol

from omniagent.model.errors import HardFailure

GRACE = 5.0
"""Seconds that a process which ends waits for work that was asked to stop: enough for a step of a model."""

OPENING = 60.0
"""The same for models that are being loaded: nothing breaks off the import of a library or the reading of one network,
and a thread that is frozen within them aborts the process. Between two of them `check` ends the loading.
"""

_BEAT = 0.05


class Work:
    """Something under way in another thread. `over` is set at its end; `waiter` is who wants its result."""

    def __init__(self, cancel: Callable[[], None], grace: float = GRACE) -> None:
        self.cancel = cancel
        self.grace = grace
        self.over = threading.Event()
        self.waiter: threading.Thread | None = threading.current_thread()

    @property
    def awaited(self) -> bool:
        """Whether a thread waits for it that keeps the process alive."""
        return self.waiter is not None and _keeps_alive(self.waiter)


class Ending(Protocol):
    """What ends with the process: asked first, then waited for."""

    def leave(self) -> None:
        """Ask for the end; returns at once."""
        ...

    def left(self, seconds: float) -> bool:
        """Wait so long for the end; whether it came."""
        ...


class Forking(Protocol):
    """What a fork leaves without its threads, and with locks that nobody will release."""

    def forked(self) -> None:
        """Make all of that anew; called in the child, before anything else runs there."""
        ...


class _Process:
    """This process: what is under way in it."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._works: weakref.WeakSet[Work] = weakref.WeakSet()
        self._endings: weakref.WeakSet[Ending] = weakref.WeakSet()
        self._forking: weakref.WeakSet[Forking] = weakref.WeakSet()
        self._askers: weakref.WeakSet[threading.Thread] = weakref.WeakSet()
        self.ending = self.child = False
        self.before_torch = "torch" not in sys.modules
        try:
            # The public `atexit` comes too late: LangGraph's thread pools are shut by then, and joined before.
            threading._register_atexit(self._end_works)  # pyright: ignore
        except RuntimeError:
            self.ending = True
        except AttributeError:
            atexit.register(self._end_works)
        with suppress(RuntimeError):
            atexit.register(self._end_rest)
        if hasattr(os, "register_at_fork"):
            os.register_at_fork(after_in_child=self._in_child)

    def begin(self, work: Work) -> None:
        with self._lock:
            if self.ending:
                raise HardFailure(
                    "the program is ending, so no run can begin; let its main thread wait for the other threads (join)"
                )
            self._works.add(work)
            self._askers.add(threading.current_thread())

    def end_with(self, one: Ending) -> None:
        with self._lock:
            self._endings.add(one)

    def fork_with(self, one: Forking) -> None:
        with self._lock:
            self._forking.add(one)

    def _live(self) -> list[Work]:
        with self._lock:
            return [work for work in self._works if not work.over.is_set()]

    def _end_works(self) -> None:
        with suppress(KeyboardInterrupt):
            self._see_awaited_through()
        self.end_runs()

    def end_runs(self) -> None:
        with self._lock:
            self.ending = True
        works = self._live()
        for work in works:
            work.cancel()
        asked = time.monotonic()
        with suppress(KeyboardInterrupt):
            for work in works:
                work.over.wait(max(0.0, asked + work.grace - time.monotonic()))

    def _see_awaited_through(self) -> None:
        """Return when no thread that keeps the process alive waits for a run, or is about to ask for one.

        The interpreter waits for such threads anyhow. One that never asked for a run gets a little time to do so.
        """
        until, idle = time.monotonic() + GRACE, 0
        while idle < 2:
            works = self._live()
            for work in works:
                if not work.awaited:
                    work.cancel()
            awaited = [work for work in works if work.awaited]
            others = [one for one in threading.enumerate() if _keeps_alive(one)]
            busy = [one for one in others if not _is_idle(one)]
            asking = [one for one in busy if one in self._askers]
            if awaited:
                awaited[0].over.wait(_BEAT)
            elif asking or (busy and time.monotonic() < until):
                (asking or busy)[0].join(_BEAT)
            elif not any(one in self._askers for one in others):
                return
            else:
                # A thread of a pool may take its next task now.
                idle += 1
                time.sleep(_BEAT)
                continue
            idle = 0

    def _end_rest(self) -> None:
        with self._lock:
            endings = list(self._endings)
        for one in endings:
            one.leave()
        until = time.monotonic() + GRACE
        for one in endings:
            one.left(max(0.0, until - time.monotonic()))

    def _in_child(self) -> None:
        self._lock = threading.Lock()
        self._works = weakref.WeakSet()
        self.child, self.ending = True, False
        for one in list(self._forking):
            one.forked()


_PROCESS: Final = _Process()


def begin(work: Work) -> None:
    """Register work: when the main thread ends it is cancelled, unless another thread waits for it.

    Raises:
        HardFailure: the process is ending.
    """
    _PROCESS.begin(work)


def end_with(one: Ending) -> None:
    """Have it asked to end when the process ends; it is held weakly."""
    _PROCESS.end_with(one)


def fork_with(one: Forking) -> None:
    """Have it told in children of this process; it is held weakly."""
    _PROCESS.fork_with(one)


def end_runs() -> None:
    """Cancel all work and wait a little for its end, whoever waits for it: the process is about to be left."""
    _PROCESS.end_runs()


def ending() -> bool:
    """Whether the process is on its way out: nothing may be waited for without a limit any more."""
    return sys.is_finalizing() or _PROCESS.ending


def check() -> None:
    """Return if work that takes long may begin its next part.

    Raises:
        HardFailure: the process is ending.
    """
    if ending():
        raise HardFailure("the program is ending, so its models are not loaded any further")


def is_child() -> bool:
    """Whether this process was forked from one that had begun to use models."""
    return _PROCESS.child


def before_torch() -> bool:
    """Whether forks were noticed from before torch was imported, so that none can have left its threads behind."""
    return _PROCESS.before_torch


def wait_for_end(over: threading.Event) -> bool:
    """Wait for the end of work: as long as it takes, a little in a process that is ending, not at all in a frozen one.

    Returns whether it is over.
    """
    if sys.is_finalizing():
        return over.is_set()
    while not over.wait(_BEAT):
        if ending():
            return over.wait(GRACE)
    return True


@contextmanager
def under_way(cancel: Callable[[], None], waiter: threading.Thread | None = None) -> Generator[Work]:
    """The block as work that this thread does for itself, or for another one that waits.

    Raises:
        HardFailure: the process is ending.
    """
    work = Work(cancel, OPENING)
    work.waiter = waiter or work.waiter
    begin(work)
    try:
        yield work
    finally:
        work.over.set()


class Lock:
    """A lock that is free in a forked child, whoever held it at the fork."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        fork_with(self)

    def acquire(self, timeout: float = -1) -> bool:
        """Take it; whether that worked within so many seconds, -1 for no limit."""
        return self._lock.acquire(timeout=timeout)

    def release(self) -> None:
        """Let go of it."""
        # The child of a fork within a block leaves the block with the lock made anew.
        with suppress(RuntimeError):
            self._lock.release()

    def forked(self) -> None:
        self._lock = threading.Lock()

    def __enter__(self) -> None:
        self._lock.acquire()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.release()


def _keeps_alive(thread: threading.Thread) -> bool:
    main = threading.main_thread()
    return thread is not main and thread is not threading.current_thread() and thread.is_alive() and not thread.daemon


def _is_idle(thread: threading.Thread) -> bool:
    """Whether it belongs to a pool, whose threads end after this and only then, and waits for a task there."""
    if type(thread).__module__ == "threading" and thread not in getattr(pools, "_threads_queues", ()):
        return False
    frame = sys._current_frames().get(thread.ident or 0)  # pyright: ignore[reportPrivateUsage]
    return frame is None or frame.f_code.co_filename == pools.__file__
