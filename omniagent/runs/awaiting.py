"""Runs for asyncio: no thread of the program's own pool is held, neither while a run works nor while models load."""

import asyncio
import threading
from collections.abc import Callable
from contextlib import suppress
from contextvars import copy_context
from typing import Generic, NoReturn, TypeVar

T = TypeVar("T")


class Mailbox(Generic[T]):
    """Carries things from any thread to the event loop that made it."""

    def __init__(self) -> None:
        self._loop = asyncio.get_running_loop()
        self._things: asyncio.Queue[T] = asyncio.Queue()

    def put(self, thing: T) -> None:
        """Send it; a loop that is closed wants nothing any more. May be called from any thread."""
        with suppress(RuntimeError):
            self._loop.call_soon_threadsafe(self._things.put_nowait, thing)

    async def get(self) -> T:
        """The next thing, waiting for it."""
        return await self._things.get()

    async def run_dry(self, seconds: float) -> None:
        """Throw away what comes up to a None, for so long at most."""
        with suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                while await self._things.get() is not None:
                    pass


async def in_thread(work: Callable[[], T]) -> T:
    """The result of `work`, or what it raises, from a thread of its own; `asyncio.to_thread` without its pool."""
    box: Mailbox[Callable[[], T]] = Mailbox()
    context = copy_context()

    def run() -> None:
        try:
            made = context.run(work)
        except BaseException as error:
            box.put(_raising(error))
        else:
            box.put(lambda: made)

    threading.Thread(target=run, name="omniagent-open", daemon=True).start()
    return (await box.get())()


def _raising(error: BaseException) -> Callable[[], NoReturn]:
    def again() -> NoReturn:
        raise error

    return again
