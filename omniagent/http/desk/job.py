"""One run on the desk: its state, its events so far, and the clients that follow them."""

import asyncio
import time
from collections.abc import AsyncGenerator
from dataclasses import dataclass, field
from typing import Literal

from omniagent.http.desk.order import RunOrder
from omniagent.http.guard.errors import ApiError
from omniagent.tools.record.trace import LIVE_ONLY, Event, RunEnded, StepProgress


@dataclass(slots=True, eq=False)
class Job:
    """A run from its acceptance to its end. Lives in the event loop alone.

    Attributes:
        state: `accepted` while its order is written, `waiting` in the queue, then `working` and `over`.
        events: What was told so far.
        failure: Why it ended without a result; None otherwise.
        stopping: Whether it was asked to stop.
        ended: The last event of a run that left a result.
    """

    order: RunOrder
    state: Literal["accepted", "waiting", "working", "over"] = "accepted"
    events: list[Event] = field(default_factory=list[Event])
    failure: ApiError | None = None
    stopping: bool = False
    ended: RunEnded | None = None
    since: float = field(default_factory=time.monotonic)
    _news: asyncio.Event = field(default_factory=asyncio.Event)

    @property
    def over(self) -> bool:
        """Whether nothing more will come."""
        return self.state == "over"

    def hear(self, event: Event) -> None:
        """Take an event in, and wake those who follow."""
        if self.events and isinstance(last := self.events[-1], StepProgress) and last.previews:
            # A rough picture is of use only while it is drawn.
            self.events[-1] = last.model_copy(update={"previews": ()})
        self.events.append(event)
        if isinstance(event, RunEnded):
            self.ended = event
        self.wake()

    def wake(self) -> None:
        """Let those who follow look again."""
        news, self._news = self._news, asyncio.Event()
        news.set()

    async def changed(self) -> None:
        """Wait until something is new."""
        await self._news.wait()

    async def until_over(self) -> None:
        """Wait for the end."""
        while not self.over:
            await self.changed()

    async def follow(self, after: int = 0) -> AsyncGenerator[Event | None]:
        """The events whose sequence is over `after`, as they come, up to the end.

        While the run waits, None is given whenever its place in the queue may have changed.
        """
        at = 0
        while True:
            if self.state in ("accepted", "waiting"):
                yield None
            while at < len(self.events):
                event = self.events[at]
                at += 1
                # Live events bear the number of the written one before them.
                if event.sequence > after or (isinstance(event, LIVE_ONLY) and not self.over):
                    yield event
            if self.over:
                return
            if at == len(self.events):
                await self.changed()
