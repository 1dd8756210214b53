"""``python -m tests.bench.published``: seconds of a step at the published size, on whatever card is there, as a table.

Random weights, made on the device; 1024×1024, text to image with two passes and an edit of one reference with three.
Rows are taken by worth until ``--seconds`` are spent; the table is written anew after each, as Markdown and JSON, and
says what was left out. A row that fails, for want of memory too, costs only itself. ``--tiny`` tries it on a CPU.
"""

from __future__ import annotations

import argparse
import gc
import json
import statistics
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass, field, replace
from itertools import pairwise
from pathlib import Path
from typing import Any

import torch
from PIL import Image

from omniagent.model.denoising.optimizations import Computation
from omniagent.model.denoising.presets import PRESETS, preset_named
from omniagent.model.pipeline.memory import GIB, hold
from omniagent.model.pipeline.omnigen2 import OmniGen2Pipeline
from tests.bench.critic_prefill import critic_prefill
from tests.bench.fullsize_model import FULL, TINY, Sizes, build

DEFAULT_STEPS = 50
TASKS = ("t2i", "edit")
QUARTER = (0.0, 0.0, 0.5, 0.5)


@dataclass(frozen=True)
class Row:
    """One way of computing, the tasks it is timed on, and about how many seconds it takes at the published size."""

    name: str
    about: float
    computation: Computation = field(default_factory=Computation)
    preset: str = "quality"
    memory: str = "whole"
    fp8: bool = False
    tasks: tuple[str, ...] = TASKS
    warm: int = 2
    steps: int = 4

    @property
    def held(self) -> tuple[str, bool]:
        """What rows must share to use the same pipeline."""
        return self.memory, self.fp8


ROWS = (
    Row("exact", 15),
    Row("critic", 6),
    Row("reference", 12, Computation.reference()),
    *(Row(name, 6, preset=name) for name, preset in PRESETS.items() if name != "quality" and preset.reuse is None),
    # With random weights everything changes, so the region is given; steps are full as where it is found.
    Row("edit, a quarter changes", 4, preset="edit", tasks=("edit",), steps=6),
    Row("sequential offload", 20, memory="sequential", tasks=("t2i",), warm=0, steps=3),
    Row("model offload", 45, memory="model", tasks=("t2i",), warm=0, steps=3),
    Row("compiled", 75, Computation(compiled=True)),
    Row("group offload", 35, memory="group", tasks=("t2i",), warm=0, steps=3),
    Row("fp8 storage", 20, fp8=True),
)


@dataclass
class Found:
    """What a row came to; seconds, and GiB at the highest point. `picture` is reckoned for the preset's own steps."""

    row: str
    task: str
    step: float | None = None
    least: float | None = None
    most: float | None = None
    around: float | None = None
    picture: float | None = None
    steps: int | None = None
    peak: float | None = None
    note: str = ""


class Bench:
    """All rows on one device, with as few pipelines as they need."""

    def __init__(self, sizes: Sizes, device: str, dtype: torch.dtype, until: float) -> None:
        self._sizes, self._device, self._dtype, self._until = sizes, device, dtype, until
        self._held: tuple[str, bool] | None = None
        self._pipeline: OmniGen2Pipeline | None = None
        side = sizes.side
        self._reference = Image.effect_mandelbrot((side, side), (-2, -1.5, 1, 1.5), 50).convert("RGB")

    def run(self, row: Row) -> Iterator[Found]:
        """The figures of a row, task by task."""
        if self._held != row.held:
            self._load(row)
        assert self._pipeline is not None
        if row.name == "critic":
            for name, seconds, note in critic_prefill(self._pipeline, self._sizes.side, self._device, self._dtype):
                yield Found("critic", name, step=seconds, note=note)
            return
        for task in row.tasks:
            warm = 0.0
            if row.warm:
                begin = time.perf_counter()
                self._draw(task, row, row.warm)
                self._wait()
                warm = time.perf_counter() - begin
            if self._device == "cuda":
                torch.cuda.reset_peak_memory_stats()
            begin = time.perf_counter()
            marks = self._draw(task, row, row.steps)
            self._wait()
            whole = time.perf_counter() - begin
            each = _between(marks)
            step, preset = statistics.median(each), preset_named(row.preset)
            around = whole - (step * row.steps if preset.reuse is None else sum(each) + max(each))
            count = preset.step_count(DEFAULT_STEPS)
            steps = count * step
            if preset.reuse is not None:
                full = sum(preset.reuse.found.full(number, count) for number in range(count))
                steps = full * max(each) + (count - full) * step
            peak = torch.cuda.max_memory_allocated() / GIB if self._device == "cuda" else None
            yield Found(
                row.name, task, step, min(each), max(each), around, around + steps, count, peak,
                f"warm-up {warm:.1f} s" if row.warm else "first call",
            )  # fmt: skip

    def _load(self, row: Row) -> None:
        self._held = self._pipeline = None
        tidy()
        pipeline = build(self._sizes, self._device, self._dtype)
        if row.held != ("whole", False):
            pipeline.to("cpu")
            tidy()
            hold(pipeline, row.memory, torch.device(self._device), fp8=row.fp8)
            tidy()
        self._pipeline, self._held = pipeline, row.held

    def _draw(self, task: str, row: Row, steps: int) -> list[Any]:
        """Draw a picture; marks in time after each step."""
        pipeline, preset = self._pipeline, preset_named(row.preset)
        assert pipeline is not None
        own, reuse = pipeline.scheduler, preset.reuse
        pipeline.scheduler = preset.scheduler(own)
        marks: list[Any] = []

        def mark(done: int, total: int, latents: torch.Tensor) -> bool | None:
            if self._device == "cuda":
                event = torch.cuda.Event(enable_timing=True)
                event.record()
                marks.append(event)
            else:
                marks.append(time.perf_counter())
            return False if time.time() > self._until else None

        try:
            pipeline(
                " ".join(["a red circle above two blue stars left of a ring"] * (self._sizes.tokens // 4)),
                "",
                input_images=[self._reference] if task == "edit" else None,
                height=self._sizes.side,
                width=self._sizes.side,
                max_sequence_length=self._sizes.tokens,
                num_inference_steps=steps,
                timesteps=preset.timesteps(own, steps, (self._sizes.side // 8) ** 2),
                text_guidance_scale=5.0,
                image_guidance_scale=2.0,
                generator=torch.Generator("cpu").manual_seed(0),
                # Held in groups or layer by layer, the pipeline knows which remedies do not apply.
                computation=None if row.computation == Computation() else row.computation,
                reuse=None if reuse is None else replace(reuse, known=reuse.found),
                region=None if reuse is None or task != "edit" else QUARTER,
                callback_on_step_end=mark,
            )
        finally:
            pipeline.scheduler = own
        return marks

    def _wait(self) -> None:
        if self._device == "cuda":
            torch.cuda.synchronize()


def _between(marks: Sequence[Any]) -> list[float]:
    """Seconds from each mark to the next."""
    return [b - a if isinstance(a, float) else a.elapsed_time(b) / 1000 for a, b in pairwise(marks)]


def tidy() -> None:
    """Give freed memory back to the device."""
    gc.collect()
    if torch.cuda.is_available():
        torch.cuda.empty_cache()


def measure(bench: Callable[[Row], Iterator[Found]], rows: Sequence[Row], until: float) -> Iterator[Found]:
    """What each row comes to; one that will not be done in time, or fails, is one line that says so."""
    for row in rows:
        left = until - time.time()
        if left < row.about:
            yield Found(row.name, "", note=f"left out: takes about {row.about:.0f} s, {max(0.0, left):.0f} s are left")
            continue
        begin = time.time()
        try:
            yield from bench(row)
        except Exception as error:
            first = (str(error).strip().splitlines() or [""])[0]
            note = f"failed after {time.time() - begin:.0f} s: {type(error).__name__}: {first:.200}"
            yield Found(row.name, "", note=note)
        tidy()


def table(found: Sequence[Found], title: str) -> str:
    """The figures as Markdown."""
    lines = [title, "", "| way | task | s a step (least–most) | beside the steps | a picture | peak | |"]
    lines.append("| --- | --- | --- | --- | --- | --- | --- |")
    for one in found:
        spread = "" if one.least is None else f" ({one.least:.3f}–{one.most:.3f})"
        step = "" if one.step is None else f"{one.step:.4f}{spread}"
        around = "" if one.around is None else f"{one.around:.2f} s"
        picture = "" if one.picture is None else f"{one.picture:.2f} s ({one.steps} steps)"
        peak = "" if one.peak is None else f"{one.peak:.1f} GiB"
        lines.append(f"| {one.row} | {one.task} | {step} | {around} | {picture} | {peak} | {one.note} |")
    return "\n".join(lines) + "\n"


def main(words: Sequence[str] | None = None) -> int:
    """Measure, print and write the table."""
    parser = argparse.ArgumentParser(prog="python -m tests.bench.published", description=__doc__)
    parser.add_argument("--seconds", type=float, default=300, help="end after about so long")
    parser.add_argument("--out", type=Path, default=Path("published-bench"), help="folder of table.md and table.json")
    parser.add_argument("--only", nargs="*", default=(), help="names of rows")
    parser.add_argument("--tiny", action="store_true", help="tiny networks on the CPU")
    given = parser.parse_args(words)
    if not given.tiny and not torch.cuda.is_available():
        print("published skipped: it needs a CUDA device and there is none; --tiny tries it on the CPU")
        return 0
    until = time.time() + given.seconds
    device, sizes = ("cpu", TINY) if given.tiny else ("cuda", FULL)
    dtype = torch.float32 if given.tiny else torch.bfloat16
    card = "CPU" if given.tiny else torch.cuda.get_device_name()
    title = f"{card}, torch {torch.__version__}, {str(dtype).removeprefix('torch.')}, {sizes.side}×{sizes.side}"
    rows = [row for row in ROWS if not given.only or row.name in given.only]
    given.out.mkdir(parents=True, exist_ok=True)
    every: list[Found] = []
    for found in measure(Bench(sizes, device, dtype, until).run, rows, until):
        every.append(found)
        print(found, flush=True)
        (given.out / "table.md").write_text(table(every, title), encoding="utf-8")
        (given.out / "table.json").write_text(json.dumps([title, *map(asdict, every)], indent=1), encoding="utf-8")
    print(table(every, title))
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
