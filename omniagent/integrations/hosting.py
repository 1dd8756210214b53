"""What the integrations share: the tools' descriptions, a run's request, previews."""

import asyncio
import io
from collections.abc import Callable
from contextlib import aclosing, suppress
from pathlib import Path
from typing import NamedTuple, TypedDict

from omniagent.agent import Agent, Picture
from omniagent.integrations.arguments import CreateArguments
from omniagent.integrations.progress import RunProgress, Told
from omniagent.runs.awaiting import in_thread
from omniagent.runs.options import Loading, budget_with, seed_of, size_of
from omniagent.runs.pages import decoded
from omniagent.runs.result import Result
from omniagent.tools.record.trace import RunEnded
from omniagent.tools.types import Budget, Mode, RenderSettings

CREATE_IMAGE = (
    "Draw a picture from words, and up to 5 input pictures. It is checked against the task and repaired until it fits. "
    "Returns the file path, the verdict of every requirement, and whether all hold."
)
EDIT_IMAGE = "Change a picture, or combine several, as create_image does; everything else stays as it is."
CHECK_IMAGE = (
    "Look at a picture and answer yes/no questions about it, each with a probability. "
    "Give questions, or a task whose requirements are checked."
)
DESCRIBE_IMAGE = "Describe a picture in words, or answer a question about it."


class Preview(NamedTuple):
    """A picture small enough for a message, and its MIME type."""

    data: bytes
    mime_type: str


class Request(TypedDict):
    """What `Agent.run` and `Agent.astream` take."""

    task: str
    images: tuple[Picture, ...]
    thread_id: str | None
    seed: int
    budget: Budget
    settings: RenderSettings
    mode: Mode | None


def request_of(agent: Agent, arguments: CreateArguments, pictures: tuple[Picture, ...] | None = None) -> Request:
    """The request that the arguments of `create_image` make; a seed of -1 becomes a random one.

    `pictures` take the place of the texts that stand for them.

    Raises:
        BadSetting: a cap of the agent's own budget does not go with them.
    """
    return Request(
        task=arguments.task,
        images=arguments.images if pictures is None else pictures,
        thread_id=arguments.thread_id,
        seed=seed_of(arguments.seed),
        budget=budget_with(
            agent.config.budget,
            max_rounds=arguments.max_rounds,
            time_limit=arguments.time_limit,
            candidates=arguments.candidates,
        ),
        settings=size_of(arguments.size),
        mode=arguments.mode,
    )


def run_heard(agent: Agent, request: Request, hear: Callable[[Told], None]) -> Result:
    """Run to the end and tell how far it is. Raises: as `Agent.run`."""
    progress = RunProgress(request["budget"].max_rounds)
    events = agent.stream(**request, on_loading=lambda run: hear(progress.loading(run.part)))
    try:
        while True:
            if (told := progress.hear(next(events))) is not None:
                hear(told)
    except StopIteration as end:
        return end.value
    finally:
        events.close()


async def arun_heard(agent: Agent, request: Request, hear: Callable[[Told], None]) -> Result:
    """`run_heard` without blocking the event loop; cancelling it cancels the run. Raises: as `Agent.run`."""
    progress, folder = RunProgress(request["budget"].max_rounds), ""
    loop = asyncio.get_running_loop()

    def load(run: Loading) -> None:
        # In the thread that loads; a loop that is closed wants nothing any more.
        with suppress(RuntimeError):
            loop.call_soon_threadsafe(hear, progress.loading(run.part))

    async with aclosing(agent.astream(**request, on_loading=load)) as events:
        async for event in events:
            if isinstance(event, RunEnded):
                folder = event.folder
            if (told := progress.hear(event)) is not None:
                hear(told)
    return await in_thread(lambda: Result.load(folder))


def preview_of(path: Path, limit: int = 384 * 1024, side: int = 1024) -> Preview:
    """The PNG file itself when it has at most `limit` bytes and `side` pixels a side, else a JPEG that does.

    Raises:
        OSError: the file is gone or broken.
    """
    data = path.read_bytes()
    small = decoded(io.BytesIO(data))
    if len(data) <= limit and max(small.size) <= side:
        return Preview(data, "image/png")
    while True:
        small.thumbnail((side, side))
        buffer = io.BytesIO()
        small.save(buffer, "JPEG", quality=85)
        if buffer.tell() <= limit or side <= 64:
            return Preview(buffer.getvalue(), "image/jpeg")
        side = side * 3 // 4
