"""Many requests at once against the same one after the other, by the bundled checkpoint behind a runtime's queue."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from PIL import Image

from omniagent.model.requests import GenerationRequest
from omniagent.model.runtime import ModelRuntime
from omniagent.model.scripted import ScriptedCritic

CHECKPOINT = Path(__file__).parents[2] / "omniagent" / "checkpoints" / "shapes"
CALLERS = 16
COLOURS = ("red", "green", "blue", "yellow")


def requests() -> list[GenerationRequest]:
    """Sixteen callers with four texts between them."""
    return [
        GenerationRequest(instruction=f"a large {COLOURS[n % 4]} circle on a white background", seeds=(n,), steps=8)
        for n in range(CALLERS)
    ]


def compare() -> Iterator[tuple[str, float, str]]:
    """Ratio of throughputs by processor time and by the clock, and how many of the pictures are equal."""
    with ModelRuntime.load(CHECKPOINT, critic=ScriptedCritic(), device="cpu") as runtime:
        draw = runtime.generator.generate
        for request in requests()[:4]:
            draw(request)
        spent: dict[str, tuple[float, float]] = {}
        pictures: dict[str, list[bytes]] = {}
        with ThreadPoolExecutor(CALLERS) as callers:
            ways: dict[str, Callable[[], list[list[Image.Image]]]] = {
                "one": lambda: [draw(request) for request in requests()],
                "all": lambda: list(callers.map(draw, requests())),
            }
            for name, work in ways.items():
                clock, processor = time.perf_counter(), time.process_time()
                drawn = work()
                spent[name] = time.process_time() - processor, time.perf_counter() - clock
                pictures[name] = [image.tobytes() for images in drawn for image in images]
    yield "load_16_throughput", spent["one"][0] / spent["all"][0], "x"
    yield "load_16_throughput_by_the_clock", spent["one"][1] / spent["all"][1], "x"
    same = sum(a == b for a, b in zip(pictures["one"], pictures["all"], strict=True))
    yield "load_16_identical_pictures", same, "pictures"
