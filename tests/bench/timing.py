"""Times two or more ways of doing the same request, step by step in turn, so that a busy machine slows all alike."""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TypeVar

import torch

from omniagent.model.denoising.loop import Denoising
from omniagent.model.denoising.optimizations import Computation
from omniagent.model.denoising.reuse.memory import Source
from omniagent.model.denoising.reuse.settings import RegionReuse
from omniagent.model.denoising.step_cache import StepCache
from tests.bench.midsize import Load, Prepared, midsize

T = TypeVar("T")


@dataclass(frozen=True)
class Way:
    """How a request is computed."""

    computation: Computation
    cache: StepCache | None = None
    reuse: RegionReuse | None = None
    source: Source | None = None


@dataclass
class Timed:
    """Seconds a request took, and where it ended."""

    seconds: float
    latents: torch.Tensor
    each: list[float]
    before: float = 0.0

    def over(self, other: Timed) -> Spread:
        """How many times as long as another way it took, step by step in pairs, each with its part of what was
        computed before the first step."""
        ours, theirs = (each.before / len(each.each) for each in (self, other))
        return Spread.of([(a + ours) / (b + theirs) for a, b in zip(self.each, other.each, strict=True)])


@dataclass(frozen=True)
class Spread:
    """The median of what was measured several times, and its quartiles."""

    median: float
    low: float
    high: float

    @classmethod
    def of(cls, values: Sequence[float]) -> Spread:
        """Of one value or more."""
        if len(values) == 1:
            return cls(values[0], values[0], values[0])
        low, _, high = statistics.quantiles(values, n=4, method="inclusive")
        return cls(statistics.median(values), low, high)


def seconds(work: Callable[[], T], device: str = "cpu") -> tuple[float, T]:
    """How long `work` takes: on a CPU, processor time of this thread, which counts no waiting for other programs."""
    if device == "cpu":
        begin = time.thread_time()
        result = work()
        return time.thread_time() - begin, result
    torch.cuda.synchronize()
    begin = time.perf_counter()
    result = work()
    torch.cuda.synchronize()
    return time.perf_counter() - begin, result


def race(
    load: Load, ways: Mapping[str, Way], *, device: str = "cpu", dtype: torch.dtype = torch.float32
) -> dict[str, Timed]:
    """Draw one request in each way. Text is counted where it is refined: once before the first step, or at each step.

    Single steps that the machine interrupted are left out: a request's time is the medians of its steps, of those of
    the same work each, and what came before them.
    """
    prepared = Prepared(midsize(dtype=dtype, device=device), load)
    running: dict[str, Denoising] = {}
    before: dict[str, float] = {}
    times: dict[str, list[float]] = {name: [] for name in ways}
    text_time, texts = seconds(prepared.texts, device)
    for name, way in ways.items():
        before[name], running[name] = seconds(
            lambda way=way: prepared.start(texts, way.computation, way.cache, way.reuse, way.source), device
        )
        if way.computation.cached_text:
            before[name] += text_time
    works: dict[str, list[int]] = {name: [] for name in ways}
    for step in range(load.steps):
        # Whatever grows slower or faster in the meantime hits each way first every other time.
        for name in list(running) if step % 2 == 0 else reversed(running):
            done = running[name].token_layers
            times[name].append(seconds(running[name].step, device)[0])
            works[name].append(running[name].token_layers - done)
    return {
        name: Timed(before[name] + _undisturbed(each, works[name]), running[name].latents, each, before[name])
        for name, each in times.items()
    }


def _undisturbed(times: Sequence[float], works: Sequence[int]) -> float:
    """Seconds of all steps, those of the same work each taken for their median."""
    alike: dict[int, list[float]] = {}
    for one, work in zip(times, works, strict=True):
        alike.setdefault(work, []).append(one)
    return sum(sorted(each)[len(each) // 2] * len(each) for each in alike.values())
