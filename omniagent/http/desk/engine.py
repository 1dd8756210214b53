"""What carries runs out: the agent of this process, or others that look the same from here."""

from collections.abc import AsyncGenerator
from contextlib import aclosing
from typing import Protocol

from omniagent.agent import Agent
from omniagent.http.desk.order import RunOrder
from omniagent.runs.awaiting import in_thread
from omniagent.tools.record.trace import Event


class Engine(Protocol):
    """Runs orders. All of it is called in the server's event loop and never blocks that."""

    @property
    def ready(self) -> bool:
        """Whether models are loaded, so that a run would begin at once."""
        ...

    async def load(self) -> None:
        """Load the models; runs that come before wait for that.

        Raises:
            OmniAgentError: they cannot be loaded.
        """
        ...

    def stream(self, order: RunOrder) -> AsyncGenerator[Event]:
        """The run's events up to its end; closing it early cancels the run.

        Raises:
            OmniAgentError: what ended the run in place of a result.
        """
        ...

    async def stop(self, run_id: str) -> None:
        """Ask a run to end with its best picture so far; one that is not at work is left alone."""
        ...

    async def close(self) -> None:
        """Give back what `load` took."""
        ...


class LocalEngine:
    """The agent of this process. It draws what its runs ask for together where the model can (`RequestQueue`)."""

    def __init__(self, agent: Agent) -> None:
        self._agent = agent

    @property
    def ready(self) -> bool:
        """See `Engine`."""
        return self._agent.loaded

    async def load(self) -> None:
        """See `Engine`."""
        await in_thread(lambda: self._agent.runtime)

    async def stream(self, order: RunOrder) -> AsyncGenerator[Event]:
        """See `Engine`."""
        pictures, mask = await in_thread(lambda: (order.pictures(), order.mask_picture()))
        events = self._agent.astream(
            order.task,
            pictures,
            thread_id=order.run_id,
            out=order.folder,
            seed=order.seed,
            budget=order.budget,
            settings=order.settings,
            mode=order.mode,
            mask=mask,
            # Who waits for a picture is told of whole ones; who follows a run's events sees each as it comes.
            previews=order.kind == "run" and self._agent.config.previews,
        )
        async with aclosing(events):
            async for event in events:
                yield event

    async def stop(self, run_id: str) -> None:
        """See `Engine`."""
        self._agent.cancel(run_id)

    async def close(self) -> None:
        """Its models are the agent's owner's to close."""
