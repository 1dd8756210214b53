"""Pictures of one bucket on their way through one denoising loop, of one caller or of several."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import NamedTuple

import torch
from PIL import Image

from omniagent.model.denoising.guidance import Guidance
from omniagent.model.denoising.presets import Preset
from omniagent.model.denoising.reuse.memory import UNKNOWN, Source
from omniagent.model.errors import GenerationFailed
from omniagent.model.network.text_states import TextStates, join_texts
from omniagent.model.pictures import Size, postprocess, stretch
from omniagent.model.pipeline.omnigen2 import OmniGen2Pipeline
from omniagent.model.pipeline.previews import LatentColours
from omniagent.model.pipeline.vae import decode_latents
from omniagent.model.requests import LoraChoice


class Bucket(NamedTuple):
    """What pictures must share to be drawn together; the size is the one drawn at.

    `most` is how many of them memory allows at once; None: as many as the generator draws together.
    """

    size: Size
    steps: int
    guidance: Guidance
    has_references: bool
    loras: tuple[LoraChoice, ...] = ()
    most: int | None = None


class Prepared(NamedTuple):
    """A request after its texts and references were read; `asked` is the size its pictures are stretched to."""

    bucket: Bucket
    asked: Size
    text: TextStates
    negative: TextStates | None
    references: list[torch.Tensor]
    source: Source = UNKNOWN


class PictureBatch:
    """Draws pictures together. On a CPU in float32 each comes out as it would alone, bit for bit.

    Args:
        pipeline: On its device.
        model: Its name, for messages.
        pictures: Prepared requests of one bucket, each with a seed.
        preset: What is left out.
        finished: Is given each finished picture and its latents (1, C, h, w), where it was not stretched.
        colours: Gives the colours of latents, for previews; called when one is asked for.
    """

    @torch.inference_mode()
    def __init__(
        self,
        pipeline: OmniGen2Pipeline,
        model: str,
        pictures: Sequence[tuple[Prepared, int]],
        preset: Preset,
        colours: Callable[[], LatentColours],
        finished: Callable[[Image.Image, torch.Tensor], None] | None = None,
    ) -> None:
        self._pipeline, self._model, self._colours, self._finished = pipeline, model, colours, finished
        self._pictures = list(pictures)
        requests = [prepared for prepared, _ in pictures]
        bucket = requests[0].bucket
        negatives = [each.negative for each in requests if each.negative is not None]
        noise = pipeline.prepare_latents(len(requests), *bucket.size, [seeded(seed) for _, seed in pictures])
        self._denoising = pipeline.start(
            noise,
            join_texts([each.text for each in requests]),
            join_texts(negatives) if negatives else None,
            [each.references for each in requests],
            bucket.guidance,
            num_inference_steps=bucket.steps,
            timesteps=preset.timesteps(pipeline.scheduler, bucket.steps, noise.size(-2) * noise.size(-1)),
            scheduler=preset.scheduler(pipeline.scheduler),
            reuse=preset.reuse,
            sources=[each.source for each in requests],
        )

    @property
    def token_layers(self) -> int:
        """Tokens that went through a block so far, each counted once a block: the work that was done."""
        return self._denoising.token_layers

    @property
    def regions(self) -> list[torch.Tensor | None]:
        """As those of `Denoising`."""
        return self._denoising.regions

    @property
    def size(self) -> int:
        """Pictures still being drawn."""
        return len(self._pictures)

    @property
    def done(self) -> bool:
        """Whether all steps are made."""
        return self._denoising.done >= self._denoising.steps

    @torch.inference_mode()
    def step(self) -> int:
        """Make the next step; the number of steps made."""
        self._denoising.step()
        return self._denoising.done

    @torch.inference_mode()
    def keep(self, rows: Sequence[int]) -> None:
        """Go on with the pictures in `rows` alone."""
        self._denoising.keep(rows)
        self._pictures = [self._pictures[row] for row in rows]

    @torch.inference_mode()
    def previews(self, rows: Sequence[int] | None = None) -> list[Image.Image]:
        """Rough pictures of those in `rows`, or of all, as they stand; a pixel for each of the latents."""
        foreseen = self._denoising.foreseen
        return self._colours().pictures(foreseen if rows is None else foreseen[list(rows)])

    @torch.inference_mode()
    def picture(self, row: int) -> Image.Image:
        """A finished picture.

        Raises:
            GenerationFailed: its numbers are not finite.
        """
        prepared, seed = self._pictures[row]
        # One at a time: a convolution may round by the size of its batch.
        latents = self._denoising.latents[row : row + 1]
        values = decode_latents(self._pipeline.vae, latents)
        if not bool(values.isfinite().all()):
            raise GenerationFailed(f"{self._model} drew numbers that are not finite for seed {seed}; try another seed")
        (image,) = postprocess(stretch(values, prepared.asked), "pil")
        assert isinstance(image, Image.Image)
        if self._finished is not None and prepared.asked == prepared.bucket.size:
            self._finished(image, latents)
        return image


def seeded(seed: int) -> torch.Generator:
    """Noise drawn on the CPU is the same on every device."""
    return torch.Generator("cpu").manual_seed(seed)
