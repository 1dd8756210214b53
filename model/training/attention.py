"""Attention for training on a CPU: written out, on every head group at once.

The fused kernel's bf16 backward slows down as training goes on, and the reference kernel guards against rows without
any key, which never happens here; written out, attention's forward and backward take half the time of the latter.
"""

from contextlib import AbstractContextManager

import torch
from torch import Tensor
from torch.nn.attention import SDPBackend, sdpa_kernel

from omniagent.model.network.attention import AttentionProcessor, GroupedQueryAttention
from omniagent.model.network.transformer import OmniGen2Transformer2DModel

MASKED = -1e4


class PlainAttention(AttentionProcessor):
    """The same numbers as the fused kernels, from two matrix products and a softmax."""

    def _attend(self, query: Tensor, key: Tensor, value: Tensor, mask: Tensor | None, grouped: bool) -> Tensor:
        batch, tokens, heads, width = query.shape
        shared = key.size(2)
        rows = query.unflatten(2, (shared, heads // shared)).permute(0, 2, 3, 1, 4).flatten(2, 3)
        scores = (rows * width**-0.5) @ key.permute(0, 2, 3, 1)
        if mask is not None:
            scores = scores + torch.zeros_like(mask, dtype=scores.dtype).masked_fill_(~mask, MASKED)
        mixed = scores.softmax(-1) @ value.transpose(1, 2)
        return mixed.unflatten(2, (heads // shared, tokens)).permute(0, 3, 1, 2, 4).reshape(batch, tokens, heads, width)


def write_out_attention(transformer: OmniGen2Transformer2DModel) -> None:
    """Let every block of the transformer use `PlainAttention`."""
    for module in transformer.modules():
        if isinstance(module, GroupedQueryAttention):
            module.set_processor(PlainAttention())  # pyright: ignore[reportArgumentType]


def attention_kernels() -> AbstractContextManager[object]:
    """Which kernels may attend. On CPUs the fused one's bf16 backward slows down as training goes on.

    On NVIDIA's, cuDNN's plans each new shape for tenths of a second, and here every batch has shapes of its own.
    """
    if torch.cuda.is_available():
        return sdpa_kernel([SDPBackend.FLASH_ATTENTION, SDPBackend.EFFICIENT_ATTENTION, SDPBackend.MATH])
    return sdpa_kernel(SDPBackend.MATH)
