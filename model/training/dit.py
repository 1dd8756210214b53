"""Trains the OmniGen2 transformer by rectified flow on the frozen MLLM's text states and the frozen VAE's latents.

x_t = (1 - t)·noise + t·data, target data - noise, squared error (OmniGen2, arXiv 2506.18871; Liu et al. 2022).
A middle layer's noise tokens are drawn towards a teacher's features of the clean picture on the same grid
(representation alignment, Yu et al. 2024, arXiv 2410.06940), which the MLLM's vision tower gives at hand.
"""

from collections import Counter, deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import torch
import torch.nn.functional as F
from diffusers.models.autoencoders.autoencoder_kl import AutoencoderKL
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn.attention import SDPBackend, sdpa_kernel
from transformers import PreTrainedTokenizerBase, Qwen2_5_VLForConditionalGeneration

from omniagent.model.denoising.flow import mix
from omniagent.model.mllm.prompts import DRAW_SYSTEM_PROMPT, UNCONDITIONAL_SYSTEM_PROMPT, embed_prompts
from omniagent.model.network.transformer import OmniGen2Transformer2DModel
from omniagent.model.pipeline.vae import encode_picture
from omniagent.model.training.compiling import LayersCompiled
from omniagent.model.training.prefetch import Ahead
from omniagent.model.training.vision import normalised

Pixels = NDArray[np.uint8]


class Example(NamedTuple):
    """An instruction, its reference pictures and the picture that follows it: (H, W, 3) uint8."""

    instruction: str
    references: tuple[Pixels, ...]
    target: Pixels


class Encoded(NamedTuple):
    """The same with text states (L, D) in place of words and normalised latents (C, h, w) in place of pictures."""

    states: Tensor
    references: tuple[Tensor, ...]
    target: Tensor
    features: Tensor


TOGETHER = 16
"""Examples that are padded to one length, on a CPU; an accelerator wants more at once."""

Reader = Callable[[Sequence[str]], list[Tensor]]
"""Instructions to their text states, (L, D) each; the empty instruction stands for no condition."""

Teacher = Callable[[Tensor], Tensor]
"""Pictures (B, 3, H, W) in [-1, 1] to features (B, tokens, width), one for each noise token, row by row."""


class AlignedTransformer(nn.Module):
    """The transformer with the projection of its middle layer to the teacher's features; only `dit` is kept."""

    def __init__(self, dit: OmniGen2Transformer2DModel, width: int) -> None:
        super().__init__()
        hidden = int(dit.config["hidden_size"])
        self.dit = dit
        self.projector = nn.Sequential(nn.Linear(hidden, 2 * hidden), nn.SiLU(), nn.Linear(2 * hidden, width))

    def forward(
        self, mixed: Tensor, t: Tensor, states: Tensor, mask: Tensor, references: Sequence[Sequence[Tensor]]
    ) -> tuple[Tensor, Tensor]:
        """Velocity (B, C, h, w), and projected middle states (B, tokens, width)."""
        layout = self.dit.plan(
            mask.sum(1).tolist(),
            [_size(mixed)] * len(mixed),
            [[_size(latent) for latent in each] for each in references],
            mixed.device,
        )
        caught: list[Tensor] = []

        def catch(_module: nn.Module, _inputs: Any, output: Tensor) -> None:
            caught.append(output)

        layer = self.dit.layers[len(self.dit.layers) // 2 - 1]
        handle = layer.register_forward_hook(catch)
        try:
            velocity = self.dit(mixed, t, states, mask, references, layout=layout).sample
        finally:
            handle.remove()
        return velocity, self.projector(layout.split_noise(caught[0]))


def _size(latent: Tensor) -> tuple[int, int]:
    return latent.size(-2), latent.size(-1)


@dataclass(frozen=True)
class FlowSettings:
    """`time_shift`: t = sigmoid(n + time_shift), so below 0 more weight lies near the noise, where layout is decided.

    `dropout`: chance that an instruction is emptied; references then go with chance 0.5, as in the published training.
    `alignment`: weight of the distance (1 - cosine) to the teacher's features. `detail`: how much more the error counts
    where the picture is detailed, from nothing at the noise to all of it at the data.
    """

    time_shift: float = 0.0
    dropout: float = 0.1
    alignment: float = 0.5
    detail: float = 0.0


def detail_weights(data: Tensor, t: Tensor, detail: float) -> Tensor:
    """Weights (B, 1, h, w), of mean 1 in each picture: 1 and, by how latents (B, C, h, w) differ from those around.

    They grow with t (B,): weights that hang on the data would shift what is learned where it is still open, at the
    noise; near the data they only say where errors matter. Small objects cover few places and are nearly all edge.
    """
    around = F.avg_pool2d(data, 3, 1, 1, count_include_pad=False)
    apart = (data - around).square().mean(1, keepdim=True)
    apart = (apart / apart.mean(dim=(2, 3), keepdim=True).clamp_min(1e-6)).clamp_max(4.0)
    weights = 1 + detail * t[:, None, None, None] * apart
    return weights / weights.mean(dim=(2, 3), keepdim=True)


class LatentPool:
    """Encoded examples kept for reuse under new noise, since encoding costs as much as a training step on a CPU."""

    def __init__(
        self,
        vae: AutoencoderKL,
        read: Reader,
        teacher: Teacher,
        make: Callable[[int], Sequence[Example]],
        size: int,
        *,
        workers: int = 0,
    ) -> None:
        """`size`: examples kept of each number of references; `workers`: processes that make examples beforehand."""
        self._vae, self._read, self._teacher, self._make = vae, read, teacher, Ahead(make, workers)
        self._groups: dict[int, deque[Encoded]] = {}
        self._made: Counter[int] = Counter()
        self._size = size

    @torch.no_grad()
    def refill(self, step: int) -> None:
        """Encode the fresh examples of this step."""
        examples = self._make(step)
        shown = np.stack([p for e in examples for p in (*e.references, e.target)])
        pictures = normalised(torch.from_numpy(shown).to(next(self._vae.parameters()).device))
        latents = encode_picture(self._vae, pictures, None)
        last = np.cumsum([len(e.references) + 1 for e in examples]) - 1
        features = self._teacher(pictures[last.tolist()]).to(torch.bfloat16)
        told = self._read([e.instruction for e in examples])
        at = 0
        for example, states, feature in zip(examples, told, features, strict=True):
            n = len(example.references)
            encoded = Encoded(states.to(torch.bfloat16), tuple(latents[at : at + n]), latents[at + n], feature)
            self._groups.setdefault(n, deque(maxlen=self._size)).append(encoded)
            self._made[n] += 1
            at += n + 1

    def draw(self, rng: np.random.Generator, number: int, most: int) -> list[list[Encoded]]:
        """About `number` examples in groups of `most` with equally many references and texts of like length.

        Examples with references count more, as they cost more; like lengths keep padding short.
        """
        present = [n for n, group in self._groups.items() if group]
        # By how many were ever made: full groups are all of one size, whatever their shares.
        weights = np.array([self._made[n] * (1.0 + 0.6 * n) for n in present])
        share = weights / weights.sum()
        found: list[list[Encoded]] = []
        for n, part in zip(present, share, strict=True):
            amount = int(np.floor(part * number / (1 + 0.6 * n) + rng.random()))
            group = self._groups[n]
            drawn = sorted((group[int(i)] for i in rng.integers(len(group), size=amount)), key=_text_length)
            found += [drawn[at : at + most] for at in range(0, amount, most)]
        return found


def _text_length(example: Encoded) -> int:
    return len(example.states)


def text_reader(mllm: Qwen2_5_VLForConditionalGeneration, tokenizer: PreTrainedTokenizerBase) -> Reader:
    """Text states of the frozen MLLM in the drawing chat, or in the unconditional one for an empty instruction."""
    mllm.eval().requires_grad_(False)

    def read(instructions: Sequence[str]) -> list[Tensor]:
        found: dict[int, Tensor] = {}
        for system, chosen in ((DRAW_SYSTEM_PROMPT, True), (UNCONDITIONAL_SYSTEM_PROMPT, False)):
            index = [i for i, text in enumerate(instructions) if bool(text) is chosen]
            if index:
                embeds, mask = embed_prompts(mllm, tokenizer, [instructions[i] for i in index], system=system)
                lengths = [embeds.shape[1]] * len(index) if mask is None else mask.sum(1).tolist()
                found |= {i: row[:length] for i, row, length in zip(index, embeds, lengths, strict=True)}
        return [found[i] for i in range(len(instructions))]

    return read


def spread_times(sizes: Sequence[int], shift: float, generator: torch.Generator) -> list[Tensor]:
    """Times for groups of these sizes, logit-normal around `shift`: one from each equal part of the distribution.

    Spread evenly over the batch they carry less noise into the gradient than independent draws.
    """
    total = sum(sizes)
    parts = torch.randperm(total, generator=generator) + torch.rand(total, generator=generator)
    normal = torch.special.ndtri((parts / total).clamp(1e-4, 1 - 1e-4))
    return list(torch.sigmoid(normal + shift).split(list(sizes)))


class DitTraining:
    """The transformer as a component of the loop; the MLLM and the VAE stay as they are.

    `unconditional`: text states (L, D) of no instruction; `most`: examples that are padded to one length;
    `compile_from`: the step from which the joint layers are compiled, None for never.
    """

    def __init__(
        self,
        module: AlignedTransformer,
        unconditional: Tensor,
        pool: LatentPool,
        batch: int,
        *,
        most: int = TOGETHER,
        seed: int = 0,
        settings: FlowSettings | None = None,
        validate: Callable[[OmniGen2Transformer2DModel, Path], dict[str, float]] | None = None,
        compile_from: int | None = None,
    ) -> None:
        self.module: nn.Module = module
        self._unconditional, self._pool = unconditional, pool
        self._most = most
        self._batch, self._seed, self._settings = batch, seed, settings or FlowSettings()
        self._validate = validate
        self._compiled = LayersCompiled(module.dit.layers, compile_from)

    def batch(self, step: int) -> list[list[Encoded]]:
        """Refill the pool (more on the first steps) and draw from it."""
        rng = np.random.default_rng([self._seed, step, 77])
        self._pool.refill(step)
        return self._pool.draw(rng, self._batch, self._most)

    def loss(self, batch: list[list[Encoded]], step: int) -> tuple[Tensor, dict[str, float | Tensor]]:
        """Summed squared error over all latent elements of the batch, divided by their number."""
        self._compiled.before(step)
        rng = np.random.default_rng([self._seed, step, 78])
        generator = torch.Generator().manual_seed(int(rng.integers(2**62)))
        errors: list[Tensor] = []
        distances: list[Tensor] = []
        parts: dict[str, list[Tensor]] = {}
        times = spread_times([len(group) for group in batch], self._settings.time_shift, generator)
        for group, t in zip(batch, times, strict=True):
            error, distance = self._errors(group, t, rng, generator)
            parts.setdefault(f"mse_{len(group[0].references)}ref", []).append(error.detach())
            errors.append(error)
            distances.append(distance)
        apart = torch.cat(distances).mean()
        figures: dict[str, float | Tensor] = {name: torch.cat(found).mean() for name, found in parts.items()}
        if self._settings.alignment:
            # Without its pull the projection learns nothing, and the distance tells nothing.
            figures["apart"] = apart.detach()
        return torch.cat(errors).mean() + self._settings.alignment * apart, figures

    def _errors(
        self, group: list[Encoded], t: Tensor, rng: np.random.Generator, generator: torch.Generator
    ) -> tuple[Tensor, Tensor]:
        """Mean squared error of each sample's velocity, and its mean distance to the teacher, (B,) each."""
        settings = self._settings
        device = next(self.module.parameters()).device
        data = torch.stack([e.target for e in group]).to(device)
        noise = torch.randn(data.shape, generator=generator).to(device)
        t = t.to(device)
        dropped = rng.random(len(group)) < settings.dropout
        alone = dropped & (rng.random(len(group)) < 0.5)
        told = [self._unconditional if off else e.states for e, off in zip(group, dropped, strict=True)]
        lengths = torch.tensor([len(each) for each in told])
        states = nn.utils.rnn.pad_sequence(told, batch_first=True).to(device, torch.float32)
        # On the CPU, since only lengths are read off it, and an accelerator would be waited for.
        mask = (torch.arange(states.shape[1])[None] < lengths[:, None]).long()
        references = [list(e.references) if not off else [] for e, off in zip(group, alone, strict=True)]
        mixed = mix(noise, data, t[:, None, None, None])
        with sdpa_kernel(SDPBackend.MATH) if device.type == "cpu" else torch.enable_grad():
            velocity, projected = self.module(mixed, t, states, mask, references)
        features = torch.stack([e.features for e in group]).to(device, torch.float32)
        distance = 1 - F.cosine_similarity(projected.float(), features, dim=-1).mean(1)
        errors = (velocity.float() - (data - noise)).square()
        if settings.detail:
            errors = errors * detail_weights(data.float(), t, settings.detail)
        return errors.mean(dim=(1, 2, 3)), distance

    def export(self, folder: Path) -> dict[str, float]:
        """Save the transformer and validate it, if a way was given."""
        dit: OmniGen2Transformer2DModel = self.module.dit  # pyright: ignore[reportAssignmentType]
        dit.save_pretrained(folder / "transformer")
        with self._compiled.as_written():
            return self._validate(dit, folder) if self._validate else {}
