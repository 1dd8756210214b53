"""An asyncio loop in a thread of its own, so that blocking callers can give up network work the moment they want to."""

from __future__ import annotations

import asyncio
import threading
import weakref
from collections.abc import Callable, Coroutine, Iterable
from concurrent.futures import Future, wait
from typing import Any, TypeVar

from omniagent.model import lifetime
from omniagent.model.requests import CancelToken

T = TypeVar("T")


class BackgroundLoop:
    """Runs coroutines for threads that wait. The thread starts with the first call and ends with `close`.

    `renew` makes anew, in a forked child, what the coroutines share with their parent: connections.
    """

    def __init__(self, name: str, renew: Callable[[], None] | None = None) -> None:
        self._name = name
        self._renew = None if renew is None else weakref.WeakMethod(renew)
        self._loop: asyncio.AbstractEventLoop | None = None
        self._thread: threading.Thread | None = None
        self._lock = threading.Lock()
        self._leaving: threading.Thread | None = None
        self._orphans: list[asyncio.AbstractEventLoop] = []
        lifetime.fork_with(self)

    def submit(self, work: Coroutine[Any, Any, T]) -> Future[T]:
        """Start `work`; cancelling the future cancels it, so its connection closes. May be called from any thread."""
        return asyncio.run_coroutine_threadsafe(work, self._started())

    def run(self, work: Coroutine[Any, Any, T], token: CancelToken | None = None) -> T:
        """The result of `work`, or what it raises. May be called from several threads at once.

        Raises:
            Cancelled: the token was cancelled or expired first; `work` is cancelled, so its connection closes.
        """
        future = self.submit(work)
        try:
            while not wait([future], timeout=0.05).done:
                if token is not None:
                    token.check()
            return future.result()
        except BaseException:
            future.cancel()
            raise

    def cancel(self, futures: Iterable[Future[Any]]) -> None:
        """Cancel work that `submit` started, all at once, so that none of it begins with the room another one frees."""
        started = [future for future in futures if not future.done()]

        def cancel_all() -> None:
            for future in started:
                future.cancel()

        with self._lock:  # a loop that is closed takes no more calls
            if self._loop is not None:
                self._loop.call_soon_threadsafe(cancel_all)

    def close(self) -> None:
        """Cancel what still runs and end the thread. A later `run` starts a new one."""
        thread = self._stopped()
        if thread is not None:
            thread.join(lifetime.GRACE if lifetime.ending() else None)

    def leave(self) -> None:
        """As `close`, without waiting for it."""
        self._leaving = self._stopped()

    def left(self, seconds: float) -> bool:
        """Wait so long for the thread's end; whether it came."""
        thread = self._leaving
        if thread is not None:
            thread.join(seconds)
        return thread is None or not thread.is_alive()

    def forked(self) -> None:
        """In a child process: the thread starts anew with the first call."""
        self._lock = threading.Lock()
        if self._loop is not None:
            # Closing it here would take the parent's connections out of the selector that both share.
            self._orphans.append(self._loop)
        self._loop = self._thread = None
        renew = None if self._renew is None else self._renew()
        if renew is not None:
            renew()

    def _stopped(self) -> threading.Thread | None:
        with self._lock:
            loop, thread = self._loop, self._thread
            self._loop = self._thread = None
        if loop is not None:
            loop.call_soon_threadsafe(loop.stop)
        return thread

    def _started(self) -> asyncio.AbstractEventLoop:
        with self._lock:
            if self._loop is None:
                self._loop = asyncio.new_event_loop()
                self._thread = threading.Thread(target=_serve, args=(self._loop,), name=self._name, daemon=True)
                self._thread.start()
                lifetime.end_with(self)
            return self._loop


def _serve(loop: asyncio.AbstractEventLoop) -> None:
    asyncio.set_event_loop(loop)
    loop.run_forever()
    left = asyncio.all_tasks(loop)
    for task in left:
        task.cancel()
    loop.run_until_complete(asyncio.gather(*left, return_exceptions=True))
    loop.run_until_complete(loop.shutdown_asyncgens())
    loop.close()
