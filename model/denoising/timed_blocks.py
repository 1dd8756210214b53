"""The time of a step in the network: embeddings and modulations of a whole schedule, and blocks run under them."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import torch
from torch import nn

from omniagent.model.denoising.compiling import compiled_block, compiles
from omniagent.model.denoising.optimizations import Computation
from omniagent.model.network.blocks import BlockLayouts, FoldedWeights, OmniGen2Block
from omniagent.model.network.cpu_linear import Layout, keep_of, lay_out, product
from omniagent.model.network.padded import Stream
from omniagent.model.network.transformer import OmniGen2Transformer2DModel


class TimedBlocks:
    """Runs the modulated parts of a network at the steps of one schedule.

    Args:
        transformer: The network.
        times: (N,) times of the steps, on the device.
        computation: Whether modulations are tabled, weights laid out, buffers used again, and blocks compiled.

    Attributes:
        token_layers: Tokens that went through a block so far, each counted once a block.
    """

    def __init__(self, transformer: OmniGen2Transformer2DModel, times: torch.Tensor, computation: Computation) -> None:
        self._net, self._times, self._dtype = transformer, times, transformer.dtype
        self._folded: dict[nn.Module, list[FoldedWeights]] = {}
        self._final: torch.Tensor | None = None
        self._layouts: dict[nn.Module, BlockLayouts] = {}
        self._ends: dict[nn.Module, Layout] = {}
        self._compiled: set[nn.Module] = {each for each in self._timed() if computation.compiled and compiles(each)}
        if not self._compiled:
            self._lay_out(computation)
        if computation.tabled_modulation:
            self._table()
        self.token_layers = 0

    def embed(self, layer: nn.Module, patches: torch.Tensor) -> torch.Tensor:
        """Tokens (..., T, H) of `patches` (..., T, patch² · channels) by one of the network's two embedders."""
        return product(layer, patches, self._ends.get(layer)).to(self._dtype)

    def run(self, blocks: Iterable[Any], x: torch.Tensor, stream: Stream, step: int) -> torch.Tensor:
        """`x` after modulated blocks at `step` (from 0)."""
        temb = None if self._folded else self._temb(step)
        for block in blocks:
            self.token_layers += x.size(0) * x.size(1)
            if block in self._compiled:
                x = compiled_block(block, x, stream, self._folded_at(block, step, temb))
            elif self._folded:
                x = block(x, stream, None, self._folded[block][step], self._layouts.get(block))
            else:
                x = block(x, stream, temb, None, self._layouts.get(block))
        return x

    def patches(self, x: torch.Tensor, step: int) -> torch.Tensor:
        """Velocity patches (1, T, patch² · channels) of tokens (1, T, H) after the last layer."""
        layout = self._ends.get(self._net.norm_out.linear_2)
        if self._final is None:
            return self._net.norm_out(x, self._temb(step), layout=layout)
        return self._net.norm_out(x, scale=self._final[step], layout=layout)

    def modulation(self, step: int) -> list[torch.Tensor]:
        """All tabled numbers of `step`, always in the same order."""
        assert self._final is not None
        return [*(each for table in self._folded.values() for each in table[step]), self._final[step]]

    def attention_input(self, x: torch.Tensor, step: int) -> torch.Tensor:
        """Tokens (T, H) as the first joint layer's attention sees them."""
        norm: Any = self._net.layers[0].norm1
        return norm(x) * (1 + norm.modulation(self._temb(step)).scale_msa[0])

    def _lay_out(self, how: Computation) -> None:
        net = self._net
        keep = keep_of(net) if how.laid_out else "none"
        for block in self._timed():
            self._layouts[block] = block.lay_out(keep)._replace(in_place=how.in_place)
        ends = (net.x_embedder, net.ref_image_patch_embedder, net.norm_out.linear_2)
        self._ends = dict(zip(ends, lay_out(ends, keep), strict=True))

    def _folded_at(self, block: OmniGen2Block, step: int, temb: torch.Tensor | None) -> FoldedWeights:
        return self._folded[block][step] if temb is None else FoldedWeights(*(each[0] for each in block.fold(temb)))

    def _temb(self, step: int) -> torch.Tensor:
        return self._net.time_caption_embed.embed_time(self._times[step : step + 1], self._dtype)

    def _table(self) -> None:
        net = self._net
        temb = net.time_caption_embed.embed_time(self._times, self._dtype)
        for block in self._timed():
            table = block.fold(temb)
            self._folded[block] = [
                FoldedWeights(*row) for row in zip(*(each.data.unbind() for each in table), strict=True)
            ]
        self._final = net.norm_out.scales(temb)

    def _timed(self) -> list[OmniGen2Block]:
        net = self._net
        return [*net.noise_refiner, *net.ref_image_refiner, *net.layers]  # pyright: ignore[reportReturnType]
