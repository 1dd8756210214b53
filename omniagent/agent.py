"""The agent: one object that owns models and runs tasks until their requirements hold or a budget ends."""

import asyncio
import threading
from collections.abc import AsyncGenerator, Callable, Iterable, Sequence
from collections.abc import Generator as Yields
from functools import partial
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any, Self, TypeVar, Unpack

from omniagent.config import Config, folder_of
from omniagent.held import HeldModels
from omniagent.model import lifetime
from omniagent.model.errors import BadSetting
from omniagent.model.imports import lean_imports
from omniagent.model.requests import CancelToken, Critic, Generator
from omniagent.model.wording import model_name, shown
from omniagent.runs.awaiting import Mailbox, in_thread
from omniagent.runs.options import Loading, Picture, RunOptions, RunRequest, order_of
from omniagent.runs.result import Result
from omniagent.runs.under_way import UnderWay
from omniagent.tools.record.files import check_written
from omniagent.tools.types import Budget

if TYPE_CHECKING:
    from omniagent.model.profile import GeneratorProfile
    from omniagent.model.runtime import ModelRuntime
    from omniagent.runs.looking import Checked, Looking
    from omniagent.runs.request import Order
    from omniagent.runs.session import Session
    from omniagent.tools.record.trace import Event

__all__ = ["Agent", "Picture", "RunOptions", "RunRequest"]

T = TypeVar("T")


class Agent:
    """Plans, draws, looks and repairs. Safe to share between threads: each run has its own folder and state.

    Models load at the first run, or by `preload`, and stay loaded until `close`, which the end of a `with` block calls
    too. Settings left out come from `config`, that is from
    `OMNIAGENT_…` environment variables, and else from the defaults of `omniagent.config.Config`.

    Args:
        model: Checkpoint folder or hub name; the bundled shapes checkpoint by default.
        critic: `local`, the base URL of an OpenAI-compatible server, or a `Critic`.
        generator: A `Generator` in place of the model's, or base URLs of servers that speak the OpenAI images API, with
            commas between. Needs a critic, or a `model` whose own critic shall look.
        runtime: Loaded models to share with other agents; then `model`, `revision` and `device` are not used.
        budget: Caps of every run that names none itself.
        config: Settings in place of the environment's.
        runs_dir: Each run writes a folder `<run id>` in here; `runs` by default.
        revision: Hub revision of the model.
        allow_urls: Whether input pictures may be fetched from http(s) URLs.
        device: `cpu`, `cuda`, …; None takes the best there is.
        preset: `quality`, the default, is exact; `balanced` and `fast` are faster and slightly less accurate;
            `edit` is exact from words, and faster in edits, where it computes little but what changes.
        on_question: Answers the agent's question in words, when `config.loop.ask` lets it ask.
    """

    def __init__(
        self,
        model: str | Path | None = None,
        *,
        critic: str | Critic | None = None,
        generator: str | Generator | None = None,
        runtime: "ModelRuntime | None" = None,
        budget: Budget | None = None,
        config: Config | None = None,
        runs_dir: str | Path | None = None,
        revision: str | None = None,
        allow_urls: bool | None = None,
        device: str | None = None,
        preset: str | None = None,
        on_question: Callable[[str], str] | None = None,
    ) -> None:
        given: dict[str, Any] = {
            "model": None if model is None else str(model),
            "critic": critic if isinstance(critic, str) else None,
            "generator": generator if isinstance(generator, str) else None,
            "budget": budget,
            "runs_dir": None if runs_dir is None else folder_of(runs_dir),
            "revision": revision,
            "allow_urls": allow_urls,
            "device": device,
            "preset": preset,
        }
        _checked("critic", critic, Critic)
        _checked("generator", generator, Generator)
        base = config if config is not None else Config.read()
        self.config = base.model_copy(update={name: value for name, value in given.items() if value is not None})
        for name in (
            "model",
            "critic",
            "critic_model",
            "generator",
            "generator_model",
            "revision",
            "device",
            "runs_dir",
        ):
            check_written(f"the setting {name}", getattr(self.config, name))
        self._models = HeldModels(
            self.config,
            None if isinstance(generator, str) else generator,
            None if isinstance(critic, str) else critic,
            runtime,
        )
        self._on_question = on_question
        self._under_way = UnderWay(self._models.check_open)

    @property
    def runtime(self) -> "ModelRuntime":
        """The loaded models; loads them at the first use.

        Raises:
            UnknownModel, BadCheckpoint, HubUnreachable: the model cannot be loaded.
            OutOfMemory: the device is too small for it.
            BadSetting: the agent was closed.
        """
        return self._models.runtime()

    @property
    def loaded(self) -> bool:
        """Whether the models are loaded, so that a run begins at once."""
        return self._models.loaded

    def preload(self) -> Self:
        """Load the models now, in place of at the first run; returns the agent. Raises as `runtime`."""
        _ = self.runtime
        return self

    def close(self) -> None:
        """Stop the runs under way with their best pictures, and free the models and their memory. Twice does no harm.

        Looks of `check` and `describe` end as cancelled. Models that were given are closed too, whether or not they
        have worked; a `runtime` that was given stays as it is.
        """
        self._models.shut()
        self._under_way.close()
        self._models.free()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def __repr__(self) -> str:
        state = "closed" if self._models.closed else "loaded" if self.loaded else "not loaded"
        return f"Agent({model_name(self.config.model)!r}, {state})"

    @property
    def generator_profile(self) -> "GeneratorProfile":
        """The profile of what draws, as far as it can be told without loading a model.

        Raises:
            BadCheckpoint, BadSetting: its file is broken, or there is none of the name that was set.
        """
        return self._models.profile()

    def run(
        self,
        task: str,
        images: Iterable[Picture] | None = (),
        **options: Unpack[RunOptions],
    ) -> Result:
        """Work on one task until it is done; the best picture is in `Result.image`.

        Ctrl-C asks the run to stop, and the result with the best picture so far is returned; a second Ctrl-C raises.

        Args:
            task: What to draw, change or answer, up to 2,000 words.
            images: 0 to 5 pictures; the task calls them "image 1", "image 2", ….
            **options: `seed`, `thread_id`, `out`, `budget`, `settings`, `mode`, `size`, `steps`, `lora`, `mask`,
                `previews`, `on_question` and `on_loading`; see `RunOptions`.

        Example:
            >>> result = Agent().run("make the circle green", ["picture.png"], seed=3)
            >>> result.stop_reason, result.image

        Raises:
            BadTask, BadImage, BadSetting: the request is wrong.
            UnknownModel, BadCheckpoint, HubUnreachable: the model cannot be loaded.
            OutputUnwritable, StorageFull: the run's folder cannot be written; what was finished stays there.
        """
        session = self._open(RunRequest(task, images, options))
        try:
            return session.wait()
        except KeyboardInterrupt:
            session.cancel()
            return session.wait()
        finally:
            self._under_way.forget(session)

    async def arun(
        self,
        task: str,
        images: Iterable[Picture] | None = (),
        **options: Unpack[RunOptions],
    ) -> Result:
        """`run`, without blocking the event loop.

        Cancelling the asyncio task cancels the run, and waits for its end, which comes with the next denoising step.
        """
        over: Mailbox[None] = Mailbox()
        hear: Callable[[Event | None], None] = lambda event: over.put(None) if event is None else None  # noqa: E731
        session = await self._opened(RunRequest(task, images, options), hear)
        try:
            await over.get()
            return session.wait()
        except asyncio.CancelledError:
            session.cancel()
            await over.run_dry(lifetime.GRACE)
            raise
        finally:
            self._under_way.forget(session)

    def stream(
        self,
        task: str,
        images: Iterable[Picture] | None = (),
        **options: Unpack[RunOptions],
    ) -> "Yields[Event, None, Result]":
        """`run` as its events happen, from `RunStarted` to `RunEnded`; the generator's return value is the result.

        When `RunEnded` arrives, every file of the run is written. Closing the generator early cancels the run; so does
        Ctrl-C, which then still yields the events up to `RunEnded`; a second Ctrl-C raises at once.
        """
        session = self._open(RunRequest(task, images, options))
        patient = True
        try:
            while (event := _next(session)) is not None:
                yield event
            return session.wait()
        except KeyboardInterrupt:
            patient = False
            raise
        finally:
            if patient:
                session.close()
            session.cancel()
            self._under_way.forget(session)

    async def astream(
        self,
        task: str,
        images: Iterable[Picture] | None = (),
        **options: Unpack[RunOptions],
    ) -> "AsyncGenerator[Event]":
        """`stream` for asyncio; read the result with `Result.load(event.folder)` of the last event, `RunEnded`.

        Closing the generator early cancels the run and waits for its end, as `stream` does.
        """
        events: Mailbox[Event | None] = Mailbox()
        session = await self._opened(RunRequest(task, images, options), events.put)
        try:
            while (event := await events.get()) is not None:
                yield event
        finally:
            session.cancel()
            if not session.over:
                await events.run_dry(lifetime.GRACE)
            self._under_way.forget(session)
        session.wait()

    def check(self, image: Picture, questions: Sequence[str] = (), *, task: str | None = None) -> "Checked":
        """Ask the critic yes/no questions about a picture, or those that a task's plan asks; nothing is kept.

        Args:
            image: A path, bytes or a PIL image.
            questions: 1 to 32 yes/no questions; a yes is what is wanted.
            task: Where no questions are given: the words that the picture should fit.

        Example:
            >>> agent.check("picture.png", ["Is the circle red?"]).critique.verdicts[0].probability

        Raises:
            BadImage: the picture cannot be read.
            BadTask: neither questions nor a task that asks for a picture was given.
            CriticUnavailable, CriticTimeout, CriticBadOutput: the critic gave no verdict.
            Cancelled: the budget's time limit passed, or `cancel` or `close` was called.
        """
        with self._under_way.looking(lambda: self.runtime, self.config) as looking:
            return looking.check(image, questions, task)

    async def acheck(self, image: Picture, questions: Sequence[str] = (), *, task: str | None = None) -> "Checked":
        """`check`, without blocking the event loop; cancelling the asyncio task cancels the look."""
        return await self._seen(lambda looking: looking.check(image, questions, task))

    def describe(self, image: Picture, question: str | None = None) -> str:
        """A picture in the critic's words, or its answer to a question about the picture; nothing is kept.

        Raises:
            BadImage: the picture cannot be read.
            CriticUnavailable, CriticTimeout, CriticBadOutput: the critic gave no answer.
            Cancelled: the budget's time limit passed, or `cancel` or `close` was called.
        """
        with self._under_way.looking(lambda: self.runtime, self.config) as looking:
            return looking.describe(image, question)

    async def adescribe(self, image: Picture, question: str | None = None) -> str:
        """`describe`, without blocking the event loop; cancelling the asyncio task cancels the look."""
        return await self._seen(lambda looking: looking.describe(image, question))

    @property
    def folders(self) -> tuple[Path, ...]:
        """The folders of the runs under way."""
        return tuple(run.order.folder for run in self._under_way.runs())

    def cancel(self, run_id: str | None = None) -> int:
        """Ask one run, or every run and look of this agent, to stop; how many were asked.

        Each run ends as `cancelled` with its best picture; `check` and `describe` raise `Cancelled`.
        """
        return self._under_way.cancel(run_id)

    async def _seen(self, look: "Callable[[Looking], T]") -> T:
        token, waiter = CancelToken(), threading.current_thread()

        def see() -> T:
            with self._under_way.looking(lambda: self.runtime, self.config, token, waiter) as looking:
                return look(looking)

        try:
            return await in_thread(see)
        except asyncio.CancelledError:
            token.cancel()
            raise

    async def _opened(
        self,
        request: RunRequest,
        hear: "Callable[[Event | None], None]",
    ) -> "Session":
        """`_open` beside the event loop; a run that was cancelled meanwhile is cancelled before it begins."""
        token, waiter = CancelToken(), threading.current_thread()
        opening = partial(self._open, request, token, hear, waiter)
        try:
            return await in_thread(opening)
        except asyncio.CancelledError:
            token.cancel()
            raise

    def _open(
        self,
        request: RunRequest,
        token: CancelToken | None = None,
        hear: "Callable[[Event | None], None] | None" = None,
        waiter: threading.Thread | None = None,
    ) -> "Session":
        token = token or CancelToken()
        with lifetime.under_way(token.cancel, waiter):
            self._models.check_open()
            order = order_of(request, self.config)
            if not self.loaded and (tell := request.options.get("on_loading")) is not None:
                tell(self._loading(order))
            with lean_imports():
                from omniagent.runs.session import Session

            answers = request.options.get("on_question") or self._on_question
            session = Session(order, self._loaded(order, request.options), answers, token, hear, waiter)
            self._under_way.begin(session)
        return session

    def _loading(self, order: "Order", part: str = "") -> Loading:
        return Loading(order.run_id, order.folder, *self._models.names, part)

    def _loaded(self, order: "Order", options: RunOptions) -> "ModelRuntime":
        tell = options.get("on_loading")
        return self._models.runtime(None if tell is None else lambda part: tell(self._loading(order, part)))


def _checked(name: str, value: object, kind: type) -> None:
    if value is not None and not isinstance(value, (str, kind)):
        raise BadSetting(f"{name}={shown(value)} is neither words nor a {kind.__name__}; see the arguments of Agent")


def _next(session: "Session") -> "Event | None":
    try:
        return session.next_event()
    except KeyboardInterrupt:
        if session.token.cancelled:
            raise
        session.cancel()
        return session.next_event()
