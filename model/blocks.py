"""The building blocks of OmniGen2's transformer: norms, grouped-query attention, feed-forward, modulation.

Parameter names are those of the published checkpoint. Shapes: B samples, L tokens, H hidden size, T size of the time
embedding (min(H, 1024)).
"""

from __future__ import annotations

from typing import Any, NamedTuple

import torch
from diffusers.models.attention import AttentionModuleMixin
from diffusers.models.attention_dispatch import dispatch_attention_fn
from torch import nn
from torch.nn import functional

from .layout import Stream
from .rope import rotate

QK_NORM_EPS = 1e-5
FINAL_NORM_EPS = 1e-6


class RootMeanSquareNorm(nn.Module):
    """RMSNorm (arXiv 1910.07467, equation 4) whose weight follows the precision of its input."""

    def __init__(self, dim: int, eps: float) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.ones(dim))
        self.eps = eps

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return functional.rms_norm(x, self.weight.shape, self.weight.to(x.dtype), self.eps)


class Modulation(NamedTuple):
    """What the time says to a block: (B, 1, H) each; gates lie within (-1, 1), there is no shift."""

    scale_msa: torch.Tensor
    gate_msa: torch.Tensor
    scale_mlp: torch.Tensor
    gate_mlp: torch.Tensor


class ModulatedNorm(nn.Module):
    """First norm of a block together with the linear layer that turns time into its modulation (adaLN)."""

    def __init__(self, dim: int, time_dim: int, eps: float) -> None:
        super().__init__()
        self.linear = nn.Linear(time_dim, 4 * dim)
        self.norm = RootMeanSquareNorm(dim, eps)

    def modulation(self, temb: torch.Tensor) -> Modulation:
        """Scales and gates for the time embedding ``temb`` (B, T)."""
        parts = self.linear(functional.silu(temb)).to(temb.dtype).unsqueeze(1).chunk(4, dim=-1)
        return Modulation(parts[0], parts[1].tanh(), parts[2], parts[3].tanh())

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.norm(x)


class AttentionProcessor:
    """Runs the attention through diffusers' dispatch, so that ``set_attention_backend`` and SDPA kernels apply."""

    _attention_backend = None
    _parallel_config = None

    def __call__(self, attn: GroupedQueryAttention, x: torch.Tensor, stream: Stream) -> torch.Tensor:
        query, key, value = attn.to_q(x), attn.to_k(x), attn.to_v(x)
        query, key, value = (each.unflatten(-1, (-1, attn.head_dim)) for each in (query, key, value))
        query = rotate(attn.norm_q(query.float()), stream.rotation).to(value.dtype)
        key = rotate(attn.norm_k(key.float()), stream.rotation).to(value.dtype)
        group = attn.heads // attn.kv_heads
        mask = None if stream.mask is None else stream.mask[:, None, None, :]
        # On accelerators only the unmasked half-precision kernel knows groups; others would fall back to the slow one.
        on_cpu, half = x.device.type == "cpu", value.dtype in (torch.bfloat16, torch.float16)
        native_groups = self._attention_backend is None and (on_cpu or (mask is None and half))
        if group > 1 and not native_groups:
            key, value = (each.repeat_interleave(group, dim=2) for each in (key, value))
        out = dispatch_attention_fn(
            query,
            key,
            value,
            attn_mask=mask,
            enable_gqa=group > 1 and native_groups,
            backend=self._attention_backend,
            parallel_config=self._parallel_config,
        )
        return attn.to_out[0](out.flatten(-2))


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

    def forward(self, x: torch.Tensor, stream: Stream) -> torch.Tensor:
        """Attend within each sequence of ``x`` (B, L, H)."""
        process: Any = self.processor
        return process(self, x, stream)


class FeedForward(nn.Module):
    """SwiGLU (arXiv 2002.05202, equation 6), inner size 4·H·multiplier rounded up to ``multiple_of``."""

    def __init__(self, dim: int, multiple_of: int, multiplier: float | None) -> None:
        super().__init__()
        inner = 4 * dim if multiplier is None else int(4 * dim * multiplier)
        inner = -(-inner // multiple_of) * multiple_of
        self.linear_1 = nn.Linear(dim, inner, bias=False)
        self.linear_2 = nn.Linear(inner, dim, bias=False)
        self.linear_3 = nn.Linear(dim, inner, bias=False)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.linear_2(functional.silu(self.linear_1(x)) * self.linear_3(x))


class OmniGen2Block(nn.Module):
    """One transformer block; with ``time_dim`` None it is a context block without modulation."""

    def __init__(
        self,
        dim: int,
        heads: int,
        kv_heads: int,
        multiple_of: int,
        multiplier: float | None,
        eps: float,
        time_dim: int | None,
    ) -> None:
        super().__init__()
        self.attn = GroupedQueryAttention(dim, heads, kv_heads)
        self.feed_forward = FeedForward(dim, multiple_of, multiplier)
        self.norm1 = RootMeanSquareNorm(dim, eps) if time_dim is None else ModulatedNorm(dim, time_dim, eps)
        self.norm2 = RootMeanSquareNorm(dim, eps)
        self.ffn_norm1 = RootMeanSquareNorm(dim, eps)
        self.ffn_norm2 = RootMeanSquareNorm(dim, eps)

    def forward(self, x: torch.Tensor, stream: Stream, temb: torch.Tensor | None = None) -> torch.Tensor:
        """Refine ``x`` (B, L, H) under the time embedding ``temb`` (B, T), which context blocks don't take."""
        if not isinstance(self.norm1, ModulatedNorm) or temb is None:
            x = x + self.norm2(self.attn(self.norm1(x), stream).to(x.dtype))
            return x + self.ffn_norm2(self.feed_forward(self.ffn_norm1(x)).to(x.dtype))
        by = self.norm1.modulation(temb)
        attended = self.attn(self.norm1(x) * (1 + by.scale_msa), stream).to(x.dtype)
        x = torch.addcmul(x, by.gate_msa, self.norm2(attended))
        fed = self.feed_forward(self.ffn_norm1(x) * (1 + by.scale_mlp)).to(x.dtype)
        return torch.addcmul(x, by.gate_mlp, self.ffn_norm2(fed))


class FinalProjection(nn.Module):
    """Last norm, scaled by time (no shift), and projection of tokens to patches."""

    def __init__(self, dim: int, time_dim: int, out_dim: int) -> None:
        super().__init__()
        self.linear_1 = nn.Linear(time_dim, dim)
        self.linear_2 = nn.Linear(dim, out_dim)

    def forward(self, x: torch.Tensor, temb: torch.Tensor) -> torch.Tensor:
        """Map tokens (B, L, H) to patches (B, L, patch² · channels)."""
        scale = self.linear_1(functional.silu(temb)).to(x.dtype).unsqueeze(1)
        normed = functional.layer_norm(x, x.shape[-1:], eps=FINAL_NORM_EPS)
        return self.linear_2(normed * (1 + scale))
