"""The events of a run as a stream that can be taken up again: ids are the numbers of the trace's lines."""

import asyncio
from collections.abc import AsyncGenerator

from omniagent.http.api.lookup import failure_of
from omniagent.http.api.replies import without_paths
from omniagent.http.api.service import Service
from omniagent.http.api.sse import sse, with_heartbeat
from omniagent.http.desk.job import Job
from omniagent.http.desk.order import RunOrder
from omniagent.http.guard.errors import ErrorReply
from omniagent.runs.awaiting import in_thread
from omniagent.tools.record.trace import LIVE_ONLY, Event, RunStarted

QUEUED = "queued"
FAILED = "failed"


async def run_events(service: Service, order: RunOrder, after: int) -> AsyncGenerator[str]:
    """The written events after a number, then the live ones up to the end.

    A waiting run tells `queued` with its place. A run that leaves no result ends with `failed` and its error.
    """
    job = service.desk.job(order.owner, order.run_id)
    for event in await in_thread(lambda: service.folders.events(order)):
        if event.sequence > after:
            yield _told(event, order)
            after = event.sequence
    if job is not None:
        lines: asyncio.Queue[str | None] = asyncio.Queue()
        following = asyncio.create_task(_follow(service, job, after, lines))
        try:
            async for line in with_heartbeat(lines):
                if line is None:
                    break
                yield line
        finally:
            following.cancel()
    failure = await in_thread(lambda: failure_of(service, order))
    if failure is not None:
        yield sse(FAILED, ErrorReply(error=failure.error).model_dump_json())


async def _follow(service: Service, job: Job, after: int, lines: "asyncio.Queue[str | None]") -> None:
    last: int | None = None
    try:
        async for event in job.follow(after):
            if event is not None:
                lines.put_nowait(_told(event, job.order))
            elif (position := service.desk.position(job)) != last:
                lines.put_nowait(sse(QUEUED, f'{{"position": {position}}}'))
                last = position
    finally:
        lines.put_nowait(None)


def _told(event: Event, order: RunOrder) -> str:
    if isinstance(event, RunStarted):
        event = event.model_copy(update={"folder": order.run_id})
    name = None if isinstance(event, LIVE_ONLY) else str(event.sequence)
    return sse(event.event, without_paths(event.model_dump_json(), order), name)
