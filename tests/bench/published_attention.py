"""Rates of attention at the sizes of the published network, by each of torch's kernels."""

from __future__ import annotations

from collections.abc import Iterator

import torch
from torch.nn.attention import SDPBackend, sdpa_kernel
from torch.nn.functional import scaled_dot_product_attention

from tests.bench.published_parts import seconds_of
from tests.bench.published_rows import Found

HEADS, KV_HEADS, HEAD_DIM = 21, 7, 120
TOKENS = (4224, 8320)
"""Of a pass of text to image at 1024×1024 with 128 of text, and of one of an edit."""
KERNELS = (SDPBackend.FLASH_ATTENTION, SDPBackend.CUDNN_ATTENTION, SDPBackend.EFFICIENT_ATTENTION)
TIMES = 10


def attention_rates(device: str, dtype: torch.dtype, *, small: bool) -> Iterator[Found]:
    """Seconds and TFLOP/s; `default` is what torch chooses by itself, whose kernel is named."""
    for tokens in TOKENS:
        n = tokens // 64 if small else tokens
        query = torch.randn(1, HEADS, n, HEAD_DIM, device=device, dtype=dtype)
        key, value = (torch.randn(1, KV_HEADS, n, HEAD_DIM, device=device, dtype=dtype) for _ in range(2))
        work = 4 * n * n * HEAD_DIM * HEADS / 1e12

        def grouped(query: torch.Tensor = query, key: torch.Tensor = key, value: torch.Tensor = value) -> object:
            return scaled_dot_product_attention(query, key, value, enable_gqa=True)

        def repeated(query: torch.Tensor = query, key: torch.Tensor = key, value: torch.Tensor = value) -> object:
            keys, values = (each.repeat_interleave(HEADS // KV_HEADS, dim=1) for each in (key, value))
            return scaled_dot_product_attention(query, keys, values)

        row = f"attention, {n} tokens"
        seconds = seconds_of(grouped, device, TIMES)
        named = "" if device == "cpu" else f", {_kernel(grouped)}"
        yield Found(row, "default", step=seconds, note=f"{work / seconds:.0f} TFLOP/s{named}")
        if device == "cpu":
            continue
        for kernel in KERNELS:
            for way, call in (("grouped", grouped), ("repeated", repeated)):
                task = f"{kernel.name.split('_')[0].lower()}, {way}"
                try:
                    with sdpa_kernel(kernel):
                        seconds = seconds_of(call, device, TIMES)
                except RuntimeError as error:
                    yield Found(row, task, note=f"failed: {str(error).strip().splitlines()[0]:.100}")
                else:
                    yield Found(row, task, step=seconds, note=f"{work / seconds:.0f} TFLOP/s")


def _kernel(call: object) -> str:
    """The name of the longest kernel of a call."""
    assert callable(call)
    with torch.profiler.profile(activities=[torch.profiler.ProfilerActivity.CUDA]) as profile:
        call()
        torch.cuda.synchronize()
    events = sorted(profile.key_averages(), key=lambda event: event.self_device_time_total)
    return events[-1].key[:80] if events else "unknown kernel"
