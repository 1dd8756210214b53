"""A generator and a critic as a runtime hands them out: by turns on a device, counted, and shut with the runtime."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from collections.abc import Generator as Yields
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass, field, replace
from typing import Any, TypeVar

from PIL import Image

from omniagent.model import lifetime
from omniagent.model.critic.calibration.store import Calibrations
from omniagent.model.critic.choices import choose
from omniagent.model.critic.fallback import GuardedByBreaker
from omniagent.model.errors import BadSetting
from omniagent.model.generator.pace import Clock
from omniagent.model.generator.queue import Batching, RequestQueue
from omniagent.model.perception.boxes import BoxFinder, Found
from omniagent.model.profile import CriticProfile, GeneratorProfile
from omniagent.model.requests import (
    Adapting,
    CancelToken,
    Chosen,
    Completion,
    Critic,
    GenerationRequest,
    Generator,
    Meeting,
    Options,
    Questions,
    Remarking,
    Reusing,
    StandIn,
    Step,
    Writing,
    YesNo,
)
from omniagent.model.turns.lock import DeviceLock

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Counts:
    """What a runtime's models did since they were loaded; `failures` counts calls that raised anything."""

    pictures: int = 0
    generations: int = 0
    questions: int = 0
    verdicts: int = 0
    texts: int = 0
    failures: int = 0


@dataclass(slots=True)
class Meter:
    """Adds up `Counts` from several threads."""

    counts: Counts = field(default_factory=Counts)
    _lock: lifetime.Lock = field(default_factory=lifetime.Lock)

    def add(self, **more: int) -> None:
        with self._lock:
            self.counts = replace(self.counts, **{name: getattr(self.counts, name) + n for name, n in more.items()})


class Gate:
    """The way to one model: open or closed, and one caller at a time where the model sits on a device."""

    def __init__(self, lock: DeviceLock | None, meter: Meter, before: Callable[[], None] | None = None) -> None:
        """`before` is called in each turn on the device, ahead of its work."""
        self._lock = lock
        self._before = before
        self._closed = False
        self.meter = meter

    def apart_from(self, other: Gate) -> bool:
        """Whether callers of both may be within at once."""
        return self._lock is None or self._lock is not other._lock

    @contextmanager
    def passed(self, token: CancelToken | None) -> Yields[None]:
        """Hold the model for the block.

        Raises:
            BadSetting: the runtime was closed.
            Cancelled: the token was cancelled or expired while waiting.
        """
        try:
            if self._lock is None:
                self._check()
                yield
            else:
                with self._lock.held(token):
                    self._check()
                    if self._before is not None:
                        self._before()
                    yield
        except BaseException:
            self.meter.add(failures=1)
            raise

    @contextmanager
    def turn(self) -> Yields[None]:
        """Hold the model's device for the block; what is done there is counted elsewhere."""
        with nullcontext() if self._lock is None else self._lock.held():
            if self._before is not None:
                self._before()
            yield

    def close(self) -> None:
        """Wait for the call under way on the device, and let no other call in."""
        self._closed = True
        if self._lock is not None:
            with self._lock.held():
                pass

    def _check(self) -> None:
        if self._closed:
            raise BadSetting("this runtime is closed; load a new one")


class GuardedFinder:
    """A `BoxFinder` behind a gate."""

    def __init__(self, inner: BoxFinder, gate: Gate) -> None:
        self.inner = inner
        self._gate = gate

    def find(self, image: Image.Image, names: Sequence[str]) -> tuple[Found, ...]:
        """As the finder within; waits for its device first."""
        with self._gate.passed(None):
            return self.inner.find(image, names)


class GuardedGenerator:
    """A `Generator` behind a gate."""

    def __init__(self, inner: Generator, gate: Gate, clock: Clock) -> None:
        self.inner = inner
        self._gate = gate
        self._clock = clock

    @property
    def model(self) -> str:
        return self.inner.model

    @property
    def profile(self) -> GeneratorProfile:
        return self.inner.profile

    @property
    def takes_loras(self) -> bool:
        return isinstance(self.inner, Adapting) and self.inner.takes_loras

    @property
    def reuses_source(self) -> bool:
        return isinstance(self.inner, Reusing) and self.inner.reuses_source

    def remarks(self, request: GenerationRequest) -> tuple[str, ...]:
        """As the generator within; none where it makes none."""
        return self.inner.remarks(request) if isinstance(self.inner, Remarking) else ()

    def generate(
        self, request: GenerationRequest, *, token: CancelToken | None = None, on_step: Step | None = None
    ) -> list[Image.Image]:
        """As the generator within; waits for its device first."""
        with self._gate.passed(token):
            watch = self._clock.watching(request, on_step)
            pictures = self.inner.generate(request, token=token, on_step=watch)
            watch.finished()
        self._gate.meter.add(generations=1, pictures=len(pictures))
        return pictures


class QueuedGenerator:
    """A `Generator` behind a queue that draws requests of several callers together."""

    def __init__(self, inner: Batching, gate: Gate, clock: Clock) -> None:
        self.inner = inner
        self._gate = gate
        self._clock = clock
        self._queue = RequestQueue(inner, gate.turn)

    @property
    def model(self) -> str:
        return self.inner.model

    @property
    def profile(self) -> GeneratorProfile:
        return self.inner.profile

    @property
    def takes_loras(self) -> bool:
        return isinstance(self.inner, Adapting) and self.inner.takes_loras

    @property
    def reuses_source(self) -> bool:
        return isinstance(self.inner, Reusing) and self.inner.reuses_source

    def remarks(self, request: GenerationRequest) -> tuple[str, ...]:
        """As the generator within; none where it makes none."""
        return self.inner.remarks(request) if isinstance(self.inner, Remarking) else ()

    def generate(
        self, request: GenerationRequest, *, token: CancelToken | None = None, on_step: Step | None = None
    ) -> list[Image.Image]:
        """As the generator within; waits its turn first.

        Raises:
            QueueFull: too many pictures wait.
        """
        try:
            pictures = self._queue.draw(request, token, self._clock.watching(request, on_step))
        except BaseException:
            self._gate.meter.add(failures=1)
            raise
        self._gate.meter.add(generations=1, pictures=len(pictures))
        return pictures

    def close(self) -> None:
        """Finish the batch under way and end the requests that still wait."""
        self._queue.close()


class GuardedCritic:
    """A `Critic` behind a gate, with the profile that was measured of it, where there is one."""

    def __init__(self, inner: Critic, gate: Gate, calibrations: Calibrations | None = None) -> None:
        self.inner = inner
        self._gate = gate
        self._calibrations = calibrations

    @property
    def backend(self) -> str:
        return self.inner.backend

    @property
    def model(self) -> str:
        return self.inner.model

    @property
    def profile(self) -> CriticProfile:
        return self.inner.profile if self._calibrations is None else self._calibrations.over(self.inner)

    def consult(self, work: Callable[[Critic, StandIn | None], T], token: CancelToken | None = None) -> T:
        """What `work` makes of this critic, which has no stand-in."""
        if isinstance(self.inner, Meeting):
            self.inner.meet(token=token)
        return work(self, None)

    def yes_no(self, call: Questions, *, token: CancelToken | None = None) -> YesNo:
        """As the critic within; waits for its device first."""
        with self._gate.passed(token):
            answer = self.inner.yes_no(call, token=token)
        self._gate.meter.add(verdicts=1, questions=len(call.questions))
        return answer

    def choose(self, call: Options, *, token: CancelToken | None = None) -> Chosen:
        """As the critic within, or by what it writes; waits for its device first."""
        with self._gate.passed(token):
            chosen = choose(self.inner, call, token)
        self._gate.meter.add(verdicts=1, questions=1)
        return chosen

    def write(self, call: Writing, *, token: CancelToken | None = None) -> Completion:
        """As the critic within; waits for its device first."""
        with self._gate.passed(token):
            completion = self.inner.write(call, token=token)
        self._gate.meter.add(texts=1)
        return completion


def bare(model: Any) -> Any:
    """The model itself, also when it comes out of another runtime."""
    if isinstance(model, GuardedByBreaker):
        model = model.first
    return model.inner if isinstance(model, GuardedGenerator | QueuedGenerator | GuardedCritic) else model


def guard_generator(generator: Generator, gate: Gate, clock: Clock) -> GuardedGenerator | QueuedGenerator:
    """The generator behind a queue if it can draw requests together, else behind its gate alone."""
    if isinstance(generator, Batching):
        return QueuedGenerator(generator, gate, clock)
    return GuardedGenerator(generator, gate, clock)
