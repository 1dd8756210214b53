"""The generator in this process: OmniGen2 with prompts and references remembered from one request to the next."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import torch
from PIL import Image

from omniagent.model.cache import ByteCache, CacheStats, picture_key
from omniagent.model.checkpoint_settings import CheckpointDefaults
from omniagent.model.device import with_memory_fault
from omniagent.model.errors import GenerationFailed
from omniagent.model.guidance import Guidance
from omniagent.model.image_processor import (
    DEFAULT_MAX_PIXELS,
    DEFAULT_MAX_SIDE_LENGTH,
    Size,
    output_size,
    postprocess,
    reference_size,
    stretch,
)
from omniagent.model.latents import decode_latents
from omniagent.model.limits import check_request
from omniagent.model.pipeline import OmniGen2Pipeline
from omniagent.model.requests import CancelToken, GenerationRequest, Step
from omniagent.model.text_states import TextStates


class OmniGen2Generator:
    """A `Generator` over an `OmniGen2Pipeline`. Keeps nothing of a request but its caches.

    What a prompt, a negative prompt and a reference become depends on their content alone, so all three are computed
    once and found again by content, in later rounds too.

    Args:
        pipeline: The loaded pipeline, on its device.
        defaults: What requests leave open; None means the published values.
        model: The name shown in traces.
        folder: Where the checkpoint lies, if it lies anywhere.
        batch: Pictures drawn together. With 1 a seed's picture is the same bit for bit whatever other seeds are asked
            for; in larger batches the last bits follow the batch, as matrix products round by shape.
        cache_bytes: Budget, in bytes, for texts and, as much again, for references.
    """

    def __init__(
        self,
        pipeline: OmniGen2Pipeline,
        defaults: CheckpointDefaults | None = None,
        *,
        model: str = "OmniGen2",
        folder: Path | None = None,
        batch: int = 1,
        cache_bytes: int = 256 * 2**20,
    ) -> None:
        self.pipeline = pipeline
        self.pipeline.set_progress_bar_config(disable=True)
        self.defaults = defaults or CheckpointDefaults()
        self.folder = folder
        self._model = model
        self._batch = batch
        self._texts: ByteCache[str, TextStates] = ByteCache(cache_bytes, lambda text: text.hidden.nbytes)
        self._references: ByteCache[str, torch.Tensor] = ByteCache(cache_bytes, lambda latent: latent.nbytes)

    @property
    def model(self) -> str:
        return self._model

    @property
    def domain(self) -> str | None:
        return self.defaults.domain

    @property
    def device(self) -> torch.device:
        """Where the pipeline runs."""
        return self.pipeline.device

    @property
    def stats(self) -> dict[str, CacheStats]:
        """Counters of the caches `texts` (prompts and negative prompts) and `references`."""
        return {"texts": self._texts.stats, "references": self._references.stats}

    def generate(
        self, request: GenerationRequest, *, token: CancelToken | None = None, on_step: Step | None = None
    ) -> list[Image.Image]:
        """One RGB picture for each seed, in order.

        A reference is brought to `defaults.resize_inputs` if the checkpoint asks for it. With a single reference and
        no size asked for, the picture has that reference's size, within 1024² pixels and cut to multiples of 16.

        Raises:
            BadSetting: a number outside its range.
            BadImage: a reference is too small or too narrow.
            Cancelled: the token was cancelled or expired; checked before each denoising step.
            OutOfMemory: the device has too little memory.
            GenerationFailed: the model gave numbers that are not finite.
        """
        check_request(request)
        if token is not None:
            token.check()
        what = f"{min(self._batch, len(request.seeds))} pictures at once"
        return with_memory_fault(self.device, what, lambda: self._generate(request, token, on_step))

    def forget(self) -> None:
        """Empty the caches: needed when the pipeline's weights change."""
        self._texts.clear()
        self._references.clear()

    @torch.inference_mode()
    def _generate(
        self, request: GenerationRequest, token: CancelToken | None, on_step: Step | None
    ) -> list[Image.Image]:
        defaults = self.defaults
        pictures = [self._resized(picture) for picture in request.references]
        guidance = Guidance(
            defaults.text_guidance if request.text_guidance is None else request.text_guidance,
            defaults.image_guidance if request.image_guidance is None else request.image_guidance,
            *(request.cfg_range or defaults.cfg_range),
        )
        asked = self._size(request, pictures)
        drawn = output_size(asked, DEFAULT_MAX_PIXELS, self.pipeline.size_step)
        text = self._text(request.instruction)
        negative = self._text(request.negative) if guidance.needs_negative else None
        references = [self._reference(picture) for picture in pictures]
        steps = request.steps or defaults.steps
        batches = [request.seeds[start : start + self._batch] for start in range(0, len(request.seeds), self._batch)]
        finished: list[Image.Image] = []
        for number, seeds in enumerate(batches):

            def after(done: int, _: int, latents: torch.Tensor, number: int = number) -> None:
                if on_step is not None:
                    on_step(number * steps + done, len(batches) * steps)
                if token is not None:
                    token.check()

            copies = [0] * len(seeds)
            denoising = self.pipeline.start(
                self.pipeline.prepare_latents(len(seeds), *drawn, [_seeded(seed) for seed in seeds]),
                text.select(copies),
                None if negative is None else negative.select(copies),
                [references] * len(seeds),
                guidance,
                num_inference_steps=steps,
            )
            finished += self._pictures(self.pipeline.finish(denoising, after), asked, seeds)
        return finished

    def _pictures(self, latents: torch.Tensor, size: Size, seeds: Sequence[int]) -> list[Image.Image]:
        values = decode_latents(self.pipeline.vae, latents)
        for seed, finite in zip(seeds, values.flatten(1).isfinite().all(1).tolist(), strict=True):
            if not finite:
                raise GenerationFailed(
                    f"{self._model} drew numbers that are not finite for seed {seed}; try another seed"
                )
        pictures = postprocess(stretch(values, size), "pil")
        return [picture for picture in pictures if isinstance(picture, Image.Image)]

    def _size(self, request: GenerationRequest, pictures: Sequence[Image.Image]) -> Size:
        size = Size(self.defaults.height, self.defaults.width)
        if len(pictures) == 1:
            whole = Size(pictures[0].height, pictures[0].width)
            size = reference_size(whole, DEFAULT_MAX_PIXELS, DEFAULT_MAX_SIDE_LENGTH, self.pipeline.size_step)
        return Size(request.height or size.height, request.width or size.width)

    def _resized(self, picture: Image.Image) -> Image.Image:
        size = self.defaults.resize_inputs
        rgb = picture.convert("RGB")
        return rgb if size is None or rgb.size == size else rgb.resize(size, Image.Resampling.LANCZOS)

    def _text(self, text: str) -> TextStates:
        def read() -> TextStates:
            return self.pipeline.refine_text(self.pipeline.encode_prompt(text))

        return self._texts.get_or_make(text, read)

    def _reference(self, picture: Image.Image) -> torch.Tensor:
        key = picture_key(picture)

        def encode() -> torch.Tensor:
            # A sample is drawn from the content, not from the seed: one picture, one latent, in every round.
            source = _seeded(int(key[:15], 16)) if self.defaults.reference_mode == "sample" else None
            return self.pipeline.encode_references([picture], generator=source)[0]

        return self._references.get_or_make(key, encode)


def _seeded(seed: int) -> torch.Generator:
    """Noise drawn on the CPU is the same on every device."""
    return torch.Generator("cpu").manual_seed(seed)
