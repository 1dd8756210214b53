"""Runs carried out by one process beside the server's: drawing never holds the server's event loop up.

The agent's threads and torch keep Python's lock of their process busy, so that a server within it answers late. The
process also takes the blame when memory runs out or native code crashes: the server stays, starts it again, and the
runs that were at work in it go on from their checkpoints. They do so one at a time and alone, so that a run that brings
the process down again is known, ends with an error, and takes no other one with it.
"""

import asyncio
import logging
from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import AsyncExitStack, aclosing, suppress
from dataclasses import dataclass, field
from typing import TypeVar

from omniagent.http.desk.order import RunOrder
from omniagent.http.desk.process.child import Child, WorkerGone
from omniagent.http.desk.process.messages import Make, packed
from omniagent.http.desk.process.turns import Turns
from omniagent.model.errors import Cancelled, HardFailure, OmniAgentError, WorkerLost
from omniagent.tools.record.trace import Event

T = TypeVar("T")
_LOG = logging.getLogger("omniagent.http")
_DEATHS = 2
"""Deaths of the process that one run may be at work in; the second one it met alone."""
_BACKOFF = (1.0, 30.0)
_REVIVAL = 120.0
"""Seconds for which runs wait for a worker that is started again."""


@dataclass(slots=True, eq=False)
class _Run:
    """A run on its way. `stop` is how to stop it once it has begun; `stopped` is set when it was asked to before."""

    stopped: asyncio.Event = field(default_factory=asyncio.Event)
    stop: Callable[[], None] | None = None


class ProcessEngine:
    """An `Engine` over one worker process.

    Args:
        make: Makes the agent there; it must be picklable.

    Raises:
        BadSetting: it is not.
    """

    def __init__(self, make: Make) -> None:
        self._make = packed(make)
        self._turns = Turns()
        self._runs: dict[str, _Run] = {}
        self._start: asyncio.Task[Child] | None = None
        self._reviving: asyncio.Task[None] | None = None
        self._closed = False

    @property
    def ready(self) -> bool:
        """See `Engine`."""
        return self.pid is not None

    @property
    def pid(self) -> int | None:
        """The process id of the worker, when it is up with its models loaded."""
        start = self._start
        if start is None or not start.done() or start.cancelled() or start.exception() is not None:
            return None
        return None if start.result().gone else start.result().pid

    async def load(self) -> None:
        """See `Engine`."""
        await self._up()

    async def stream(self, order: RunOrder) -> AsyncGenerator[Event]:
        """See `Engine`.

        Raises:
            WorkerLost: the process died twice over this run, the second time while it was alone in it.
        """
        run = self._runs[order.run_id] = _Run()
        try:
            for death in range(_DEATHS):
                async with AsyncExitStack() as turn:
                    mine = self._turns.alone() if death else self._turns.beside()
                    await _unless(run, turn.enter_async_context(mine))
                    child = await _unless(run, self._revived())
                    while child.gone:
                        # It died before this run was at work in it.
                        child = await _unless(run, self._revived())

                    def begun(number: int, child: Child = child) -> None:
                        run.stop = lambda: child.stop(number)

                    try:
                        async with aclosing(child.run(order, begun)) as events:
                            async for event in events:
                                yield event
                        return
                    except WorkerGone as gone:
                        how, run.stop = gone.how, None
                        _LOG.warning("the process that drew the run %s is gone: %s", order.run_id, how)
                if death + 1 == _DEATHS:
                    raise WorkerLost(
                        f"the process that worked on the run {order.run_id} died twice ({how}), the second time with "
                        "this run alone in it; ask for a smaller picture or less, or give the server more memory"
                    )
        finally:
            self._runs.pop(order.run_id, None)

    async def stop(self, run_id: str) -> None:
        """See `Engine`."""
        if (run := self._runs.get(run_id)) is not None:
            if run.stop is not None:
                run.stop()
            else:
                run.stopped.set()

    async def close(self) -> None:
        """See `Engine`: ends the process."""
        self._closed = True
        for task in (self._reviving, self._start):
            if task is not None and not task.done():
                task.cancel()
                with suppress(asyncio.CancelledError, OmniAgentError):
                    await task
        if self._start is not None and not self._start.cancelled() and self._start.exception() is None:
            await self._start.result().close()

    def _up(self) -> Awaitable[Child]:
        """The worker, started if there is none; all who ask meanwhile wait for the same start."""
        if self._closed:
            raise HardFailure("the server ends before the run has begun; run the task again")
        start = self._start
        if start is None or (start.done() and self.pid is None):
            self._start = start = asyncio.create_task(Child.start(self._make, self._gone))
            start.add_done_callback(lambda done: done.cancelled() or done.exception())
        return asyncio.shield(start)

    async def _revived(self) -> Child:
        """The worker; after one that died, whose memory may be missing for a while, its restarts are waited for."""
        if (reviving := self._reviving) is not None and not reviving.done():
            with suppress(TimeoutError):
                await asyncio.wait_for(asyncio.shield(reviving), _REVIVAL)
        return await self._up()

    def _gone(self) -> None:
        if not self._closed:
            self._reviving = asyncio.create_task(self._revive())

    async def _revive(self) -> None:
        pause, longest = _BACKOFF
        while True:
            try:
                await self._up()
                return
            except OmniAgentError as error:
                _LOG.warning("the process that draws cannot be started again: %s", error)
                await asyncio.sleep(pause)
                pause = min(2 * pause, longest)


async def _unless(run: _Run, work: Awaitable[T]) -> T:
    """What the work gives, unless the run is asked to stop first.

    Raises:
        Cancelled: it was.
    """
    working, stopped = asyncio.ensure_future(work), asyncio.create_task(run.stopped.wait())
    try:
        await asyncio.wait({working, stopped}, return_when=asyncio.FIRST_COMPLETED)
        if working.done():
            return working.result()
        raise Cancelled("the run was cancelled before it began")
    finally:
        stopped.cancel()
        if not working.done():
            working.cancel()
            with suppress(asyncio.CancelledError):
                await working
