"""The published size at 1024² on one GPU in bf16, with random weights, however the numbers are computed and held.

Timed is one whole call of `OmniGen2Pipeline`, from the prompt (128 tokens, through a text model of the published size)
and a PIL reference to a PIL picture: text to image with two passes, and an edit of one 1024² reference with three.
"""

from __future__ import annotations

import gc
import os
import time
import warnings
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch
from PIL import Image

from omniagent.model.denoising.optimizations import Computation
from omniagent.model.denoising.presets import preset_named
from omniagent.model.pipeline.memory import GIB, EightBits, hold
from omniagent.model.pipeline.omnigen2 import OmniGen2Pipeline
from tests.bench.ceilings import ceilings
from tests.bench.fullsize_model import FULL, Sizes, build

Figure = tuple[str, float, str] | str
"""Name, value and unit; or a line of text."""

FLOORS = {"t2i": 4.16, "edit": 11.7}
"""Seconds of 50 steps on an H100, by count."""


@dataclass(frozen=True)
class Mode:
    """One way of computing: the computation, what is left out, where weights lie, and the most steps it is given."""

    name: str
    computation: Computation = field(default_factory=Computation)
    preset: str = "quality"
    memory: str = "whole"
    eight_bits: EightBits = "none"
    most_steps: int | None = None

    @property
    def held(self) -> tuple[str, EightBits]:
        """What modes must share to use the same pipeline."""
        return self.memory, self.eight_bits


MODES = (
    Mode("exact"),
    Mode("reference", Computation.reference()),
    Mode("balanced", preset="balanced"),
    Mode("fast", preset="fast"),
    Mode("compiled", Computation(compiled=True)),
    Mode("fp8", eight_bits="stored", most_steps=10),
    Mode("model_offload", memory="model", most_steps=10),
    Mode("group_offload", memory="group", most_steps=10),
    Mode("sequential", memory="sequential", most_steps=2),
)


def fullsize() -> Iterator[Figure]:
    """All modes, one after the other, until OMNIAGENT_BENCH_SECONDS are spent; a mode that fails costs only itself.

    OMNIAGENT_BENCH_STEPS sets the steps, OMNIAGENT_BENCH_MODES (names with commas) what is run, and
    OMNIAGENT_BENCH_PROFILE a file for profiles of two steps.
    """
    if not torch.cuda.is_available():
        yield "fullsize skipped: it needs a CUDA device and there is none"
        return
    profile = os.environ.get("OMNIAGENT_BENCH_PROFILE")
    yield from measure(
        FULL,
        "cuda",
        torch.bfloat16,
        steps=int(os.environ.get("OMNIAGENT_BENCH_STEPS", "50")),
        budget=float(os.environ.get("OMNIAGENT_BENCH_SECONDS", "330")),
        profile=Path(profile) if profile else None,
        names=tuple(filter(None, os.environ.get("OMNIAGENT_BENCH_MODES", "").split(","))),
    )


def measure(
    sizes: Sizes,
    device: str,
    dtype: torch.dtype,
    *,
    steps: int,
    budget: float,
    profile: Path | None = None,
    names: tuple[str, ...] = (),
) -> Iterator[Figure]:
    """Figures of all modes, or of those named, at any size on any device; compare `fullsize`."""
    begin = time.perf_counter()
    if device == "cuda":
        yield f"device {torch.cuda.get_device_name()}, torch {torch.__version__}"
    yield from _guarded("ceilings", lambda: ceilings(device, dtype, small=device == "cpu"))
    bench = _Bench(sizes, device, dtype, steps, profile)
    for mode in MODES:
        if names and mode.name not in names:
            continue
        spent = time.perf_counter() - begin
        if spent > budget:
            yield f"stopped before {mode.name}: {spent:.0f} s of {budget:.0f} s are spent"
            return
        yield from _guarded(mode.name, lambda mode=mode: bench.figures(mode))
    yield "total", time.perf_counter() - begin, "s"


class _Bench:
    def __init__(self, sizes: Sizes, device: str, dtype: torch.dtype, steps: int, profile: Path | None) -> None:
        self._sizes, self._device, self._dtype, self._steps, self._profile = sizes, device, dtype, steps, profile
        self._held: tuple[str, EightBits] | None = None
        self._pipeline: OmniGen2Pipeline | None = None
        self._exact: dict[str, float] = {}
        side = sizes.side
        self._reference = Image.effect_mandelbrot((side, side), (-2, -1.5, 1, 1.5), 50).convert("RGB")

    def figures(self, mode: Mode) -> Iterator[Figure]:
        """Seconds, peak and how they compare, for both tasks."""
        if self._held != mode.held:
            seconds = self._load(mode)
            yield f"{mode.name}_load", seconds, "s"
        steps = min(self._steps, mode.most_steps or self._steps)
        drawn = preset_named(mode.preset).step_count(steps)
        for task, floor in FLOORS.items():
            name = f"{mode.name}_{task}"
            warm = self._timed(lambda task=task: self._draw(task, mode, min(3, steps)))[0]
            yield f"{name}_warm_up", warm, "s"
            if self._device == "cuda":
                torch.cuda.reset_peak_memory_stats()
            seconds = self._timed(lambda task=task: self._draw(task, mode, steps))[0]
            yield name, seconds, "s"
            yield f"{name}_step", seconds / drawn, "s/step"
            if self._device == "cuda":
                yield f"{name}_peak", torch.cuda.max_memory_allocated() / GIB, "GiB"
            if mode.preset == "quality":
                yield f"{name}_roofline", floor * steps / 50 / seconds, "of the floor's rate"
            if mode.name == "exact":
                self._exact[task] = seconds
            elif task in self._exact and steps == self._steps:
                yield f"{name}_against_exact", self._exact[task] / seconds, "x"
        if mode.computation.compiled:
            counters: Any = torch._dynamo.utils.counters
            yield f"{mode.name}_graphs", float(counters["stats"]["unique_graphs"]), "graphs"
        if mode.name == "exact":
            yield from self._stages()
        if self._profile is not None and mode.name in ("exact", "compiled"):
            for task in FLOORS:
                path = self._profile.with_name(f"{self._profile.name}.{mode.name}.{task}")
                self._write_profile(path, lambda task=task: self._draw(task, mode, 2))
                yield f"{mode.name}_{task}_profile in {path}"

    def _load(self, mode: Mode) -> float:
        self._held = self._pipeline = None
        _tidy()
        begin = time.perf_counter()
        pipeline = build(self._sizes, self._device, self._dtype)
        if mode.held != ("whole", "none"):
            pipeline.to("cpu")
            _tidy()
            hold(pipeline, mode.memory, torch.device(self._device), eight_bits=mode.eight_bits)
            _tidy()
        self._pipeline, self._held = pipeline, mode.held
        return time.perf_counter() - begin

    def _draw(self, task: str, mode: Mode, steps: int) -> Image.Image:
        pipeline, preset = self._ready, preset_named(mode.preset)
        own = pipeline.scheduler
        pipeline.scheduler, count = preset.scheduler(own), preset.step_count(steps)
        # Held in groups or layer by layer, the pipeline knows which remedies do not apply.
        computation = None if mode.computation == Computation() else mode.computation
        try:
            answer: Any = pipeline(
                self._prompt,
                "",
                input_images=[self._reference] if task == "edit" else None,
                height=self._sizes.side,
                width=self._sizes.side,
                max_sequence_length=self._sizes.tokens,
                num_inference_steps=count,
                timesteps=preset.timesteps(own, count, (self._sizes.side // 8) ** 2),
                text_guidance_scale=5.0,
                image_guidance_scale=2.0,
                generator=torch.Generator("cpu").manual_seed(0),
                computation=computation,
            )
        finally:
            pipeline.scheduler = own
        return answer.images[0]

    def _stages(self) -> Iterator[Figure]:
        pipeline, side = self._ready, self._sizes.side // 8
        latents = torch.randn(1, 16, side, side, device=self._device)
        stages: dict[str, Callable[[], Any]] = {
            "text": lambda: pipeline.encode_prompt(self._prompt, max_sequence_length=self._sizes.tokens),
            "reference": lambda: pipeline.encode_references(self._reference),
            "decode": lambda: pipeline.decode(latents),
        }
        for name, work in stages.items():
            yield f"exact_stage_{name}", self._timed(work)[0], "s"

    def _write_profile(self, path: Path, work: Callable[[], object]) -> None:
        """Tables by time on the device and on the host, and where the host waited for the device."""
        with torch.profiler.profile() as profile:
            self._timed(work)
        events = profile.key_averages()
        parts = [
            events.table(sort_by=key, row_limit=25, max_name_column_width=90)
            for key in ("self_device_time_total", "self_cpu_time_total")
        ]
        if self._device == "cuda":
            with warnings.catch_warnings(record=True) as waits:
                warnings.simplefilter("always")
                torch.cuda.set_sync_debug_mode("warn")
                try:
                    work()
                finally:
                    torch.cuda.set_sync_debug_mode("default")
            places = [f"{each.filename}:{each.lineno} {each.message!s:.80}" for each in waits]
            parts += [f"{places.count(place)} times {place}" for place in dict.fromkeys(places)]
        path.write_text("\n".join(parts), encoding="utf-8")

    def _timed(self, work: Callable[[], Any]) -> tuple[float, Any]:
        if self._device == "cuda":
            torch.cuda.synchronize()
        begin = time.perf_counter()
        result = work()
        if self._device == "cuda":
            torch.cuda.synchronize()
        return time.perf_counter() - begin, result

    @property
    def _ready(self) -> OmniGen2Pipeline:
        assert self._pipeline is not None
        return self._pipeline

    @property
    def _prompt(self) -> str:
        """Longer than the tokens wanted; it is cut to them."""
        return " ".join(["a red circle above two blue stars left of a ring"] * (self._sizes.tokens // 4))


def _guarded(name: str, work: Callable[[], Iterator[Figure]]) -> Iterator[Figure]:
    try:
        yield from work()
    except Exception as error:
        first = (str(error).strip().splitlines() or [""])[0]
        yield f"{name} failed: {type(error).__name__}: {first:.300}"
        where = error.__traceback__
        while where is not None and where.tb_next is not None:
            where = where.tb_next
        if where is not None:
            yield f"{name} failed at {where.tb_frame.f_code.co_filename}:{where.tb_lineno}"
    _tidy()


def _tidy() -> None:
    gc.collect()
    if torch.cuda.is_available():
        torch.cuda.empty_cache()
