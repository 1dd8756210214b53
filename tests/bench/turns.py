"""A denoising step of the bundled model beside an idle thread that has computed and keeps its workers, or not."""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Callable, Iterator
from statistics import median

import torch

from omniagent.config import bundled_checkpoint
from omniagent.model.generator.local import OmniGen2Generator
from omniagent.model.loading import load_generator
from omniagent.model.requests import GenerationRequest
from omniagent.model.turns.workers import release_workers
from tests.bench.timing import Spread

ROUNDS = 5
KEPT, RELEASED = "turns_step_workers_kept", "turns_step"


def compare() -> Iterator[tuple[str, Spread, str]]:
    """Seconds of the clock of a step, by all cores, in a thread of its own, and the ratio of the two."""
    before = torch.get_num_threads()
    torch.set_num_threads(os.cpu_count() or 1)
    try:
        generator = load_generator(bundled_checkpoint())
        release_workers()
        _in_thread(lambda: _step(generator))
        found: dict[str, list[float]] = {KEPT: [], RELEASED: []}
        for turn in range(ROUNDS):
            for way in (KEPT, RELEASED) if turn % 2 else (RELEASED, KEPT):
                found[way].append(_beside_idle(generator, released=way == RELEASED))
    finally:
        torch.set_num_threads(before)
    for way, each in found.items():
        yield way, Spread.of(each), "s"
    yield "turns_gain", Spread.of([kept / free for kept, free in zip(found[KEPT], found[RELEASED], strict=True)]), "x"


def _beside_idle(generator: OmniGen2Generator, *, released: bool) -> float:
    computed, over = threading.Event(), threading.Event()

    def idle() -> None:
        torch.ones(1_000_000).exp()
        if released:
            release_workers()
        computed.set()
        over.wait()

    beside = threading.Thread(target=idle)
    beside.start()
    computed.wait()
    seconds = _in_thread(lambda: _step(generator))
    over.set()
    beside.join()
    return seconds


def _in_thread(work: Callable[[], float]) -> float:
    found: list[float] = []
    thread = threading.Thread(target=lambda: found.append(work()))
    thread.start()
    thread.join()
    return found[0]


def _step(generator: OmniGen2Generator) -> float:
    batch = generator.start([(generator.prepare(GenerationRequest(instruction="a red circle")), 0)])
    times: list[float] = []
    while not batch.done:
        begin = time.perf_counter()
        batch.step()
        times.append(time.perf_counter() - begin)
    return median(times)
