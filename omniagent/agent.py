"""The agent: one object that owns models and runs tasks until their requirements hold or a budget ends."""

import asyncio
import threading
import weakref
from collections.abc import AsyncGenerator, Callable, Iterable
from collections.abc import Generator as Yields
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple, TypedDict, Unpack

from PIL import Image

from omniagent.config import Config, folder_of
from omniagent.model import lifetime
from omniagent.model.errors import BadSetting
from omniagent.model.requests import CancelToken, Critic, Generator
from omniagent.model.wording import shown
from omniagent.runs.awaiting import Mailbox, in_thread
from omniagent.runs.result import Result
from omniagent.tools.record.files import check_written
from omniagent.tools.record.trace import Event
from omniagent.tools.types import Budget, Mode, RenderSettings

if TYPE_CHECKING:
    from omniagent.model.profile import GeneratorProfile
    from omniagent.model.runtime import ModelRuntime
    from omniagent.runs.request import Order
    from omniagent.runs.session import Session

Picture = str | Path | bytes | Image.Image
"""An input picture: a path, a URL where allowed, the bytes of a file, or a PIL image."""


class RunOptions(TypedDict, total=False):
    """What may be said of one run besides its task and pictures."""

    seed: int
    """The same seed, task and model give the same attempts; 0 by default."""
    thread_id: str | None
    """Names the run. A run that was killed or stopped goes on where it was."""
    out: str | Path | None
    """The run's own folder; `runs_dir/<thread_id>` by default."""
    budget: Budget | None
    """Caps of this run."""
    settings: RenderSettings | None
    """Size, steps and guidance in place of the agent's own choice."""
    mode: Mode | None
    """`generate`, `edit`, `compose` or `answer` in place of the agent's own reading of the task."""
    mask: Picture | None
    """Where image 1 may change: a picture of its size, transparent there, or white where none of it is transparent."""
    on_question: Callable[[str], str] | None
    """Answers this run's question in words, in the run's own thread, in place of the agent's `on_question`."""


class RunRequest(NamedTuple):
    """A task, its pictures, and the options of its run, as they were given."""

    task: str
    images: Iterable[Picture] | None
    options: RunOptions


class Agent:
    """Plans, draws, looks and repairs. Safe to share between threads: each run has its own folder and state.

    Models load at the first run and stay loaded. Settings left out come from `config`, that is from
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
        preset: `quality`, the default, is exact; `balanced` and `fast` are faster and slightly less accurate.
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
        self._critic = None if isinstance(critic, str) else critic
        self._generator = None if isinstance(generator, str) else generator
        self._runtime = runtime
        self._on_question = on_question
        self._loading = lifetime.Lock()
        self._sessions: weakref.WeakSet[Session] = weakref.WeakSet()

    @property
    def runtime(self) -> "ModelRuntime":
        """The loaded models; loads them at the first use.

        Raises:
            UnknownModel, BadCheckpoint, HubUnreachable: the model cannot be loaded.
            OutOfMemory: the device is too small for it.
        """
        with self._loading:
            if self._runtime is None:
                from omniagent.model.guarded import one_thread_after_fork
                from omniagent.models import load_runtime

                one_thread_after_fork()
                self._runtime = load_runtime(self.config, generator=self._generator, critic=self._critic)
            return self._runtime

    @property
    def generator_profile(self) -> "GeneratorProfile":
        """The profile of what draws, as far as it can be told without loading a model.

        Raises:
            BadCheckpoint, BadSetting: its file is broken, or there is none of the name that was set.
        """
        drawer = self._generator if self._runtime is None else self._runtime.generator
        if drawer is not None:
            return drawer.profile
        from omniagent.models import expected_profile

        return expected_profile(self.config)

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
            **options: `seed`, `thread_id`, `out`, `budget`, `settings`, `mode`, `mask` and `on_question`; see
                `RunOptions`.

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
            self._forget(session)

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
            self._forget(session)

    def stream(
        self,
        task: str,
        images: Iterable[Picture] | None = (),
        **options: Unpack[RunOptions],
    ) -> Yields[Event, None, Result]:
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
            self._forget(session)

    async def astream(
        self,
        task: str,
        images: Iterable[Picture] | None = (),
        **options: Unpack[RunOptions],
    ) -> AsyncGenerator[Event]:
        """`stream` for asyncio; read the result with `Result.load(RunStarted.folder)`.

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
            self._forget(session)
        session.wait()

    @property
    def folders(self) -> tuple[Path, ...]:
        """The folders of the runs under way."""
        return tuple(session.order.folder for session in list(self._sessions))

    def cancel(self, run_id: str | None = None) -> int:
        """Ask one run, or every run of this agent, to stop; how many were asked.

        Each ends as `cancelled` with its best picture.
        """
        asked = [session for session in list(self._sessions) if run_id in (None, session.run_id)]
        for session in asked:
            session.cancel()
        return len(asked)

    async def _opened(
        self,
        request: RunRequest,
        hear: Callable[[Event | None], None],
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
        hear: Callable[[Event | None], None] | None = None,
        waiter: threading.Thread | None = None,
    ) -> "Session":
        token = token or CancelToken()
        with lifetime.under_way(token.cancel, waiter):
            order = self._order(request)
            from omniagent.runs.session import Session

            answers = request.options.get("on_question") or self._on_question
            session = Session(order, self.runtime, answers, token, hear, waiter)
            self._sessions.add(session)
            session.start()
        return session

    def _order(
        self,
        request: RunRequest,
    ) -> "Order":
        from omniagent.runs.request import Order, given_as
        from omniagent.tools.intake.masks import read_mask
        from omniagent.tools.intake.task import read_images, read_instruction

        config, options = self.config, request.options
        if unknown := sorted(set(options) - set(RunOptions.__annotations__)):
            raise BadSetting(
                f"the run option {shown(unknown[0])} is not known; there are {', '.join(RunOptions.__annotations__)}"
            )
        if (budget := options.get("budget")) is not None:
            config = config.model_copy(update={"budget": given_as(Budget, budget, "budget")})
        settings, mask = options.get("settings"), options.get("mask")
        instruction = read_instruction(request.task)
        pictures = read_images(request.images, allow_urls=config.allow_urls)
        return Order.of(
            instruction,
            pictures,
            mask=None if mask is None else read_mask(mask, pictures),
            config=config,
            seed=options.get("seed", 0),
            thread_id=options.get("thread_id"),
            out=options.get("out"),
            settings=RenderSettings() if settings is None else given_as(RenderSettings, settings, "settings"),
            mode=options.get("mode"),
        )

    def _forget(self, session: "Session") -> None:
        self._sessions.discard(session)


def _checked(name: str, value: object, kind: type) -> None:
    if value is not None and not isinstance(value, (str, kind)):
        raise BadSetting(f"{name}={shown(value)} is neither words nor a {kind.__name__}; see the arguments of Agent")


def _next(session: "Session") -> Event | None:
    try:
        return session.next_event()
    except KeyboardInterrupt:
        if session.token.cancelled:
            raise
        session.cancel()
        return session.next_event()
