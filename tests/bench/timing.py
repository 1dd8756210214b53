"""Times two or more ways of doing the same request, step by step in turn, so that a busy machine slows all alike."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TypeVar

import torch

from omniagent.model.denoising.loop import Denoising
from omniagent.model.denoising.optimizations import Computation
from omniagent.model.denoising.step_cache import StepCache
from tests.bench.midsize import Load, Prepared, midsize

T = TypeVar("T")


@dataclass(frozen=True)
class Way:
    """How a request is computed."""

    computation: Computation
    cache: StepCache | None = None


@dataclass
class Timed:
    """Seconds a request took, and where it ended."""

    seconds: float
    latents: torch.Tensor
    each: list[float]


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

    Single steps that the machine interrupted are left out: a request's time is its number of steps times their median,
    and what came before them.
    """
    prepared = Prepared(midsize(dtype=dtype, device=device), load)
    running: dict[str, Denoising] = {}
    before: dict[str, float] = {}
    times: dict[str, list[float]] = {name: [] for name in ways}
    text_time, texts = seconds(prepared.texts, device)
    for name, way in ways.items():
        before[name], running[name] = seconds(lambda way=way: prepared.start(texts, way.computation, way.cache), device)
        if way.computation.cached_text:
            before[name] += text_time
    for _ in range(load.steps):
        for name, denoising in running.items():
            times[name].append(seconds(denoising.step, device)[0])
    found: dict[str, Timed] = {}
    for name, each in times.items():
        # A cache makes some steps short on purpose; only steps that are alike can stand for each other.
        total = sum(each) if ways[name].cache is not None else sorted(each)[len(each) // 2] * len(each)
        found[name] = Timed(before[name] + total, running[name].latents, each)
    return found
