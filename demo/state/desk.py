"""The runs at work: each goes on whether or not a page looks, in turn, and tells every page that does."""

import asyncio
import logging
import queue
from collections.abc import AsyncIterator, Callable
from contextlib import aclosing
from dataclasses import dataclass, field
from typing import Literal

from omniagent.agent import Agent, RunOptions
from omniagent.demo.rendering.story import Story
from omniagent.model.errors import OmniAgentError, RetryableError
from omniagent.model.wording import cut
from omniagent.runs.awaiting import in_thread
from omniagent.tools.record.trace import RunEnded

Stage = Literal["waiting", "loading", "working", "over"]
_PACE = 0.1
"""Seconds between two pictures of the page at least."""


class TooBusy(RetryableError):
    """More runs wait than are let wait."""


@dataclass(slots=True, eq=False)
class Order:
    """A run that was ordered: what `Agent.astream` takes."""

    run: str
    task: str
    pictures: tuple[str, ...]
    options: RunOptions


@dataclass(slots=True, eq=False)
class Live:
    """A run at work, as far as it has come. `ahead` counts the runs that come before it while it waits."""

    run: str
    story: Story = field(default_factory=Story)
    stage: Stage = "waiting"
    ahead: int = 0
    error: str = ""
    question: str | None = None
    _answers: "queue.SimpleQueue[str]" = field(default_factory=lambda: queue.SimpleQueue[str]())
    _changed: asyncio.Event = field(default_factory=asyncio.Event)
    _loop: asyncio.AbstractEventLoop = field(default_factory=asyncio.get_running_loop)
    begun: bool = False
    stopped: bool = False

    def touch(self) -> None:
        """Tell all who look that something changed."""
        self._changed.set()
        self._changed = asyncio.Event()

    async def change(self) -> None:
        """Wait for the next change."""
        await self._changed.wait()

    async def changes(self) -> AsyncIterator[None]:
        """One turn for each change, or for several that came close together; ends with the run."""
        while self.stage != "over":
            changed = self._changed
            yield
            await asyncio.sleep(_PACE)
            await changed.wait()

    def ask(self, question: str) -> str:
        """Show a question and wait for its answer, in the run's own thread; a stopped run gets none."""
        self._loop.call_soon_threadsafe(self._show, question)
        return self._answers.get()

    def answer(self, words: str) -> None:
        """Answer the question at hand."""
        if self.question is not None:
            self.question = None
            self._answers.put(words)
            self.touch()

    def free(self) -> None:
        """Let a thread go that waits for an answer."""
        self.stopped, self.question = True, None
        self._answers.put("")
        self.touch()

    def _show(self, question: str) -> None:
        if not self.stopped:
            self.question = question
            self.touch()


class Desk:
    """Takes orders from the event loop of the server; so many runs are at work at once, the others wait in turn."""

    def __init__(self, agent: Agent, *, at_once: int = 2, most_waiting: int = 64) -> None:
        self.agent = agent
        self._at_once = at_once
        self._most_waiting = most_waiting
        self._live: dict[str, Live] = {}
        self._tasks: dict[str, asyncio.Task[None]] = {}
        self._queue: list[Live] = []
        self._busy = 0
        self._loaded = False

    def live(self, run: str) -> Live | None:
        """The run of that id, while it is waiting or at work."""
        return self._live.get(run)

    def start(self, order: Order, done: Callable[[Live], None], story: Story | None = None) -> Live:
        """Begin a run, or let it wait for its turn.

        Args:
            order: What is wanted.
            done: Told when the run is over, before anybody else is.
            story: What a run that goes on has told before.

        Raises:
            TooBusy: too many wait already.
        """
        if (live := self._live.get(order.run)) is not None:
            return live
        if len(self._queue) >= self._most_waiting:
            raise TooBusy(f"{len(self._queue)} runs are waiting already; send it again in a few minutes")
        live = self._live[order.run] = Live(order.run, story or Story())
        self._queue.append(live)
        self._call_next()
        self._tasks[order.run] = asyncio.create_task(self._run(order, live, done))
        return live

    def stop(self, run: str) -> None:
        """Ask a run to stop with the best so far; one that has not begun ends at once."""
        if (live := self._live.get(run)) is None:
            return
        asked = self.agent.cancel(run)
        begun = live.stage != "waiting" and live.begun
        live.free()
        # What has not begun ends by itself; a task that is cancelled before its first step would never tell so.
        if not asked and begun:
            self._tasks[run].cancel()

    async def load(self) -> None:
        """Load the models before anybody asks for them; what is wrong with them is told by the first run."""
        try:
            await in_thread(lambda: self.agent.runtime)
            self._loaded = True
        except OmniAgentError as error:
            logging.getLogger(__name__).warning("the models cannot be loaded yet: %s", error)

    def _call_next(self) -> None:
        while self._queue and self._busy < self._at_once:
            live = self._queue.pop(0)
            self._busy += 1
            live.stage, live.ahead = "working" if self._loaded else "loading", 0
            live.touch()
        for number, live in enumerate(self._queue):
            live.ahead = number + self._busy
            live.touch()

    async def _run(self, order: Order, live: Live, done: Callable[[Live], None]) -> None:
        try:
            while live.stage == "waiting" and not live.stopped:
                await live.change()
            if live.stopped:
                raise asyncio.CancelledError
            live.begun = True
            await self._work(order, live)
        except asyncio.CancelledError:
            live.error = live.error or "cancelled"
        except OmniAgentError as error:
            live.error = str(error)
        except Exception as error:
            live.error = f"unexpected {type(error).__name__}: {cut(str(error), 400)}"
            logging.getLogger(__name__).exception("a chat run failed")
        finally:
            if live in self._queue:
                self._queue.remove(live)
            else:
                self._busy -= 1
            live.stage = "over"
            try:
                done(live)
            except (OmniAgentError, OSError):
                logging.getLogger(__name__).exception("why a run gave no result could not be kept")
            self._live.pop(order.run, None)
            self._tasks.pop(order.run, None)
            live.touch()
            self._call_next()

    async def _work(self, order: Order, live: Live) -> None:
        options: RunOptions = {**order.options, "thread_id": order.run, "on_question": live.ask}
        async with aclosing(self.agent.astream(order.task, order.pictures, **options)) as events:
            async for event in events:
                self._loaded, live.stage = True, "working"
                live.story.add(event)
                if not isinstance(event, RunEnded):
                    live.touch()
