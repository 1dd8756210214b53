"""What the machine reaches on its own: a large matrix product, and attention at the sizes of the published network."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import torch
from torch.nn.attention import SDPBackend, sdpa_kernel
from torch.nn.functional import scaled_dot_product_attention

HEADS, KV_HEADS, HEAD_DIM = 21, 7, 120
KERNELS = (SDPBackend.FLASH_ATTENTION, SDPBackend.CUDNN_ATTENTION, SDPBackend.EFFICIENT_ATTENTION)


def ceilings(device: str, dtype: torch.dtype, small: bool = False) -> Iterator[tuple[str, float, str] | str]:
    """TFLOP/s; on a CPU at small sizes, only to see that it runs."""
    scale = 64 if small else 1
    for rows, inner, columns in ((8192, 8192, 8192), (8448, 2520, 10240), (8448, 10240, 2520), (8448, 2520, 2520)):
        m, k, n = rows // scale, inner // scale, columns // scale
        a, b = (torch.randn(size, device=device, dtype=dtype) for size in ((m, k), (n, k)))
        rate = 2 * m * k * n / _seconds(lambda a=a, b=b: a @ b.T, device) / 1e12
        yield f"matmul_{rows}x{inner}x{columns}", rate, "TFLOP/s"
    for tokens in (4224, 8320):
        n = tokens // scale
        query = torch.randn(1, HEADS, n, HEAD_DIM, device=device, dtype=dtype)
        key, value = (torch.randn(1, KV_HEADS, n, HEAD_DIM, device=device, dtype=dtype) for _ in range(2))
        work = 4 * n * n * HEAD_DIM * HEADS / 1e12

        def grouped(query: torch.Tensor = query, key: torch.Tensor = key, value: torch.Tensor = value) -> object:
            return scaled_dot_product_attention(query, key, value, enable_gqa=True)

        def repeated(query: torch.Tensor = query, key: torch.Tensor = key, value: torch.Tensor = value) -> object:
            keys, values = (each.repeat_interleave(HEADS // KV_HEADS, dim=1) for each in (key, value))
            return scaled_dot_product_attention(query, keys, values)

        yield f"attention_{tokens}_default", work / _seconds(grouped, device), "TFLOP/s"
        if device == "cpu":
            continue
        yield f"attention_{tokens}_default kernel {_kernel(grouped)}"
        for kernel in KERNELS:
            for way, call in (("grouped", grouped), ("repeated", repeated)):
                name = f"attention_{tokens}_{kernel.name.split('_')[0].lower()}_{way}"
                try:
                    with sdpa_kernel(kernel):
                        yield name, work / _seconds(call, device), "TFLOP/s"
                except RuntimeError as error:
                    yield f"{name} failed: {str(error).strip().splitlines()[0]:.100}"


def _kernel(call: Callable[[], object]) -> str:
    """The name of the longest kernel of a call."""
    with torch.profiler.profile(activities=[torch.profiler.ProfilerActivity.CUDA]) as profile:
        call()
        torch.cuda.synchronize()
    events = sorted(profile.key_averages(), key=lambda event: event.self_device_time_total)
    return events[-1].key[:120] if events else "unknown"


def _seconds(call: Callable[[], object], device: str, times: int = 10) -> float:
    if device == "cpu":
        from time import perf_counter

        begin = perf_counter()
        call()
        return perf_counter() - begin
    for _ in range(3):
        call()
    start, end = (torch.cuda.Event(enable_timing=True) for _ in range(2))
    start.record()
    for _ in range(times):
        call()
    end.record()
    torch.cuda.synchronize()
    return start.elapsed_time(end) / 1000 / times
