"""The building blocks of OmniGen2's transformer: feed-forward, modulation, blocks, final projection.

Parameter names are those of the published checkpoint. Shapes: B samples, L tokens, H hidden size, T size of the time
embedding (min(H, 1024)).
"""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import nn
from torch.nn import functional

from omniagent.model.network.attention import NO_LAYOUTS, GroupedQueryAttention
from omniagent.model.network.cpu_linear import Keep, Layout, lay_out, product
from omniagent.model.network.norms import RootMeanSquareNorm, scaled_norm
from omniagent.model.network.padded import Stream

FINAL_NORM_EPS = 1e-6


class Modulation(NamedTuple):
    """What the time says to a block: (B, 1, H) each; gates lie within (-1, 1), there is no shift."""

    scale_msa: torch.Tensor
    gate_msa: torch.Tensor
    scale_mlp: torch.Tensor
    gate_mlp: torch.Tensor


class FoldedWeights(NamedTuple):
    """A block's norm weights (H,) with the modulation of one time multiplied in: before and after attention, then
    before and after the feed-forward."""

    attention_in: torch.Tensor
    attention_out: torch.Tensor
    feed_in: torch.Tensor
    feed_out: torch.Tensor


class BlockLayouts(NamedTuple):
    """A block's weights as `omniagent.model.network.cpu_linear` laid them out, and whether buffers are used again."""

    attention: tuple[Layout, ...] = NO_LAYOUTS
    feed: tuple[Layout, ...] = (None,) * 3
    in_place: bool = False


class ModulatedNorm(nn.Module):
    """First norm of a block together with the linear layer that turns time into its modulation (adaLN)."""

    def __init__(self, dim: int, time_dim: int, eps: float) -> None:
        super().__init__()
        self.linear = nn.Linear(time_dim, 4 * dim)
        self.norm = RootMeanSquareNorm(dim, eps)

    def modulation(self, temb: torch.Tensor) -> Modulation:
        """Scales and gates for the time embedding `temb` (B, T)."""
        parts = self.linear(functional.silu(temb)).to(temb.dtype).unsqueeze(1).chunk(4, dim=-1)
        return Modulation(parts[0], parts[1].tanh(), parts[2], parts[3].tanh())

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.norm(x)


class FeedForward(nn.Module):
    """SwiGLU (arXiv 2002.05202, equation 6), inner size 4·H·multiplier rounded up to `multiple_of`."""

    def __init__(self, dim: int, multiple_of: int, multiplier: float | None) -> None:
        super().__init__()
        inner = 4 * dim if multiplier is None else int(4 * dim * multiplier)
        inner = -(-inner // multiple_of) * multiple_of
        self.linear_1 = nn.Linear(dim, inner, bias=False)
        self.linear_2 = nn.Linear(inner, dim, bias=False)
        self.linear_3 = nn.Linear(dim, inner, bias=False)

    def forward(
        self, x: torch.Tensor, layouts: tuple[Layout, ...] = (None,) * 3, *, in_place: bool = False
    ) -> torch.Tensor:
        """Map (B, L, H) to (B, L, H); `layouts` as `lay_out` gives them.

        With `in_place` the activation is written over the first product, which is not for training.
        """
        first, second, third = layouts
        gate = functional.silu(product(self.linear_1, x, first), inplace=in_place)
        other = product(self.linear_3, x, third)
        return product(self.linear_2, gate.mul_(other) if in_place else gate * other, second)

    def lay_out(self, keep: Keep = "kept") -> tuple[Layout, ...]:
        """Layouts of the three weights."""
        return lay_out((self.linear_1, self.linear_2, self.linear_3), keep)


class OmniGen2Block(nn.Module):
    """One transformer block; with `time_dim` None it is a context block without modulation."""

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
        self.eps = eps

    def fold(self, temb: torch.Tensor) -> FoldedWeights:
        """Norm weights (N, H) for N times, from their embeddings `temb` (N, T); of modulated blocks only."""
        assert isinstance(self.norm1, ModulatedNorm)
        by = self.norm1.modulation(temb)
        return FoldedWeights(
            self.norm1.norm.weight * (1 + by.scale_msa.squeeze(1)),
            self.norm2.weight * by.gate_msa.squeeze(1),
            self.ffn_norm1.weight * (1 + by.scale_mlp.squeeze(1)),
            self.ffn_norm2.weight * by.gate_mlp.squeeze(1),
        )

    def lay_out(self, keep: Keep = "kept") -> BlockLayouts:
        """Layouts of the attention's and the feed-forward's weights."""
        return BlockLayouts(self.attn.lay_out(keep), self.feed_forward.lay_out(keep))

    def forward(
        self,
        x: torch.Tensor,
        stream: Stream,
        temb: torch.Tensor | None = None,
        folded: FoldedWeights | None = None,
        layouts: BlockLayouts | None = None,
    ) -> torch.Tensor:
        """Refine tokens.

        Args:
            x: (B, L, H) tokens, or a packed row (1, T, H).
            stream: Where they sit.
            temb: (B, T) time embedding, which context blocks don't take.
            folded: What `fold` made of one time, instead of `temb`.
            layouts: What `lay_out` made of the weights.

        Returns:
            (B, L, H), or only the rows that a packed `stream` asks for.
        """
        by_attention, by_feed, in_place = layouts or BlockLayouts()
        in_place = in_place and not torch.is_grad_enabled()
        if folded is not None:
            attended = self.attn(scaled_norm(x, folded.attention_in, self.eps), stream, by_attention)
            return self.after_attention(_asked(x, stream), attended, folded, by_feed, in_place=in_place)
        if not isinstance(self.norm1, ModulatedNorm) or temb is None:
            x = _asked(x, stream) + self.norm2(self.attn(self.norm1(x), stream, by_attention).to(x.dtype))
            return x + self.ffn_norm2(self.feed_forward(self.ffn_norm1(x), by_feed).to(x.dtype))
        by = self.norm1.modulation(temb)
        attended = self.attn(self.norm1(x) * (1 + by.scale_msa), stream, by_attention).to(x.dtype)
        x = torch.addcmul(_asked(x, stream), by.gate_msa, self.norm2(attended))
        fed = self.feed_forward(self.ffn_norm1(x) * (1 + by.scale_mlp), by_feed).to(x.dtype)
        return torch.addcmul(x, by.gate_mlp, self.ffn_norm2(fed))

    def after_attention(
        self,
        x: torch.Tensor,
        attended: torch.Tensor,
        folded: FoldedWeights,
        layouts: tuple[Layout, ...] = (None,) * 3,
        *,
        in_place: bool = False,
    ) -> torch.Tensor:
        """The rest of a block: (B, L, H) from its wanted tokens `x` and what its attention said of them."""
        x = x + scaled_norm(attended.to(x.dtype), folded.attention_out, self.eps)
        normed = scaled_norm(x, folded.feed_in, self.eps)
        fed = self.feed_forward(normed, layouts, in_place=in_place).to(x.dtype)
        return x + scaled_norm(fed, folded.feed_out, self.eps)


class FinalProjection(nn.Module):
    """Last norm, scaled by time (no shift), and projection of tokens to patches."""

    def __init__(self, dim: int, time_dim: int, out_dim: int) -> None:
        super().__init__()
        self.linear_1 = nn.Linear(time_dim, dim)
        self.linear_2 = nn.Linear(dim, out_dim)

    def scales(self, temb: torch.Tensor) -> torch.Tensor:
        """Factors (N, H) on the normed tokens for N times, from their embeddings `temb` (N, T)."""
        return 1 + self.linear_1(functional.silu(temb)).to(temb.dtype)

    def forward(
        self,
        x: torch.Tensor,
        temb: torch.Tensor | None = None,
        scale: torch.Tensor | None = None,
        layout: Layout = None,
    ) -> torch.Tensor:
        """Map tokens (B, L, H) to patches (B, L, patch² · channels), by `temb` (B, T) or ready factors (H,)."""
        if temb is not None:
            scale = self.scales(temb).to(x.dtype).unsqueeze(1)
        normed = functional.layer_norm(x, x.shape[-1:], eps=FINAL_NORM_EPS)
        return product(self.linear_2, normed if scale is None else normed * scale, layout)


def _asked(x: torch.Tensor, stream: Stream) -> torch.Tensor:
    return x if stream.queries is None else x.index_select(1, stream.queries.rows)
