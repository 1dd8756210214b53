"""`torch.compile` of the repeated block: one compiled function for every block of a network."""

from __future__ import annotations

import importlib
from collections.abc import Callable
from functools import cache
from typing import Any

import torch

from omniagent.model.network.blocks import BlockLayouts, FoldedWeights, OmniGen2Block
from omniagent.model.network.padded import Stream

GRAPHS = 64


def plain_block(
    block: OmniGen2Block,
    x: torch.Tensor,
    stream: Stream,
    temb: torch.Tensor | None,
    folded: FoldedWeights | None,
    layouts: BlockLayouts | None,
) -> torch.Tensor:
    """Call a block, with whatever hooks hang on it."""
    return block(x, stream, temb, folded, layouts)


@cache
def compiled_block() -> Callable[..., torch.Tensor]:
    """`plain_block`, compiled at its first call with sizes left open, so that another size compiles nothing anew."""
    # Each number of sequences in a row is a graph of its own; beyond the limit blocks would silently run uncompiled.
    settings: Any = importlib.import_module("torch._dynamo.config")
    settings.recompile_limit = max(settings.recompile_limit, GRAPHS)
    compile_function: Any = torch.compile
    return compile_function(plain_block, dynamic=True)
