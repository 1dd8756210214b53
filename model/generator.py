"""The generator in this process: OmniGen2 with prompts and references remembered from one request to the next."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import torch
from PIL import Image

from omniagent.model.cache import ByteCache, CacheStats, picture_key
from omniagent.model.checkpoint_settings import CheckpointDefaults
from omniagent.model.device import with_memory_fault
from omniagent.model.guidance import Guidance
from omniagent.model.image_processor import (
    DEFAULT_MAX_PIXELS,
    DEFAULT_MAX_SIDE_LENGTH,
    Size,
    output_size,
    reference_size,
)
from omniagent.model.limits import check_request
from omniagent.model.picture_batch import Bucket, PictureBatch, Prepared, seeded
from omniagent.model.pipeline import OmniGen2Pipeline
from omniagent.model.presets import preset_named
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
        batch: Pictures drawn together. On a CPU in float32 a seed's picture is the same bit for bit whatever it is
            drawn with; elsewhere the last bits may follow the batch, as matrix products round by shape.
        cache_bytes: Budget, in bytes, for texts and, as much again, for references.
        preset: ``quality``, ``balanced`` or ``fast``, see `Preset`.
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
        preset: str = "quality",
    ) -> None:
        self.pipeline = pipeline
        self.pipeline.set_progress_bar_config(disable=True)
        self.defaults = defaults or CheckpointDefaults()
        self.folder = folder
        self._model = model
        self.batch = batch
        self._preset = preset_named(preset)
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
        """Where the pipeline computes, also while its weights lie elsewhere."""
        return self.pipeline.computes_on

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
        if token is not None:
            token.check()
        what = f"{min(self.batch, len(request.seeds))} pictures at once"
        return with_memory_fault(self.device, what, lambda: self._generate(request, token, on_step))

    def bucket(self, request: GenerationRequest) -> Bucket:
        """What requests must share to be drawn together.

        Raises:
            BadSetting: a number outside its range.
            BadImage: a reference is too small or too narrow.
        """
        check_request(request)
        defaults = self.defaults
        guidance = Guidance(
            defaults.text_guidance if request.text_guidance is None else request.text_guidance,
            defaults.image_guidance if request.image_guidance is None else request.image_guidance,
            *(request.cfg_range or defaults.cfg_range),
        )
        asked = self._size(request, [self._resized(picture) for picture in request.references])
        drawn = output_size(asked, DEFAULT_MAX_PIXELS, self.pipeline.size_step)
        return Bucket(
            drawn, request.steps or self._preset.step_count(defaults.steps), guidance, bool(request.references)
        )

    @torch.inference_mode()
    def prepare(self, request: GenerationRequest) -> Prepared:
        """Read a request's texts and references, or find them again.

        Raises:
            BadSetting, BadImage: as :meth:`bucket`.
        """
        bucket = self.bucket(request)
        pictures = [self._resized(picture) for picture in request.references]
        return Prepared(
            bucket,
            self._size(request, pictures),
            self._text(request.instruction),
            self._text(request.negative) if bucket.guidance.needs_negative else None,
            [self._reference(picture) for picture in pictures],
        )

    def start(self, pictures: Sequence[tuple[Prepared, int]]) -> PictureBatch:
        """Pictures of one bucket, each with its seed, ready for their first step."""
        return PictureBatch(self.pipeline, self._model, pictures, self._preset)

    def forget(self) -> None:
        """Empty the caches: needed when the pipeline's weights change."""
        self._texts.clear()
        self._references.clear()

    def _generate(
        self, request: GenerationRequest, token: CancelToken | None, on_step: Step | None
    ) -> list[Image.Image]:
        prepared, seeds = self.prepare(request), request.seeds
        steps = prepared.bucket.steps
        finished: list[Image.Image] = []
        for first in range(0, len(seeds), self.batch):
            batch = self.start([(prepared, seed) for seed in seeds[first : first + self.batch]])
            while not batch.done:
                if token is not None:
                    token.check()
                made = batch.step()
                if on_step is not None:
                    on_step(first * steps + made * batch.size, len(seeds) * steps)
            if token is not None:
                token.check()
            finished += [batch.picture(row) for row in range(batch.size)]
        return finished

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
            source = seeded(int(key[:15], 16)) if self.defaults.reference_mode == "sample" else None
            return self.pipeline.encode_references([picture], generator=source)[0]

        return self._references.get_or_make(key, encode)
