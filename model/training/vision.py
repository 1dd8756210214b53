"""First stage of the MLLM: its vision tower learns what stands in each cell of a picture, under dense supervision.

A tower trained through answers alone gets a few bits a picture; here each of the merged tokens is asked what is
centred in its cell and what covers its ground, so a picture gives hundreds (the idea of CenterNet, Zhou et al. 2019).
The probe heads are thrown away afterwards.
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import cast

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from transformers import Qwen2_5_VLForConditionalGeneration
from transformers.models.qwen2_5_vl.configuration_qwen2_5_vl import Qwen2_5_VLVisionConfig
from transformers.models.qwen2_5_vl.modeling_qwen2_5_vl import (
    Qwen2_5_VisionTransformerPretrainedModel,
    Qwen2_5_VLVisionBlock,
    apply_rotary_pos_emb_vision,
)
from transformers.vision_utils import get_vision_position_ids, get_vision_window_index

from omniagent.model.errors import BadSetting

IGNORE = -100


def patch_side(config: Qwen2_5_VLVisionConfig) -> int:
    """Edge of the tower's square patches, in pixels.

    Raises:
        BadSetting: the patches are not given as one number.
    """
    if not isinstance(config.patch_size, int):
        raise BadSetting(f"patch_size is {config.patch_size!r}; give one number, the edge of a square patch")
    return config.patch_size


def normalised(pictures: Tensor) -> Tensor:
    """Pictures (B, H, W, 3) uint8 as (B, 3, H, W) in [-1, 1]."""
    return pictures.permute(0, 3, 1, 2).float().div_(127.5).sub_(1)


def vision_patches(pictures: Tensor, patch: int, merge: int = 2, temporal: int = 2) -> Tensor:
    """(B, 3, H, W) normalised pictures as the processor's (B, patches, 3·temporal·patch²), merge blocks together."""
    b, c, h, w = pictures.shape
    rows, columns = h // (patch * merge), w // (patch * merge)
    x = pictures.reshape(b, c, rows, merge, patch, columns, merge, patch)
    x = x.permute(0, 2, 5, 3, 6, 1, 4, 7).unsqueeze(6)
    return x.expand(-1, -1, -1, -1, -1, -1, temporal, -1, -1).reshape(b, rows * columns * merge * merge, -1)


def vision_tokens(tower: Qwen2_5_VisionTransformerPretrainedModel, pictures: Tensor) -> Tensor:
    """Merged tokens (B, N, D) of equal-sized pictures (B, 3, H, W) in one batched pass.

    The same numbers as the tower's own forward, which loops over pictures and windows. Attention is written out:
    the fused kernel's bf16 backward slows down on CPUs as training goes on.

    Raises:
        BadSetting: the pictures do not divide into equal windows, or the patches are not square.
    """
    config = tower.config
    patch, merge = patch_side(config), config.spatial_merge_size
    patches = vision_patches(pictures, patch, merge)
    b, n, _ = patches.shape
    # On the CPU, since what follows from it is read there: an accelerator would be waited for.
    grid = torch.tensor([[1, pictures.shape[-2] // patch, pictures.shape[-1] // patch]])
    order, ends = get_vision_window_index(grid, merge, int(config.window_size), patch)
    order = order.to(patches.device)
    windows = len(ends) - 1
    if int(ends.diff().unique().numel()) != 1:
        raise BadSetting(f"pictures of {tuple(pictures.shape[-2:])} do not divide into windows of {config.window_size}")

    def reorder(x: Tensor, by: Tensor) -> Tensor:
        return x.unflatten(-2, (n // merge**2, merge**2)).index_select(-3, by).flatten(-3, -2)

    weight = tower.patch_embed.proj.weight
    x = reorder(F.linear(patches.to(weight.dtype), weight.flatten(1)), order)
    places = get_vision_position_ids(grid, merge).to(x.device)
    cos, sin = (reorder(t, order) for t in tower.rotary_pos_emb(x, places))
    for index, block in enumerate(cast(Iterable[Qwen2_5_VLVisionBlock], tower.blocks)):
        attention = block.attn
        q, k, v = attention.qkv(block.norm1(x)).reshape(b, n, 3, attention.num_heads, -1).unbind(2)
        q, k = apply_rotary_pos_emb_vision(q, k, cos, sin)
        if index not in config.fullatt_block_indexes:
            q, k, v = (t.reshape(b * windows, n // windows, *t.shape[2:]) for t in (q, k, v))
        q, k, v = (t.transpose(1, 2) for t in (q, k, v))
        weights = (q @ k.transpose(-1, -2) * attention.scaling).softmax(-1)
        y = (weights.to(v.dtype) @ v).transpose(1, 2).reshape(b, n, -1)
        x = x + attention.proj(y)
        x = x + block.mlp(block.norm2(x))
    merged = tower.merger(x.reshape(b * n, -1)).reshape(b, n // merge**2, -1)
    return merged.index_select(1, order.argsort())


@dataclass(frozen=True)
class Target:
    """One dense question about each cell: `classes` answers, `sites` of them a cell (grid points or centre slots)."""

    name: str
    classes: int
    sites: int


class DenseProbe(nn.Module):
    """A vision tower with one linear head for all dense questions; class logits and regressions side by side."""

    def __init__(self, model: Qwen2_5_VLForConditionalGeneration, targets: tuple[Target, ...], numbers: int) -> None:
        super().__init__()
        self.tower = model.model.visual
        self.targets, self.numbers = targets, numbers
        width = int(self.tower.config.out_hidden_size)
        self.norm = nn.LayerNorm(width)
        self.head = nn.Linear(width, sum(t.classes * t.sites for t in targets) + numbers)

    def forward(self, pictures: Tensor) -> tuple[dict[str, Tensor], Tensor]:
        """Logits (B, N, sites, classes) by target name, and numbers (B, N, numbers)."""
        out = self.head(self.norm(vision_tokens(self.tower, pictures))).float()
        logits: dict[str, Tensor] = {}
        start = 0
        for target in self.targets:
            size = target.classes * target.sites
            part = out[..., start : start + size]
            logits[target.name] = part.unflatten(-1, (target.sites, target.classes))
            start += size
        return logits, out[..., start:]


@dataclass(frozen=True)
class DenseBatch:
    """Pictures (B, 3, H, W) in [-1, 1] with labels (B, N, sites) and numbers (B, N, K); IGNORE or NaN: not asked."""

    pictures: Tensor
    labels: dict[str, Tensor]
    numbers: Tensor


class VisionTraining:
    """The vision tower as a component of the loop."""

    def __init__(
        self,
        model: Qwen2_5_VLForConditionalGeneration,
        module: DenseProbe,
        batches: Callable[[int], DenseBatch],
        validation: DenseBatch,
    ) -> None:
        self.module: nn.Module = module
        self._model, self._batches, self._validation = model, batches, validation

    def batch(self, step: int) -> DenseBatch:
        """Pictures with dense labels."""
        return self._batches(step)

    def loss(self, batch: DenseBatch, step: int) -> tuple[Tensor, dict[str, float]]:
        """Sum of the mean cross entropies and squared errors."""
        device = next(self.module.parameters()).device
        logits, numbers = self.module(batch.pictures.to(device))
        total = torch.zeros((), device=device)
        figures: dict[str, float] = {}
        for name, labels in batch.labels.items():
            value = F.cross_entropy(logits[name].flatten(0, 2), labels.to(device).flatten(), ignore_index=IGNORE)
            figures[name] = float(value.detach())
            total = total + value
        wanted = batch.numbers.to(device)
        known = ~wanted.isnan()
        error = (numbers - wanted.nan_to_num()).square()[known].mean()
        figures["numbers"] = float(error.detach())
        return total + 2 * error, figures

    @torch.no_grad()
    def export(self, folder: Path) -> dict[str, float]:
        """Save the whole MLLM (its language part untouched); accuracy of each target on validation pictures."""
        logits, _ = self.module(self._validation.pictures.to(next(self.module.parameters()).device))
        figures: dict[str, float] = {}
        for name, labels in self._validation.labels.items():
            known = labels != IGNORE
            figures[name] = float((logits[name].argmax(-1).cpu() == labels)[known].float().mean())
        self._model.save_pretrained(folder / "mllm")
        return figures
