"""The lock of a device: one caller at a time, also at the end of a process and in its forks."""

from __future__ import annotations

import threading
from collections.abc import Generator as Yields
from contextlib import contextmanager

from omniagent.model import lifetime
from omniagent.model.errors import Cancelled, HardFailure
from omniagent.model.requests import CancelToken
from omniagent.model.turns.workers import one_thread_after_fork, release_workers


class DeviceLock:
    """Lets one caller at a time use a device; who waits still obeys its token.

    When the process ends, the call under way is waited for, and no other thread gets the device any more. On a CPU a
    turn leaves no worker threads behind (`omniagent.model.turns.workers`).
    """

    def __init__(self, device: str = "cpu") -> None:
        self._device = device
        self._lock = lifetime.Lock()
        self._leaving = self._forked = False
        lifetime.end_with(self)
        lifetime.fork_with(self)

    @contextmanager
    def held(self, token: CancelToken | None = None) -> Yields[None]:
        """Hold the device for the block.

        Raises:
            Cancelled: the token was cancelled or expired before the device was free, or the program ends.
            HardFailure: the device is an accelerator, and this process was forked from the one that uses it.
        """
        while not self._lock.acquire(timeout=0.05):
            if token is not None:
                token.check()
        try:
            if self._leaving and threading.current_thread() is not threading.main_thread():
                raise Cancelled("the program ended before the device was free")
            if self._forked:
                self._settle_in_child()
            yield
        finally:
            if self._device.startswith("cpu"):
                release_workers()
            self._lock.release()

    def leave(self) -> None:
        """Let no other thread in any more."""
        self._leaving = True

    def left(self, seconds: float) -> bool:
        """Wait so long for the call under way to end; whether it did."""
        free = self._lock.acquire(timeout=seconds)
        if free:
            self._lock.release()
        return free

    def forked(self) -> None:
        """In a child process: the lock is free, and the device is looked at before its next use."""
        self._forked = True

    def _settle_in_child(self) -> None:
        if self._device != "shared" and not self._device.startswith("cpu"):
            raise HardFailure(
                f"the models are on {self._device}, which a forked process cannot use; start processes by spawn "
                "(multiprocessing.get_context('spawn')), or load the models after the fork"
            )
        one_thread_after_fork()
