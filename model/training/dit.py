"""Trains the OmniGen2 transformer by rectified flow on the frozen MLLM's text states and the frozen VAE's latents.

x_t = (1 - t)·noise + t·data, target data - noise, squared error (OmniGen2, arXiv 2506.18871; Liu et al. 2022).
"""

from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

import numpy as np
import torch
from diffusers import AutoencoderKL
from torch import Tensor, nn
from torch.nn.attention import SDPBackend, sdpa_kernel
from transformers import PreTrainedTokenizerBase, Qwen2_5_VLForConditionalGeneration

from omniagent.model.text import DRAW_SYSTEM_PROMPT, UNCONDITIONAL_SYSTEM_PROMPT, embed_prompts
from omniagent.model.transformer import OmniGen2Transformer2DModel


class Example(NamedTuple):
    """An instruction, its reference pictures and the picture that follows it: (3, H, W) tensors in [-1, 1]."""

    instruction: str
    references: tuple[Tensor, ...]
    target: Tensor


class Encoded(NamedTuple):
    """The same with normalised latents (C, h, w) in place of pictures."""

    instruction: str
    references: tuple[Tensor, ...]
    target: Tensor


@dataclass(frozen=True)
class FlowSettings:
    """`time_shift`: t = sigmoid(n + time_shift), so below 0 more weight lies near the noise, where layout is decided.

    `dropout`: chance that an instruction is emptied; references then go with chance 0.5, as in the published training.
    """

    time_shift: float = -0.8
    dropout: float = 0.1
    fresh: int = 24
    pool: int = 12000


class LatentPool:
    """Encoded examples kept for reuse under new noise, since encoding costs as much as a training step on a CPU."""

    def __init__(self, vae: AutoencoderKL, make: Callable[[int], Sequence[Example]], size: int) -> None:
        self._vae, self._make = vae, make
        self._groups: dict[int, deque[Encoded]] = {}
        self._size = size

    @torch.no_grad()
    def refill(self, step: int) -> None:
        """Encode the fresh examples of this step."""
        examples = self._make(step)
        pictures = torch.stack([p for e in examples for p in (*e.references, e.target)])
        device = next(self._vae.parameters()).device
        config = self._vae.config
        latents = self._vae.encode(pictures.to(device)).latent_dist.mode().float()
        latents = (latents - config.shift_factor) * config.scaling_factor
        at = 0
        for example in examples:
            n = len(example.references)
            encoded = Encoded(example.instruction, tuple(latents[at : at + n]), latents[at + n])
            self._groups.setdefault(n, deque(maxlen=self._size)).append(encoded)
            at += n + 1

    def draw(self, rng: np.random.Generator, number: int) -> list[list[Encoded]]:
        """About `number` examples in groups with equally many references; examples with references count double."""
        present = [n for n, group in self._groups.items() if group]
        weights = np.array([len(self._groups[n]) * (1.0 + 0.6 * n) for n in present])
        share = weights / weights.sum()
        found: list[list[Encoded]] = []
        for n, part in zip(present, share, strict=True):
            amount = int(np.floor(part * number / (1 + 0.6 * n) + rng.random()))
            group = self._groups[n]
            found.append([group[int(i)] for i in rng.integers(len(group), size=amount)])
        return [group for group in found if group]


class DitTraining:
    """The transformer as a component of the loop; the MLLM and the VAE stay as they are."""

    def __init__(
        self,
        module: OmniGen2Transformer2DModel,
        mllm: Qwen2_5_VLForConditionalGeneration,
        tokenizer: PreTrainedTokenizerBase,
        pool: LatentPool,
        batch: int,
        *,
        seed: int = 0,
        settings: FlowSettings | None = None,
        validate: Callable[[OmniGen2Transformer2DModel, Path], dict[str, float]] | None = None,
    ) -> None:
        self.module: nn.Module = module
        self._mllm, self._tokenizer, self._pool = mllm.eval().requires_grad_(False), tokenizer, pool
        self._batch, self._seed, self._settings = batch, seed, settings or FlowSettings()
        self._validate = validate

    def batch(self, step: int) -> list[list[Encoded]]:
        """Refill the pool (more on the first steps) and draw from it."""
        rng = np.random.default_rng([self._seed, step, 77])
        self._pool.refill(step)
        return self._pool.draw(rng, self._batch)

    def loss(self, batch: list[list[Encoded]], step: int) -> tuple[Tensor, dict[str, float]]:
        """Summed squared error over all latent elements of the batch, divided by their number."""
        rng = np.random.default_rng([self._seed, step, 78])
        generator = torch.Generator().manual_seed(int(rng.integers(2**62)))
        errors: list[Tensor] = []
        figures: dict[str, float] = {}
        for group in batch:
            error = self._errors(group, rng, generator)
            figures[f"mse_{len(group[0].references)}ref"] = float(error.detach().mean())
            errors.append(error)
        return torch.cat(errors).mean(), figures

    def _errors(self, group: list[Encoded], rng: np.random.Generator, generator: torch.Generator) -> Tensor:
        """Mean squared error of each sample's velocity, (B,)."""
        settings = self._settings
        module: OmniGen2Transformer2DModel = self.module  # pyright: ignore[reportAssignmentType]
        device = next(module.parameters()).device
        data = torch.stack([e.target for e in group]).to(device)
        noise = torch.randn(data.shape, generator=generator).to(device)
        t = torch.sigmoid(torch.randn(len(group), generator=generator) + settings.time_shift).to(device)
        dropped = rng.random(len(group)) < settings.dropout
        alone = dropped & (rng.random(len(group)) < 0.5)
        states, mask = self._text([e.instruction for e in group], dropped)
        references = [list(e.references) if not off else [] for e, off in zip(group, alone, strict=True)]
        mixed = (1 - t)[:, None, None, None] * noise + t[:, None, None, None] * data
        with sdpa_kernel(SDPBackend.MATH) if device.type == "cpu" else torch.enable_grad():
            velocity = module(mixed, t, states, mask, references if references[0] or any(references) else None).sample
        return (velocity.float() - (data - noise)).square().mean(dim=(1, 2, 3))

    def _text(self, instructions: list[str], dropped: np.ndarray) -> tuple[Tensor, Tensor]:
        kept = [i for i, off in enumerate(dropped) if not off]
        gone = [i for i, off in enumerate(dropped) if off]
        parts = [
            (index, embed_prompts(self._mllm, self._tokenizer, texts, system=system))
            for index, texts, system in (
                (kept, [instructions[i] for i in kept], DRAW_SYSTEM_PROMPT),
                (gone, [""] * len(gone), UNCONDITIONAL_SYSTEM_PROMPT),
            )
            if index
        ]
        longest = max(p.mask.shape[1] for _, p in parts)
        width = parts[0][1].embeds.shape[-1]
        device = parts[0][1].embeds.device
        states = torch.zeros(len(instructions), longest, width, device=device)
        mask = torch.zeros(len(instructions), longest, dtype=torch.long, device=device)
        for index, part in parts:
            states[index, : part.mask.shape[1]] = part.embeds.float()
            mask[index, : part.mask.shape[1]] = part.mask
        return states, mask

    def export(self, folder: Path) -> dict[str, float]:
        """Save the transformer and validate it, if a way was given."""
        module: OmniGen2Transformer2DModel = self.module  # pyright: ignore[reportAssignmentType]
        module.save_pretrained(folder / "transformer")
        return self._validate(module, folder) if self._validate else {}
