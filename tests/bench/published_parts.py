"""Parts of a run at the published size: what stands beside the steps, and the network's products by themselves."""

from __future__ import annotations

import time
import warnings
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import torch
from PIL import Image

from omniagent.model.network.eight_bits import STEP, quantised
from omniagent.model.pipeline.omnigen2 import OmniGen2Pipeline
from tests.bench.published_rows import Found

ROWS = 8448
"""Tokens of a step of text to image at 1024×1024, with 128 of text."""
PRODUCTS = ((2520, 10240), (10240, 2520), (2520, 2520))
TIMES = 10


@torch.no_grad()
def stages(pipeline: OmniGen2Pipeline, side: int, device: str, dtype: torch.dtype) -> Iterator[tuple[str, float, str]]:
    """Name, seconds and nothing more to say, of the work beside the steps: text, a reference, decoding."""
    latents = torch.randn(1, 16, side // 8, side // 8, device=device)
    reference = Image.effect_mandelbrot((side, side), (-2, -1.5, 1, 1.5), 50).convert("RGB")
    words = " ".join(["a red circle above two blue stars left of a ring"] * 16)
    works: dict[str, Callable[[], object]] = {
        "text": lambda: pipeline.encode_prompt(words, max_sequence_length=128),
        "reference": lambda: pipeline.encode_references(reference),
        "decoding": lambda: pipeline.decode(latents),
    }
    for name, work in works.items():
        work()
        yield name, seconds_of(work, device, 3), ""


def product_rates(device: str, dtype: torch.dtype, *, small: bool) -> Iterator[Found]:
    """Seconds of the network's products as they are and in eight bits, and of bringing tokens to eight bits."""
    scale = 64 if small else 1
    for inner, outer in PRODUCTS:
        m, k, n = ROWS // scale, inner // scale // STEP * STEP, outer // scale // STEP * STEP
        x, weight = torch.randn(m, k, device=device, dtype=dtype), torch.randn(n, k, device=device, dtype=dtype)
        (x8, x_scale), (w8, w_scale) = quantised(x), quantised(weight)
        works: dict[str, Callable[[], Any]] = {
            "as it is": lambda x=x, weight=weight: x @ weight.t(),
            "eight bits": lambda a=x8, b=w8, c=x_scale, d=w_scale: torch._scaled_mm(
                a, b.t(), scale_a=c, scale_b=d.t(), out_dtype=dtype, use_fast_accum=device == "cuda"
            ),
            "tokens to eight bits": lambda x=x: quantised(x),
        }
        for name, work in works.items():
            for _ in range(3):
                work()
            seconds = seconds_of(work, device, TIMES)
            rate = f"{2 * m * k * n / seconds / 1e12:.0f} TFLOP/s" if "tokens" not in name else ""
            yield Found(f"product {m}×{k}×{n}", name, step=seconds, note=rate)


def psnr_of(picture: Image.Image, good: Image.Image) -> float:
    """Peak signal-to-noise ratio in dB of 8-bit pictures; 100 for equal ones."""
    a, b = (np.asarray(each.convert("RGB"), dtype=np.float64) for each in (picture, good))
    error = float(np.square(a - b).mean())
    return 100.0 if error == 0 else min(100.0, 10 * float(np.log10(255**2 / error)))


def write_profile(path: Path, work: Callable[[], object], device: str) -> None:
    """Tables of a piece of work by time on the device and on the host, and where the host waited for the device."""
    with torch.profiler.profile() as profile:
        seconds_of(work, device, 1)
    events = profile.key_averages()
    parts = [
        events.table(sort_by=key, row_limit=25, max_name_column_width=90)
        for key in ("self_device_time_total", "self_cpu_time_total")
    ]
    if device == "cuda":
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


def seconds_of(work: Callable[[], object], device: str, times: int) -> float:
    """Seconds of one time of several."""
    if device == "cuda":
        torch.cuda.synchronize()
    begin = time.perf_counter()
    for _ in range(times):
        work()
    if device == "cuda":
        torch.cuda.synchronize()
    return (time.perf_counter() - begin) / times
