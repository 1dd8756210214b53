"""What a critic's look at a picture costs: the vision tower, the prompt's prefill, and one token after it."""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable, Iterator
from typing import Any

import torch
from transformers import DynamicCache

from omniagent.model.pipeline.omnigen2 import OmniGen2Pipeline

TEXT_TOKENS = 300
TIMES = 3


@torch.no_grad()
def critic_prefill(
    pipeline: OmniGen2Pipeline, side: int, device: str, dtype: torch.dtype
) -> Iterator[tuple[str, float, str]]:
    """Name, median seconds and the number of tokens; for one picture of `side` pixels and 300 tokens of text."""
    mllm: Any = pipeline.mllm
    vision = mllm.config.vision_config
    patch, merge = int(vision.patch_size), int(vision.spatial_merge_size)
    rows = side // (patch * merge) * merge
    width = 3 * int(vision.temporal_patch_size) * patch * patch
    pixels = torch.randn(rows * rows, width, device=device, dtype=dtype)
    grid = torch.tensor([[1, rows, rows]], device=device)
    tower = mllm.model.visual
    language = mllm.model.language_model
    merged = (rows // merge) ** 2
    count = merged + TEXT_TOKENS
    embeds = torch.randn(1, count, language.embed_tokens.embedding_dim, device=device, dtype=dtype)
    cache = DynamicCache(config=language.config)

    def prefill() -> torch.Tensor:
        nonlocal cache
        cache = DynamicCache(config=language.config)
        states = language(inputs_embeds=embeds, past_key_values=cache, use_cache=True).last_hidden_state
        return mllm.lm_head(states[:, -1])

    def one_more() -> torch.Tensor:
        states = language(inputs_embeds=embeds[:, :1], past_key_values=cache, use_cache=True).last_hidden_state
        return mllm.lm_head(states[:, -1])

    works: dict[str, tuple[Callable[[], object], str]] = {
        "vision tower": (lambda: tower(pixels, grid), f"{merged} merged tokens"),
        "prefill": (prefill, f"{count} tokens"),
        "one token": (one_more, f"after {count}"),
    }
    for name, (work, note) in works.items():
        yield name, _median(work, device), note


def _median(work: Callable[[], object], device: str) -> float:
    """Median seconds of a few calls after one that warms up."""
    times: list[float] = []
    for _ in range(TIMES + 1):
        begin = time.perf_counter()
        work()
        if device == "cuda":
            torch.cuda.synchronize()
        times.append(time.perf_counter() - begin)
    return statistics.median(times[1:])
