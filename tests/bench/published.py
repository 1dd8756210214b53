"""``python -m tests.bench.published``: seconds of a step at the published size, on whatever card is there, as a table.

Random weights, made on the device; 1024×1024, text to image with two passes and an edit of one reference with three.
Rows are taken by worth until ``--seconds`` are spent; the table is written anew after each, as Markdown and JSON, and
says what was left out. A row that fails, for want of memory too, costs only itself. ``--profile`` adds where the time
of two steps goes, exact and compiled. ``--tiny`` tries it on a CPU.
"""

from __future__ import annotations

import argparse
import gc
import json
import statistics
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, replace
from itertools import pairwise
from pathlib import Path
from typing import Any

import torch
from PIL import Image

from omniagent.model.denoising.graphed import Twin
from omniagent.model.denoising.graphs import StepGraphs
from omniagent.model.denoising.presets import preset_named
from omniagent.model.pipeline.memory import GIB, EightBits, hold
from omniagent.model.pipeline.omnigen2 import OmniGen2Pipeline
from tests.bench.critic_prefill import critic_prefill
from tests.bench.published_attention import attention_rates
from tests.bench.published_model import FULL, TINY, Sizes, build, shallow
from tests.bench.published_parts import product_rates, psnr_of, stages, write_profile
from tests.bench.published_rows import PLAIN, ROWS, Found, Row, table

DEFAULT_STEPS = 50
PROFILED = ("exact", "compiled")
QUARTER = (0.0, 0.0, 0.5, 0.5)


class Bench:
    """All rows on one device, with as few pipelines as they need."""

    def __init__(
        self, sizes: Sizes, device: str, dtype: torch.dtype, until: float, profiles: Path | None = None
    ) -> None:
        self._sizes, self._device, self._dtype, self._until = sizes, device, dtype, until
        self._profiles = profiles
        self._held: tuple[str, EightBits] | None = None
        self._pipeline: OmniGen2Pipeline | None = None
        self._exact: dict[tuple[str, float, int], tuple[torch.Tensor, Image.Image]] = {}
        side = sizes.side
        self._reference = Image.effect_mandelbrot((side, side), (-2, -1.5, 1, 1.5), 50).convert("RGB")

    def run(self, row: Row) -> Iterator[Found]:
        """The figures of a row, task by task."""
        if row.parts in ("products", "attention"):
            rates = product_rates if row.parts == "products" else attention_rates
            yield from rates(self._device, self._dtype, small=self._device == "cpu")
            return
        if self._held != row.held:
            begin = time.perf_counter()
            self._load(row)
            yield Found(row.name, "loading", step=time.perf_counter() - begin)
        assert self._pipeline is not None
        # Recordings of other rows would count as memory of this one.
        self._pipeline.graphs.clear()
        tidy()
        if row.parts:
            parts = critic_prefill if row.parts == "critic" else stages
            for name, seconds, note in parts(self._pipeline, self._sizes.side, self._device, self._dtype):
                yield Found(row.name, name, step=seconds, note=note)
            return
        for task in row.tasks:
            yield self._timed(row, task)
            if self._profiles is not None and row.name in PROFILED:
                path = self._profiles / f"profile-{row.name}-{task}.txt"
                write_profile(path, lambda task=task: self._draw(task, row, 2), self._device)
                yield Found(row.name, task, note=f"profile of two steps in {path.name}")

    def _timed(self, row: Row, task: str) -> Found:
        warm = 0.0
        if row.warm:
            begin = time.perf_counter()
            self._draw(task, row, row.warm)
            self._wait()
            warm = time.perf_counter() - begin
        if self._device == "cuda":
            torch.cuda.reset_peak_memory_stats()
        begin = time.perf_counter()
        marks, latents, picture = self._draw(task, row, row.steps)
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
        peak = reserved = None
        if self._device == "cuda":
            peak, reserved = torch.cuda.max_memory_allocated() / GIB, torch.cuda.max_memory_reserved() / GIB
        note = f"warm-up {warm:.1f} s" if row.warm else "first call"
        if row.computation.compiled:
            counters: Any = torch._dynamo.utils.counters
            note += f", {counters['stats']['unique_graphs']} compiled graphs so far"
        assert self._pipeline is not None
        if recorded := self._pipeline.graphs.recorded:
            note += f", {recorded} steps recorded so far"
        error, psnr = self._against_exact((task, row.part, row.steps), row, latents, picture)
        return Found(
            row.name, task, step, min(each), max(each), around, around + steps, count, peak, reserved, error, psnr, note
        )  # fmt: skip

    def _against_exact(
        self, key: tuple[str, float, int], row: Row, latents: torch.Tensor, picture: Image.Image
    ) -> tuple[float | None, float | None]:
        """The error of the latents and the PSNR of the picture; None of those of `exact`, where it drew none, and of
        edits that keep what does not change."""
        if row.computes == PLAIN and row.held == ("whole", "none") and row.preset == "quality":
            self._exact[key] = latents, picture
            return None, None
        # Of random weights all of the picture changes, so one that keeps its source tells nothing of either.
        if key not in self._exact or preset_named(row.preset).reuse is not None:
            return None, None
        wanted, good = self._exact[key]
        return float((latents - wanted).norm() / wanted.norm()), psnr_of(picture, good)

    def _load(self, row: Row) -> None:
        self._held = self._pipeline = None
        tidy()
        pipeline = build(self._sizes, self._device, self._dtype)
        if row.memory != "whole":
            pipeline.to("cpu")
            tidy()
        if row.held != ("whole", "none"):
            hold(pipeline, row.memory, torch.device(self._device), eight_bits=row.eight_bits)
            tidy()
        # Refused elsewhere until this bench has shown that they are right.
        pipeline.graphs = StepGraphs[Twin](eight_bits=True)
        self._pipeline, self._held = pipeline, row.held

    def _draw(self, task: str, row: Row, steps: int) -> tuple[list[Any], torch.Tensor, Image.Image]:
        """Draw a picture: marks in time after each step, the latents at the end, and the picture."""
        pipeline, preset = self._pipeline, preset_named(row.preset)
        assert pipeline is not None
        own, reuse, side = pipeline.scheduler, preset.reuse, round(self._sizes.side * row.part)
        pipeline.scheduler = preset.scheduler(own)
        marks: list[Any] = []
        last: list[torch.Tensor] = []

        def mark(done: int, total: int, latents: torch.Tensor) -> bool | None:
            if self._device == "cuda":
                event = torch.cuda.Event(enable_timing=True)
                event.record()
                marks.append(event)
            else:
                marks.append(time.perf_counter())
            last[:] = [latents]
            return False if time.time() > self._until else None

        try:
            answer: Any = pipeline(
                " ".join(["a red circle above two blue stars left of a ring"] * (self._sizes.tokens // 4)),
                "",
                input_images=[self._reference.resize((side, side))] if task == "edit" else None,
                height=side,
                width=side,
                max_sequence_length=self._sizes.tokens,
                num_inference_steps=steps,
                timesteps=preset.timesteps(own, steps, (side // 8) ** 2),
                text_guidance_scale=5.0,
                image_guidance_scale=2.0,
                generator=torch.Generator("cpu").manual_seed(0),
                computation=row.computes,
                reuse=None if reuse is None else replace(reuse, known=reuse.found),
                region=None if reuse is None or task != "edit" else QUARTER,
                callback_on_step_end=mark,
            )
        finally:
            pipeline.scheduler = own
        return marks, last[0].float().cpu(), answer.images[0]

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


def main(words: Sequence[str] | None = None) -> int:
    """Measure, print and write the table."""
    parser = argparse.ArgumentParser(prog="python -m tests.bench.published", description=__doc__)
    parser.add_argument("--seconds", type=float, default=300, help="end after about so long")
    parser.add_argument("--out", type=Path, default=Path("published-bench"), help="folder of table.md and table.json")
    parser.add_argument("--only", nargs="*", default=(), help="names of rows")
    parser.add_argument("--shallow", action="store_true", help="two layers of each network, to try every way quickly")
    parser.add_argument("--profile", action="store_true", help="also write profiles of exact and compiled steps")
    parser.add_argument("--tiny", action="store_true", help="tiny networks on the CPU")
    given = parser.parse_args(words)
    if not given.tiny and not torch.cuda.is_available():
        print("published skipped: it needs a CUDA device and there is none; --tiny tries it on the CPU")
        return 0
    until = time.time() + given.seconds
    device, sizes = ("cpu", TINY) if given.tiny else ("cuda", FULL)
    if given.shallow:
        sizes = shallow(sizes)
    dtype = torch.float32 if given.tiny else torch.bfloat16
    card = "CPU" if given.tiny else torch.cuda.get_device_name()
    title = f"{card}, torch {torch.__version__}, {str(dtype).removeprefix('torch.')}, {sizes.side}×{sizes.side}"
    if unknown := sorted({*given.only} - {row.name for row in ROWS}):
        parser.error(f"unknown rows {', '.join(unknown)}; there are {', '.join(row.name for row in ROWS)}")
    rows = [row for row in ROWS if not given.only or row.name in given.only]
    if given.shallow:
        rows = [replace(row, about=1.0) for row in rows]
        title += ", two layers of each network"
    given.out.mkdir(parents=True, exist_ok=True)
    every: list[Found] = []
    for found in measure(Bench(sizes, device, dtype, until, given.out if given.profile else None).run, rows, until):
        every.append(found)
        print(found, flush=True)
        (given.out / "table.md").write_text(table(every, title), encoding="utf-8")
        (given.out / "table.json").write_text(json.dumps([title, *map(asdict, every)], indent=1), encoding="utf-8")
    print(table(every, title))
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
