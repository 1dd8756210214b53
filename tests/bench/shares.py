"""What an exact step spends in the libraries' products and attention, which no order of ours makes faster."""

from __future__ import annotations

from collections.abc import Iterator
from statistics import median

import torch
from torch.profiler import ProfilerActivity, profile

from omniagent.model.denoising.optimizations import Computation
from tests.bench.midsize import Load, Prepared, midsize

PRODUCTS = ("aten::mm", "aten::addmm", "aten::bmm", "mkldnn::_linear_pointwise")
ATTENTION = "scaled_dot_product"
STEPS = 5


def shares(load: Load) -> Iterator[tuple[str, float, str]]:
    """Shares of a step's processor time in products and in attention, and how fast the products go."""
    prepared = Prepared(midsize(), load)
    drawing = prepared.start(prepared.texts(), Computation())
    drawing.step()
    products, attention, speed = list[float](), list[float](), list[float]()
    for _ in range(STEPS):
        with profile(activities=[ProfilerActivity.CPU], with_flops=True) as watched:
            drawing.step()
        parts = watched.key_averages()
        every = sum(part.self_cpu_time_total for part in parts)
        in_products = sum(part.self_cpu_time_total for part in parts if part.key in PRODUCTS)
        products.append(in_products / every)
        attention.append(sum(part.self_cpu_time_total for part in parts if ATTENTION in part.key) / every)
        speed.append(sum(part.flops for part in parts if part.key in PRODUCTS) / in_products / 1e3)
    yield "products", 100 * median(products), "% of a step"
    yield "attention", 100 * median(attention), "% of a step"
    yield "products_speed", median(speed), "GFLOP/s"


def product_alone() -> float:
    """GFLOP/s of one large product by itself: what this processor's library reaches."""
    size = 2048
    left, right = torch.randn(size, size), torch.randn(size, size)
    found: list[float] = []
    for _ in range(STEPS + 1):
        with profile(activities=[ProfilerActivity.CPU]) as watched:
            torch.mm(left, right)
        spent = sum(part.self_cpu_time_total for part in watched.key_averages() if part.key == "aten::mm")
        found.append(2 * size**3 / spent / 1e3)
    return median(found[1:])
