"""The one object that owns models on devices."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Protocol, Self, runtime_checkable

from omniagent.model.cache import CacheStats
from omniagent.model.critic.calibration.store import Calibrations
from omniagent.model.critic.fallback import CircuitBreaker, GuardedByBreaker
from omniagent.model.generator.pace import Clock, Pace
from omniagent.model.guarded import (
    Counts,
    Gate,
    GuardedCritic,
    GuardedFinder,
    Meter,
    QueuedGenerator,
    bare,
    guard_generator,
)
from omniagent.model.imports import lean_imports
from omniagent.model.perception.boxes import BoxFinder
from omniagent.model.perception.text import TextReader
from omniagent.model.profile import CriticProfile, GeneratorProfile
from omniagent.model.requests import Critic, GenerationRequest, Generator
from omniagent.model.turns.lock import DeviceLock
from omniagent.model.turns.workers import release_workers

if TYPE_CHECKING:
    import torch


@runtime_checkable
class OnDevice(Protocol):
    """A model that sits on a device of this machine; models that share one take turns."""

    @property
    def device(self) -> object: ...


@runtime_checkable
class Stepping(Protocol):
    """A generator that makes another number of steps than its profile says where a request names none."""

    @property
    def usual_steps(self) -> int: ...


@runtime_checkable
class Caching(Protocol):
    """A model that remembers, and counts how often that helped."""

    @property
    def stats(self) -> Mapping[str, CacheStats]: ...


@runtime_checkable
class Resting(Protocol):
    """A critic that can give its device's memory to the generator, and wakes by itself when it is asked again."""

    @property
    def rests(self) -> bool: ...

    def rest(self) -> None: ...


@runtime_checkable
class Leaving(Protocol):
    """A generator that can give its device's memory to the critic, as far as it does not need it to stay loaded."""

    def leave(self) -> None: ...


@runtime_checkable
class Closable(Protocol):
    """A model that holds connections or threads."""

    def close(self) -> None: ...


def card_name(device: object) -> str:
    """The name of the accelerator behind a device; empty for a CPU."""
    if not str(device).startswith("cuda"):
        return ""
    import torch

    return torch.cuda.get_device_name(str(device)) if torch.cuda.is_available() else ""


def card_of_model(model: object) -> str:
    """The name of the accelerator that a model sits on; empty where it sits on none."""
    return card_name(model.device) if isinstance(model, OnDevice) else ""


def steps_of_model(model: object) -> int | None:
    """The steps that a model makes where a request names none; None where its profile says it."""
    return model.usual_steps if isinstance(model, Stepping) else None


@dataclass(frozen=True, slots=True)
class RuntimeStats:
    """What the models did, and the counters of their caches by name."""

    counts: Counts
    caches: Mapping[str, CacheStats]


class ModelRuntime:
    """A generator and a critic for any number of runs and threads.

    Models on the same device take turns, and so does a critic whose server gives its memory up while the generator
    draws (`Resting`). Other critics behind a URL and scripted models, which have no device, do not wait. Caches live as
    long as the runtime, so later rounds and later runs find what earlier ones computed. Use it as a context manager,
    or call `close`.

    Args:
        generator: What draws.
        critic: What looks and reads.
        stand_in: A critic that answers while the first cannot.
        breaker: When the first one is left alone; None never leaves it alone, unless there is a stand-in.
        reader: What reads the text of pictures; None leaves that to the critic.
        detector: What finds things in pictures; None leaves that to the critic.
        calibrations: What was measured of critics; None leaves every profile as it is.
        ranker: A scorer that puts edits in order; None leaves that to a critic that says it can.

    Attributes:
        generator: The generator, behind its device's lock, and behind a queue if it can draw requests together.
        critic: The critic, behind its device's lock, and its stand-in.
        reader: As given.
        detector: As given, behind its device's lock.
        ranker: What puts edits in order, or None.
        overlaps: Whether the critic can look while the generator draws.
    """

    def __init__(
        self,
        generator: Generator,
        critic: Critic,
        *,
        stand_in: Critic | None = None,
        breaker: CircuitBreaker | None = None,
        reader: TextReader | None = None,
        detector: BoxFinder | None = None,
        calibrations: Calibrations | None = None,
        ranker: Critic | None = None,
    ) -> None:
        self.reader = reader
        self._models = tuple(bare(model) for model in (generator, critic, stand_in) if model is not None)
        self._ranker = None if ranker is None else bare(ranker)
        self._closed = False
        self._meter = Meter()
        locks: dict[str, DeviceLock] = {}

        drawing, looking = self._models[:2]
        rester = looking if isinstance(looking, Resting) and looking.rests else None
        resting = rester is not None

        def gate(model: object) -> Gate:
            # A critic that sleeps while the generator draws waits for the generator's device, wherever its own is.
            placed = drawing if resting and model is looking else model
            where = str(placed.device) if isinstance(placed, OnDevice) else "shared" if resting else None
            lock = None if where is None else locks.setdefault(where, DeviceLock(where))
            before = rester.rest if rester is not None and model is drawing else None
            if rester is not None and model is looking and isinstance(drawing, Leaving):
                before = drawing.leave
            return Gate(lock, self._meter, before)

        self._gates = [gate(model) for model in self._models]
        finding = None if detector is None else gate(detector)
        self.detector = None if detector is None or finding is None else GuardedFinder(detector, finding)
        self._gates += [] if finding is None else [finding]
        self._clock = Clock(drawing.profile, card_of_model(drawing), steps_of_model(drawing))
        self.generator = guard_generator(drawing, self._gates[0], self._clock)
        guarded = GuardedCritic(self._models[1], self._gates[1], calibrations)
        other = GuardedCritic(self._models[2], self._gates[2], calibrations) if stand_in is not None else None
        wanted = other is not None or breaker is not None
        self.critic = GuardedByBreaker(guarded, other, breaker) if wanted else guarded
        if self._ranker is not None:
            ranking = gate(self._ranker)
            self._gates.append(ranking)
            self.ranker = GuardedCritic(self._ranker, ranking)
        else:
            self.ranker = guarded if guarded.profile.ranks else None
        self.overlaps = self._gates[0].apart_from(self._gates[1])

    @classmethod
    def load(
        cls,
        model: str | Path | None = None,
        *,
        critic: str | Critic = "local",
        critic_model: str | None = None,
        critic_key: str | None = None,
        critic_timeout: float = 120.0,
        stand_in: bool | None = None,
        revision: str | None = None,
        device: str | None = None,
        dtype: torch.dtype | None = None,
        cache_bytes: int = 256 * 2**20,
        local_files_only: bool = False,
        preset: str = "quality",
        memory: str = "auto",
        generator_profile: GeneratorProfile | None = None,
        critic_profile: CriticProfile | None = None,
        reader: TextReader | None = None,
        detector: BoxFinder | None = None,
        calibrations: Calibrations | None = None,
        ranker: Critic | None = None,
        keep_memory: bool = False,
        eight_bits: bool = False,
        on_part: Callable[[str], None] | None = None,
    ) -> ModelRuntime:
        """Load a checkpoint.

        Args:
            model: A folder in the published layout, or a hub name. This floor knows of no default.
            critic: `local` (or `auto`) runs the checkpoint's `critic/` folder, or else its `mllm/`, in this
                process; a URL names an OpenAI-compatible server; a `Critic` is used as it is.
            critic_model: The model to ask for at that URL; None takes the first one there.
            critic_key: The API key for that URL.
            critic_timeout: Seconds that one call to that URL may take.
            stand_in: Whether the checkpoint's own critic answers while the other cannot; None: when a URL was given.
            revision: Branch, tag or commit of a hub name.
            device: `cpu`, `cuda`, `cuda:1`, …; None takes the best there is.
            dtype: Number type of the weights; None means bfloat16, but float32 on a CPU where the
                preset does not say otherwise.
            cache_bytes: Budget of each cache.
            local_files_only: Never ask the hub.
            preset: `quality` (exact), `balanced` or `fast`, which draw in bfloat16 on a CPU that multiplies it, or
                `edit`.
            memory: How the generator's weights are held: `auto`, `whole`, `model`, `group` or `sequential`.
            generator_profile: In place of the checkpoint's own.
            critic_profile: In place of the critic's own; a stand-in keeps its own.
            reader: What reads the text of pictures.
            detector: What finds things in pictures.
            calibrations: As of the class.
            ranker: As of the class.
            keep_memory: Whether a model on the CPU has the whole process keep memory that is freed
                (`omniagent.model.device.keep_freed_memory`).
            eight_bits: Whether the transformer's blocks multiply in eight bits, compiled; lossy, for CUDA cards of Ada,
                Hopper or newer, `memory` `auto`, `whole` or `model`, and without LoRAs.
            on_part: Told the names of the checkpoint's networks as they are read.

        Raises:
            UnknownModel: no such folder, repository or revision.
            BadCheckpoint: no model was named, or it is incomplete, broken or unsafe.
            HubUnreachable: the hub does not answer and nothing is downloaded.
            BadSetting: no such device or preset, or `critic` is neither `local`, `auto`, a URL nor a critic, or
                products in eight bits are not to be had so.
            OutOfMemory: the device is too small.
        """
        with lean_imports():
            from omniagent.model.loading import load_critic, load_generator, own_critic

        generator = load_generator(
            model,
            revision=revision,
            device=device,
            dtype=dtype,
            cache_bytes=cache_bytes,
            local_files_only=local_files_only,
            preset=preset,
            memory=memory,
            profile=generator_profile,
            keep_memory=keep_memory,
            eight_bits=eight_bits,
            on_part=on_part,
        )
        looks = load_critic(
            critic,
            generator,
            name=critic_model,
            key=critic_key,
            timeout=critic_timeout,
            cache_bytes=cache_bytes,
            profile=critic_profile,
        )
        remote = isinstance(critic, str) and critic not in ("local", "auto")
        wanted = remote if stand_in is None else stand_in
        other = own_critic(generator, cache_bytes=cache_bytes) if wanted else None
        release_workers()
        return cls(
            generator,
            looks,
            stand_in=other,
            breaker=CircuitBreaker() if remote or wanted else None,
            reader=reader,
            detector=detector,
            calibrations=calibrations,
            ranker=ranker,
        )

    def pace(self, request: GenerationRequest) -> Pace | None:
        """Seconds that one picture of such a request will take, and by what that is known; None while nothing is.

        Measured steps of earlier pictures tell it, else the profile's `seconds_per_step`, else the card's name.
        """
        return self._clock.pace(request)

    def stats(self) -> RuntimeStats:
        """What the models did so far, and how often their caches helped."""
        caches: dict[str, CacheStats] = {}
        for model in self._models:
            if isinstance(model, Caching):
                caches |= model.stats
        return RuntimeStats(self._meter.counts, caches)

    def close(self) -> None:
        """Wait for the calls under way on devices, end connections, and turn later calls away. Twice does no harm."""
        if self._closed:
            return
        self._closed = True
        if isinstance(self.generator, QueuedGenerator):
            self.generator.close()
        for gate in self._gates:
            gate.close()
        for model in (*self._models, self._ranker):
            if isinstance(model, Closable):
                model.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()
