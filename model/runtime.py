"""The one object that owns models on devices."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Protocol, Self, runtime_checkable

from omniagent.model.cache import CacheStats
from omniagent.model.guarded import Counts, DeviceLock, Gate, GuardedCritic, GuardedGenerator, Meter, bare
from omniagent.model.requests import Critic, Generator

if TYPE_CHECKING:
    import torch


@runtime_checkable
class OnDevice(Protocol):
    """A model that sits on a device of this machine; models that share one take turns."""

    @property
    def device(self) -> object: ...


@runtime_checkable
class Caching(Protocol):
    """A model that remembers, and counts how often that helped."""

    @property
    def stats(self) -> Mapping[str, CacheStats]: ...


@runtime_checkable
class Closable(Protocol):
    """A model that holds connections or threads."""

    def close(self) -> None: ...


@dataclass(frozen=True, slots=True)
class RuntimeStats:
    """What the models did, and the counters of their caches by name."""

    counts: Counts
    caches: Mapping[str, CacheStats]


class ModelRuntime:
    """A generator and a critic for any number of runs and threads.

    Models on the same device take turns; a critic behind a URL and scripted models, which have no device, do not
    wait. Caches live as long as the runtime, so later rounds and later runs find what earlier ones computed.
    Use it as a context manager, or call `close`.

    Args:
        generator: What draws.
        critic: What looks and reads.

    Attributes:
        generator: The generator, behind its device's lock.
        critic: The critic, behind its device's lock.
    """

    def __init__(self, generator: Generator, critic: Critic) -> None:
        self._models = (bare(generator), bare(critic))
        self._closed = False
        self._meter = Meter()
        locks: dict[str, DeviceLock] = {}

        def gate(model: object) -> Gate:
            lock = locks.setdefault(str(model.device), DeviceLock()) if isinstance(model, OnDevice) else None
            return Gate(lock, self._meter)

        self._gates = [gate(model) for model in self._models]
        self.generator = GuardedGenerator(self._models[0], self._gates[0])
        self.critic = GuardedCritic(self._models[1], self._gates[1])

    @classmethod
    def load(
        cls,
        model: str | Path | None = None,
        *,
        critic: str | Critic = "local",
        critic_model: str | None = None,
        critic_key: str | None = None,
        revision: str | None = None,
        device: str | None = None,
        dtype: torch.dtype | None = None,
        cache_bytes: int = 256 * 2**20,
        local_files_only: bool = False,
    ) -> ModelRuntime:
        """Load a checkpoint.

        Args:
            model: A folder in the published layout, or a hub name. This floor knows of no default.
            critic: ``local`` (or ``auto``) runs the checkpoint's ``critic/`` folder, or else its ``mllm/``, in this
                process; a URL names an OpenAI-compatible server; a `Critic` is used as it is.
            critic_model: The model to ask for at that URL; None takes the first one there.
            critic_key: The API key for that URL.
            revision: Branch, tag or commit of a hub name.
            device: ``cpu``, ``cuda``, ``cuda:1``, …; None takes the best there is.
            dtype: Number type of the weights; None means float32 on a CPU and bfloat16 elsewhere.
            cache_bytes: Budget of each cache.
            local_files_only: Never ask the hub.

        Raises:
            UnknownModel: no such folder, repository or revision.
            BadCheckpoint: no model was named, or it is incomplete, broken or unsafe.
            HubUnreachable: the hub does not answer and nothing is downloaded.
            BadSetting: no such device, or `critic` is neither ``local``, ``auto``, a URL nor a critic.
            OutOfMemory: the device is too small.
        """
        from omniagent.model.loading import load_critic, load_generator

        generator = load_generator(
            model,
            revision=revision,
            device=device,
            dtype=dtype,
            cache_bytes=cache_bytes,
            local_files_only=local_files_only,
        )
        looks = load_critic(critic, generator, name=critic_model, key=critic_key, cache_bytes=cache_bytes)
        return cls(generator, looks)

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
        for gate in self._gates:
            gate.close()
        for model in self._models:
            if isinstance(model, Closable):
                model.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()
