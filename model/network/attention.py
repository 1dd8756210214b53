"""Grouped-query self-attention of OmniGen2, over padded batches and over packed rows.

Parameter names are those of the published checkpoint.
"""

from __future__ import annotations

from typing import Any

import torch
from diffusers.models.attention import AttentionModuleMixin
from diffusers.models.attention_dispatch import dispatch_attention_fn
from torch import nn

from omniagent.model.network.cpu_linear import Keep, Layout, lay_out, product
from omniagent.model.network.norms import RootMeanSquareNorm
from omniagent.model.network.padded import Queries, Stream
from omniagent.model.network.rope import Rotation, rotate

QK_NORM_EPS = 1e-5

NO_LAYOUTS: tuple[Layout, ...] = (None,) * 4


def project(
    attn: GroupedQueryAttention,
    x: torch.Tensor,
    rotation: Rotation,
    queries: Queries | None = None,
    layouts: tuple[Layout, ...] = NO_LAYOUTS,
) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    """Queries, keys and values (B, L, heads, head_dim) of tokens `x` (B, L, H), the first two normed and turned.

    Args:
        attn: Holds the weights.
        x: Tokens.
        rotation: Of every token.
        queries: The rows whose results are wanted; None for all.
        layouts: Of the weights.
    """
    to_query, to_key, to_value, _ = layouts
    asking, turns = (x, rotation) if queries is None else (x.index_select(1, queries.rows), queries.rotation)
    query = product(attn.to_q, asking, to_query)
    key, value = product(attn.to_k, x, to_key), product(attn.to_v, x, to_value)
    query, key, value = (each.unflatten(-1, (-1, attn.head_dim)) for each in (query, key, value))
    query = rotate(attn.norm_q(query.float()), turns).to(value.dtype)
    key = rotate(attn.norm_k(key.float()), rotation).to(value.dtype)
    return query, key, value


class AttentionProcessor:
    """Runs the attention through diffusers' dispatch, so that `set_attention_backend` and SDPA kernels apply."""

    _attention_backend = None
    _parallel_config = None

    def __call__(
        self, attn: GroupedQueryAttention, x: torch.Tensor, stream: Stream, layouts: tuple[Layout, ...] = NO_LAYOUTS
    ) -> torch.Tensor:
        query, key, value = project(attn, x, stream.rotation, stream.queries, layouts)
        return product(attn.to_out[0], self.attend(attn, query, key, value, stream), layouts[3])

    def attend(
        self, attn: nn.Module, query: torch.Tensor, key: torch.Tensor, value: torch.Tensor, stream: Stream
    ) -> torch.Tensor:
        """What (B, L, heads, head_dim) turned queries find within their sequences: (B, L, heads · head_dim)."""
        if stream.keys is not None:
            key, value = stream.keys.complete(attn, key, value)
        if not stream.runs:
            mask = None if stream.mask is None else stream.mask[:, None, None, :]
            return self._attend(query, key, value, mask, stream.grouped).flatten(-2)
        parts: list[torch.Tensor] = []
        asked = seen = 0
        for count, length, last in stream.runs:
            queries = query[0, asked : asked + count * last].unflatten(0, (count, last))
            keys, values = (
                each[0, seen : seen + count * length].unflatten(0, (count, length)) for each in (key, value)
            )
            mask = query.new_ones((count, 1, 1, length), dtype=torch.bool) if stream.masked else None
            parts.append(self._attend(queries, keys, values, mask, stream.grouped).flatten(0, 1))
            asked, seen = asked + count * last, seen + count * length
        joined = parts[0] if len(parts) == 1 else torch.cat(parts)
        return joined.flatten(-2).unsqueeze(0)

    def _attend(
        self, query: torch.Tensor, key: torch.Tensor, value: torch.Tensor, mask: torch.Tensor | None, grouped: bool
    ) -> torch.Tensor:
        """Attention of (batch, tokens, heads, head_dim)."""
        group = query.size(2) // key.size(2)
        # On accelerators only the unmasked half-precision kernel knows groups; others would fall back to the slow one.
        on_cpu, half = query.device.type == "cpu", value.dtype in (torch.bfloat16, torch.float16)
        native = grouped and self._attention_backend is None and (on_cpu or (mask is None and half))
        if group > 1 and not native:
            key, value = (each.repeat_interleave(group, dim=2) for each in (key, value))
        return dispatch_attention_fn(
            query,
            key,
            value,
            attn_mask=mask,
            enable_gqa=group > 1 and native,
            backend=self._attention_backend,
            parallel_config=self._parallel_config,
        )


class GroupedQueryAttention(nn.Module, AttentionModuleMixin):
    """Self-attention with grouped key/value heads (arXiv 2305.13245), normed queries and keys, and Omni-RoPE."""

    _default_processor_cls = AttentionProcessor
    _available_processors = [AttentionProcessor]  # noqa: RUF012  (diffusers reads a plain class attribute)
    _supports_qkv_fusion = False

    def __init__(self, dim: int, heads: int, kv_heads: int) -> None:
        super().__init__()
        self.heads, self.kv_heads, self.head_dim = heads, kv_heads, dim // heads
        self.to_q = nn.Linear(dim, heads * self.head_dim, bias=False)
        self.to_k = nn.Linear(dim, kv_heads * self.head_dim, bias=False)
        self.to_v = nn.Linear(dim, kv_heads * self.head_dim, bias=False)
        self.norm_q = RootMeanSquareNorm(self.head_dim, QK_NORM_EPS)
        self.norm_k = RootMeanSquareNorm(self.head_dim, QK_NORM_EPS)
        self.to_out = nn.ModuleList([nn.Linear(heads * self.head_dim, dim, bias=False)])
        self.set_processor(AttentionProcessor())  # pyright: ignore[reportArgumentType]

    def forward(self, x: torch.Tensor, stream: Stream, layouts: tuple[Layout, ...] = NO_LAYOUTS) -> torch.Tensor:
        """Attend within each sequence of `x` (B, L, H); `layouts` as `lay_out` gives them."""
        process: Any = self.processor
        return process(self, x, stream, layouts)

    def lay_out(self, keep: Keep = "kept") -> tuple[Layout, ...]:
        """Layouts of the four weights."""
        return lay_out((self.to_q, self.to_k, self.to_v, self.to_out[0]), keep)
