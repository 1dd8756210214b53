"""Server-sent events: how they look on the wire, and a sign of life while nothing happens."""

import asyncio
from collections.abc import AsyncGenerator
from typing import Final, TypeVar

from fastapi.sse import KEEPALIVE_COMMENT, format_sse_event

T = TypeVar("T")
MEDIA_TYPE: Final = "text/event-stream"
HEADERS: Final = {"Cache-Control": "no-cache", "X-Accel-Buffering": "no"}
HEARTBEAT: Final = KEEPALIVE_COMMENT.decode()
HEARTBEAT_SECONDS: Final = 15.0


def sse(event: str, data: str, name: str | None = None) -> str:
    """One event; `name` is what a client sends back as Last-Event-ID."""
    return format_sse_event(data_str=data, event=event, id=name).decode()


async def with_heartbeat(things: "asyncio.Queue[T]", seconds: float = HEARTBEAT_SECONDS) -> AsyncGenerator[T | str]:
    """The things as they come, and a comment when none came for so long, so that no proxy takes the stream for dead."""
    while True:
        try:
            yield await asyncio.wait_for(things.get(), seconds)
        except TimeoutError:
            yield HEARTBEAT
