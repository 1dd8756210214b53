"""Blocks through `torch.compile`: what stands before the attention of a block, and what stands after it.

The compiler fuses norms, modulations, rotations and gates with each other; products and attention keep the libraries'
kernels. Attention stays outside: how many sequences a row has, and whose keys are kept, changes between text to image,
edits and repairs, and each would be compiled anew.
"""

from __future__ import annotations

import importlib.util
import os
import shutil
from collections.abc import Callable, Mapping
from functools import cache
from typing import Any

import torch
from torch import nn

from omniagent.model.network.attention import AttentionProcessor, project
from omniagent.model.network.blocks import FoldedWeights, OmniGen2Block
from omniagent.model.network.hooks import hooked
from omniagent.model.network.norms import scaled_norm
from omniagent.model.network.padded import Queries, Stream
from omniagent.model.network.rope import Rotation

GRAPHS = 64


def compiles(block: nn.Module) -> bool:
    """Whether a block can go in two compiled halves: nothing hangs on it, and its attention is our own."""
    processor: Any = block.attn.processor if isinstance(block, OmniGen2Block) else None
    return type(processor) is AttentionProcessor and not hooked(block)


def missing_compiler(environ: Mapping[str, str] = os.environ) -> str | None:
    """What `torch.compile` lacks for CUDA cards on this machine, in words; None where it has all.

    Args:
        environ: The process's variables; `CC` names a C compiler.
    """
    if importlib.util.find_spec("triton") is None:
        return "the package triton, which torch brings on Linux, is not installed"
    if not environ.get("CC") and not any(map(shutil.which, ("gcc", "clang"))):
        return "there is no C compiler; install gcc or clang, or name one in CC"
    return None


def compiled_block(block: OmniGen2Block, x: torch.Tensor, stream: Stream, folded: FoldedWeights) -> torch.Tensor:
    """`block(x, stream, folded=folded)`, compiled at its first call with sizes left open."""
    before, after = _halves()
    attention: Any = block.attn.processor
    # Without the memory of what they are views of, for which the compiler would make further graphs.
    x = x.contiguous().data
    turned = before(block, x, folded.attention_in, stream.rotation, stream.queries)
    attended = attention.attend(block.attn, *turned, stream)
    asked = x if stream.queries is None else x.index_select(1, stream.queries.rows)
    return after(block, asked, attended.contiguous().data, folded)


def _before(
    block: OmniGen2Block, x: torch.Tensor, weight: torch.Tensor, rotation: Rotation, queries: Queries | None
) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    return project(block.attn, scaled_norm(x, weight, block.eps), rotation, queries)


def _after(block: OmniGen2Block, x: torch.Tensor, attended: torch.Tensor, folded: FoldedWeights) -> torch.Tensor:
    return block.after_attention(x, block.attn.to_out[0](attended), folded)


@cache
def _halves() -> tuple[Callable[..., Any], Callable[..., torch.Tensor]]:
    # Adapters, number types and trimmed rows each make a graph; beyond the limit they would silently run uncompiled.
    settings: Any = importlib.import_module("torch._dynamo.config")
    settings.recompile_limit = max(settings.recompile_limit, GRAPHS)
    compile_function: Any = torch.compile
    return compile_function(_before, dynamic=True), compile_function(_after, dynamic=True)
