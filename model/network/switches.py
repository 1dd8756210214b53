"""What is set beside a network's weights and decides which kernels its blocks run."""

from __future__ import annotations

from collections.abc import Hashable, Iterable
from typing import Any

import torch
from diffusers.models import attention_dispatch
from torch import nn

from omniagent.model.network.attention import AttentionProcessor
from omniagent.model.network.transformer import OmniGen2Transformer2DModel


def switches(net: OmniGen2Transformer2DModel) -> Hashable:
    """How products round and which attention runs, as torch, diffusers and the blocks are set now."""
    # Neither library has a public name for all of it, and older ones lack some.
    library: Any = torch
    registry: Any = getattr(attention_dispatch, "_AttentionBackendRegistry", None)
    matmul, cuda = library.backends.cuda.matmul, library.backends.cuda
    precision = getattr(matmul, "fp32_precision", None)
    order = getattr(library._C, "_get_sdp_priority_order", None)
    return (
        # Once a program sets the newer name, reading the older one raises.
        matmul.allow_tf32 if precision is None else precision,
        matmul.allow_fp16_reduced_precision_reduction,
        matmul.allow_bf16_reduced_precision_reduction,
        getattr(matmul, "allow_fp16_accumulation", None),
        cuda.flash_sdp_enabled(),
        cuda.mem_efficient_sdp_enabled(),
        cuda.math_sdp_enabled(),
        cuda.cudnn_sdp_enabled(),
        cuda.fp16_bf16_reduction_math_sdp_allowed(),
        None if order is None else tuple(order()),
        torch.are_deterministic_algorithms_enabled(),
        None if registry is None else registry.get_active_backend()[0],
        tuple((each, each._attention_backend, id(each._parallel_config)) for each in _processors(net)),
    )


def other_attention(net: OmniGen2Transformer2DModel) -> str | None:
    """The name of a processor other than our own that runs a block's attention; None where there is none."""
    return next((type(each).__name__ for each in _processors(net) if type(each) is not AttentionProcessor), None)


def placeless(net: nn.Module) -> str | None:
    """The kind of a weight whose numbers lie elsewhere than the tensor says, as of a quantised one; None without.

    A subclass of tensors may keep its numbers in other tensors, and then has no address of its own.
    """
    for each in (*net.parameters(), *net.buffers()):
        if type(each) not in (nn.Parameter, torch.Tensor):
            return type(each).__name__
        if each.numel() and not each.data_ptr():
            return f"{each.device} tensor"
    return None


def _processors(net: OmniGen2Transformer2DModel) -> Iterable[Any]:
    blocks: Any = (*net.noise_refiner, *net.ref_image_refiner, *net.layers)
    return (block.attn.processor for block in blocks)
