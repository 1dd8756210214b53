"""Streamed answers of the images API: drafts while a run works, then its picture, as server-sent events.

A draft is an attempt that the agent has drawn and may still replace: its event says `draft: true`, and is of another
type than the picture that is returned, so that no client takes one for the other.
"""

import asyncio
import time
from collections.abc import AsyncGenerator, Sequence
from contextlib import suppress
from typing import Literal

from omniagent.http.api.bodies import ImageOptions
from omniagent.http.api.image_replies import Found, Pictures, Quality, Tokens, found_of, quality_of, tokens_of
from omniagent.http.api.replies import Reply
from omniagent.http.api.sse import sse, with_heartbeat
from omniagent.http.desk.desk import Desk
from omniagent.http.desk.job import Job
from omniagent.http.guard.errors import ApiError, refusal_of
from omniagent.http.pictures.output import OutputFormat
from omniagent.runs.awaiting import in_thread
from omniagent.tools.record.trace import AttemptMade
from omniagent.tools.types import Attempt

Family = Literal["image_generation", "image_edit"]


class _Told(Reply):
    type: str
    b64_json: str
    background: Literal["opaque"] = "opaque"
    created_at: int
    output_format: OutputFormat
    quality: Quality
    size: str
    image_index: int


class Draft(_Told):
    """An attempt that may still be replaced. `partial_image_index` counts from 0 for each picture."""

    partial_image_index: int
    draft: Literal[True] = True
    run_id: str
    attempt: str


class Completed(_Told, Found):
    """The picture that is returned."""

    draft: Literal[False] = False
    usage: Tokens
    safety_identifier: str | None = None


async def picture_events(
    family: Family, jobs: Sequence[Job], options: ImageOptions, pictures: Pictures, desk: Desk
) -> AsyncGenerator[str]:
    """The events of all pictures as they come. Closing it early, as when the client goes away, cancels the runs."""
    lines: asyncio.Queue[str | None] = asyncio.Queue()

    async def tell(index: int, job: Job) -> None:
        try:
            async for line in _one(family, index, job, options, pictures):
                lines.put_nowait(line)
        except Exception as error:
            lines.put_nowait(sse("error", refusal_of(error).body.model_dump_json()))
        finally:
            lines.put_nowait(None)

    tasks = [asyncio.create_task(tell(index, job)) for index, job in enumerate(jobs)]
    try:
        left = len(tasks)
        async for line in with_heartbeat(lines):
            if line is None:
                left -= 1
                if not left:
                    return
            else:
                yield line
    finally:
        for task in tasks:
            task.cancel()
        for job in jobs:
            with suppress(ApiError):
                await asyncio.shield(desk.cancel(job))


async def _one(family: Family, index: int, job: Job, options: ImageOptions, pictures: Pictures) -> AsyncGenerator[str]:
    drafts = 0

    async def told(kind: str, attempt: Attempt) -> dict[str, object]:
        return {
            "type": f"{family}.{kind}",
            "b64_json": await in_thread(lambda: pictures.base64(job, attempt)),
            "created_at": int(time.time()),
            "output_format": options.form,
            "quality": quality_of(options),
            "size": f"{attempt.image.width}x{attempt.image.height}",
            "image_index": index,
        }

    async for event in job.follow():
        if isinstance(event, AttemptMade) and drafts < (options.partial_images or 0):
            one = event.attempt
            draft = Draft.model_validate(
                {
                    **await told("partial_image", one),
                    "partial_image_index": drafts,
                    "run_id": job.order.run_id,
                    "attempt": one.id,
                }
            )
            yield sse(draft.type, draft.model_dump_json())
            drafts += 1
    found, best = found_of(job)
    done = Completed.model_validate(
        {
            **found.model_dump(),
            **await told("completed", best),
            "usage": tokens_of([job]),
            "safety_identifier": options.identifier,
        }
    )
    yield sse(done.type, done.model_dump_json())
