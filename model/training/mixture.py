"""Trains the transformer on a mix of records by the published objective, as a component of the loop.

Rectified flow with logit-normal times that follow each picture's size (`denoising/flow.py`); MLLM and VAE stay frozen.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from itertools import islice
from pathlib import Path
from random import Random
from typing import Any, NamedTuple

import torch
from diffusers.models.autoencoders.autoencoder_kl import AutoencoderKL
from torch import Tensor, nn

from omniagent.model.denoising.flow import flow_loss, mix, shift_times
from omniagent.model.errors import HardFailure
from omniagent.model.mllm.prompts import Tokenizer
from omniagent.model.network.transformer import OmniGen2Transformer2DModel
from omniagent.model.pipeline.vae import encode_picture
from omniagent.model.training.dataset import ChatExample, MixedDataset, collate_texts
from omniagent.model.training.prefetch import Ahead


class Frozen(NamedTuple):
    """What turns examples into what the transformer reads, already where it trains.

    `text_model` is the language half of the MLLM. `reference_mode`: whether a reference's latent is the posterior's
    `mode` or a `sample` of it, as when the checkpoint draws.
    """

    text_model: nn.Module
    tokenizer: Tokenizer
    vae: AutoencoderKL
    reference_mode: str


class FlowBatch(NamedTuple):
    """Latents (C, h, w) of any sizes, noise of the same sizes, times (B,), and the conditions of each."""

    data: list[Tensor]
    noise: list[Tensor]
    times: Tensor
    states: Tensor
    mask: Tensor
    references: list[list[Tensor]]


class MixtureTraining:
    """The transformer, or a LoRA on it, as a component of the loop.

    Args:
        module: What learns: the transformer itself, or a LoRA's layers.
        transformer: Predicts velocities; whatever of it does not learn lies where it trains already.
        frozen: The MLLM and the VAE.
        dataset: Where records come from, each source by its share.
        batch: Examples of one batch.
        seed: Of draws, dropout, times and noise.
        write: Writes what has learnt into a folder.
        workers: Processes that read pictures beforehand.
    """

    def __init__(
        self,
        module: nn.Module,
        transformer: OmniGen2Transformer2DModel,
        frozen: Frozen,
        dataset: MixedDataset,
        *,
        batch: int,
        seed: int,
        write: Callable[[Path], None],
        workers: int = 0,
    ) -> None:
        self.module: nn.Module = module
        self._transformer, self._frozen, self._write = transformer, frozen, write
        self._examples = Ahead(Drawn(dataset, batch, seed), workers)
        self._seed = seed

    @torch.no_grad()
    def batch(self, step: int) -> FlowBatch:
        """Examples of this number, encoded, with their noise and times.

        Raises:
            BadImage: a picture cannot be read; the message names its record.
        """
        examples = self._examples(step)
        generator = torch.Generator().manual_seed(Random(f"noise {self._seed} {step}").getrandbits(62))
        text, vae = self._frozen.text_model, self._frozen.vae
        device, patch = vae.device, self._transformer.patch_size
        ids, mask = collate_texts(self._frozen.tokenizer, examples)
        # Attention is causal and padding lies on the right, so it needs no mask here.
        states: Any = text(input_ids=ids.to(device), use_cache=False).last_hidden_state
        chosen = generator if self._frozen.reference_mode == "sample" else None
        references = [[encode_picture(vae, each, chosen)[0] for each in example.inputs] for example in examples]
        data = [encode_picture(vae, example.output, generator)[0] for example in examples]
        noise = [torch.randn(each.shape, generator=generator).to(device) for each in data]
        patches = torch.tensor([each.size(-2) * each.size(-1) / patch**2 for each in data])
        times = shift_times(torch.randn(len(data), generator=generator).sigmoid(), patches)
        return FlowBatch(data, noise, times.to(device), states, mask.to(device), references)

    def loss(self, batch: FlowBatch, step: int) -> tuple[Tensor, dict[str, float]]:
        """Summed squared error over all latent values of the batch, divided by their number.

        Raises:
            HardFailure: it is not finite; nothing has been changed by it.
        """
        data, noise, times, states, mask, references = batch
        mixed = [mix(noisy, clean, time) for noisy, clean, time in zip(noise, data, times, strict=True)]
        velocities = self._transformer(mixed, times, states, mask, references).sample
        loss = flow_loss(list(velocities), noise, data)
        if not math.isfinite(value := float(loss.detach())):
            raise HardFailure(
                f"the loss is {value} at step {step + 1}; train anew in another work folder with a lower learning "
                "rate (the last saved state and weights are still there)"
            )
        return loss, {"time": float(times.mean())}

    def export(self, folder: Path) -> dict[str, float]:
        """Write what has learnt."""
        self._write(folder)
        return {}


class Drawn:
    """Examples by the number of their batch, a function of it and the seed alone; any order, quickest upwards."""

    def __init__(self, dataset: MixedDataset, batch: int, seed: int) -> None:
        self._dataset, self._batch, self._seed = dataset, batch, seed
        self._draws: Iterator[int] = iter(())
        self._next = math.inf

    def __call__(self, number: int) -> list[ChatExample]:
        """The examples of a batch."""
        if number < self._next:
            self._draws, self._next = self._dataset.draws(self._seed), 0
        ahead = (number - int(self._next)) * self._batch
        records = list(islice(self._draws, ahead, ahead + self._batch))
        self._next = number + 1
        random = Random(f"dropout {self._seed} {number}")
        return [self._dataset.example(record, random) for record in records]
