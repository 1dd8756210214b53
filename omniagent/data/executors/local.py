"""Work on this machine: in this process, or in several processes beside it."""

import os
import signal
import threading
from collections import deque
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from multiprocessing import get_context, parent_process
from multiprocessing.connection import wait
from typing import Any, Final, TypeVar

from omniagent.data.executors.errand import Errand
from omniagent.model.errors import BadSetting

_AHEAD: Final = 2
"""Items a worker that wait for it, so that none is idle while an item that takes long is waited for."""
_DEATHS: Final = 2
D = TypeVar("D")


class LocalExecutor:
    """An `Executor` on this machine.

    Each worker process loads the recipe's models by itself: on one accelerator, take one worker and let models compute
    in batches. A worker that dies (out of memory, a crash within a decoder) is replaced; the item that kills a worker
    of its own twice is set aside.

    Args:
        workers: Processes; 1 works in this one.
    """

    def __init__(self, workers: int = 1) -> None:
        if workers < 1:
            raise BadSetting(f"workers={workers} is not allowed; give 1 or more")
        self._workers = workers

    def run(self, job: Errand[D], items: list[str]) -> Iterator[D]:
        """As `Executor.run`.

        Raises:
            BadSetting: several workers are to use what stays in its process, such as models that were given.
        """
        if self._workers == 1:
            work = job.begin()
            return (work(item) for item in items)
        job.check_sent()
        return self._beside(job, items)

    def _beside(self, job: Errand[D], items: list[str]) -> Iterator[D]:
        waiting: deque[tuple[str, Future[D]]] = deque()
        left = iter(items)
        pool = _pool(job, self._workers)
        try:
            while True:
                while len(waiting) < _AHEAD * self._workers and (item := next(left, None)) is not None:
                    try:
                        waiting.append((item, pool.submit(_work, item)))
                    except BrokenProcessPool as error:
                        failed: Future[D] = Future()
                        failed.set_exception(error)
                        waiting.append((item, failed))
                if not waiting:
                    return
                item, future = waiting.popleft()
                try:
                    yield future.result()
                except BrokenProcessPool:
                    # It is not known whose item it was: each one under way is tried again, alone, from its ledger.
                    pool.shutdown(wait=True)
                    under_way = [item, *(name for name, _ in waiting)]
                    waiting.clear()
                    yield from _one_by_one(job, under_way)
                    pool = _pool(job, self._workers)
        finally:
            pool.shutdown(wait=True, cancel_futures=True)


def _one_by_one(job: Errand[D], items: list[str]) -> Iterator[D]:
    """Items in one process, each alone in it, so that a death is the fault of the item at hand."""
    pool = _pool(job, 1)
    try:
        for item in items:
            for _ in range(_DEATHS):
                try:
                    done = pool.submit(_work, item).result()
                    break
                except BrokenProcessPool:
                    pool.shutdown(wait=True)
                    pool = _pool(job, 1)
            else:
                message = f"the process that worked on it died {_DEATHS} times (killed, or a crash in a library)"
                done = job.lost(item, message)
            yield done
    finally:
        pool.shutdown(wait=True, cancel_futures=True)


def _pool(job: Errand[Any], workers: int) -> ProcessPoolExecutor:
    # Spawned: a fork of a process that has computed with torch may hang.
    return ProcessPoolExecutor(workers, mp_context=get_context("spawn"), initializer=_begin, initargs=(job,))


class _Here:
    """What the process of a pool works with, which its tasks cannot be given otherwise."""

    work: Callable[[str], Any] | None = None


def _begin(job: Errand[Any]) -> None:
    # Ctrl-C reaches all processes of a terminal; the first one ends the others.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    threading.Thread(target=_end_with_parent, daemon=True).start()
    _Here.work = job.begin()


def _end_with_parent() -> None:
    # A pool's process holds both ends of its queue, so it would wait for ever for a parent that was killed.
    if (parent := parent_process()) is not None:
        wait([parent.sentinel])
        os._exit(1)


def _work(item: str) -> Any:
    assert _Here.work is not None
    return _Here.work(item)
