"""The generator in this process: OmniGen2 with prompts and references remembered from one request to the next."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import NamedTuple

import torch
from PIL import Image

from omniagent.model.cache import ByteCache, CacheStats, picture_key
from omniagent.model.denoising.guidance import Guidance
from omniagent.model.denoising.presets import preset_named
from omniagent.model.denoising.reuse.memory import UNKNOWN, Source
from omniagent.model.device import free_memory, with_memory_fault
from omniagent.model.generator.batch import Bucket, PictureBatch, Prepared, seeded
from omniagent.model.generator.key_room import KeyRoom
from omniagent.model.generator.loras import RequestLoras
from omniagent.model.limits import Part
from omniagent.model.mllm.prompts import MAX_TEXT_TOKENS, token_count
from omniagent.model.network.text_states import TextStates
from omniagent.model.pictures import (
    DEFAULT_MAX_PIXELS,
    Size,
    drawable,
    legible,
    output_size,
    reference_size,
)
from omniagent.model.pipeline.omnigen2 import OmniGen2Pipeline
from omniagent.model.pipeline.previews import LatentColours, fit_colours
from omniagent.model.profile import GeneratorProfile
from omniagent.model.requests import CancelToken, GenerationRequest, Step, Watching, check_request


class Sizes(NamedTuple):
    """The size that a request's pictures have in the end, and the one at which they are drawn before."""

    asked: Size
    drawn: Size


class OmniGen2Generator:
    """A `Generator` over an `OmniGen2Pipeline`. Keeps nothing of a request but its caches.

    What a prompt, a negative prompt and a reference become depends on their content alone, so all three are computed
    once and found again by content, in later rounds too.

    Args:
        pipeline: The loaded pipeline, on its device.
        profile: What requests leave open; None means the pipeline's own.
        model: The name shown in traces.
        folder: Where the checkpoint lies, if it lies anywhere.
        batch: Pictures drawn together. On a CPU in float32 a seed's picture is the same bit for bit whatever it is
            drawn with; elsewhere the last bits may follow the batch, as matrix products round by shape.
        cache_bytes: Budget, in bytes, for texts and, as much again, for references; and once more for the latents of
            drawn pictures, where the preset reuses them.
        preset: `quality`, `balanced`, `fast` or `edit`, see `Preset`.
    """

    def __init__(
        self,
        pipeline: OmniGen2Pipeline,
        profile: GeneratorProfile | None = None,
        *,
        model: str = "OmniGen2",
        folder: Path | None = None,
        batch: int = 1,
        cache_bytes: int = 256 * 2**20,
        preset: str = "quality",
    ) -> None:
        self.pipeline = pipeline
        self.pipeline.set_progress_bar_config(disable=True)
        self.defaults = profile or pipeline.defaults
        self.folder = folder
        self._model = model
        self.batch = batch
        self._preset = preset_named(preset)
        if self._preset.reuse is not None:
            reuse = replace(self._preset.reuse, threshold=self.defaults.changed_from)
            self._preset = replace(self._preset, reuse=reuse)
        self._loras = RequestLoras(pipeline.loras)
        self._here = True
        self._keys = KeyRoom(pipeline)
        self._texts: ByteCache[str, TextStates] = ByteCache(cache_bytes, lambda text: text.hidden.nbytes)
        self._references: ByteCache[str, torch.Tensor] = ByteCache(cache_bytes, lambda latent: latent.nbytes)
        self._drawn: ByteCache[str, torch.Tensor] = ByteCache(cache_bytes, lambda latent: latent.nbytes)
        self._colours: LatentColours | None = None

    @property
    def model(self) -> str:
        return self._model

    @property
    def profile(self) -> GeneratorProfile:
        return self.defaults

    @property
    def takes_loras(self) -> bool:
        return True

    @property
    def reuses_source(self) -> bool:
        return self._preset.reuse is not None

    @property
    def usual_steps(self) -> int:
        """Steps of a request that names none, as the preset makes them."""
        return self._preset.step_count(self.defaults.steps)

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

        A reference is brought to `defaults.resize_inputs` if the checkpoint asks for it; else one with a side under 16
        pixels is enlarged. With a single reference and no size asked for, the picture has that reference's size,
        within 1024² pixels and cut to multiples of 16. Sizes outside `defaults.sides` are drawn within and stretched.

        Raises:
            BadSetting: a number outside its range.
            Cancelled: the token was cancelled or expired; checked before each denoising step.
            OutOfMemory: the device has too little memory.
            GenerationFailed: the model gave numbers that are not finite.
        """
        if token is not None:
            token.check()
        what = f"{min(self.batch, len(request.seeds))} pictures at once"
        return with_memory_fault(
            self.device, what, lambda: self._generate(request, token, on_step), self.drop_recordings
        )

    def bucket(self, request: GenerationRequest) -> Bucket:
        """What requests must share to be drawn together.

        Raises:
            BadSetting: a number outside its range.
        """
        check_request(request)
        defaults = self.defaults
        guidance = Guidance(
            defaults.text_guidance if request.text_guidance is None else request.text_guidance,
            defaults.image_guidance if request.image_guidance is None else request.image_guidance,
            *(request.cfg_range or defaults.cfg_range),
        )
        drawn = self._sizes(request).drawn
        return Bucket(
            drawn,
            request.steps or self._preset.step_count(defaults.steps),
            guidance,
            bool(request.references),
            request.loras,
            self._most(request, drawn, guidance),
        )

    def remarks(self, request: GenerationRequest) -> tuple[str, ...]:
        """Where the size drawn is not the size asked for, an edit comes back at another size, or words are not read.

        Raises:
            BadSetting: a number outside its range.
        """
        check_request(request)
        asked, drawn = self._sizes(request)
        defaults, made = self.defaults, list[str]()
        alone = len(request.references) == 1 and request.width is None and request.height is None
        if alone and self._differ(given := _size_of(request.references[0]), asked):
            made.append(f"the given picture has {_said(given)} pixels, the new one will have {_said(asked)}")
        if self._differ(drawn, asked):
            limits = f"draws up to {DEFAULT_MAX_PIXELS:,} pixels"
            if alone and defaults.resize_inputs is not None:
                limits = f"reads pictures at {_said(drawn)}"
            elif defaults.sides is not None:
                limits = f"draws sides of {' to '.join(map(str, dict.fromkeys(defaults.sides)))} pixels"
            made.append(
                f"this model {limits}: what it draws at {_said(drawn)} is stretched to {_said(asked)} and has no more "
                "detail than that"
            )
        return (*made, *self._cut("instruction", request.instruction), *self._cut("negative prompt", request.negative))

    def _cut(self, what: str, text: str) -> tuple[str, ...]:
        """What is to be said of a text that has more tokens than the network reads."""
        tokens = token_count(self.pipeline.processor.tokenizer, text)
        if tokens <= MAX_TEXT_TOKENS:
            return ()
        return (
            f"the {what} has {tokens:,} tokens and this model reads {MAX_TEXT_TOKENS:,}: about the last "
            f"{1 - MAX_TEXT_TOKENS / tokens:.0%} of it is not read; say it in fewer words",
        )

    @torch.inference_mode()
    def prepare(self, request: GenerationRequest) -> Prepared:
        """Read a request's texts and references, or find them again.

        Raises:
            BadSetting: as `bucket`.
            BadCheckpoint: a LoRA is missing, broken, or made for another model.
        """
        bucket, self._here = self.bucket(request), True
        worn = self._loras.put_on(bucket.loras)
        pictures = [self._resized(picture, self._side(request)) for picture in request.references]
        return Prepared(
            bucket,
            self._sizes(request).asked,
            self._text(request.instruction, worn),
            self._text(request.negative, worn) if bucket.guidance.needs_negative else None,
            [self._reference(picture, self._side(request)) for picture in pictures],
            self._source(request.region, pictures),
        )

    def start(self, pictures: Sequence[tuple[Prepared, int]]) -> PictureBatch:
        """Pictures of one bucket, each with its seed, ready for their first step."""
        self._loras.put_on(pictures[0][0].bucket.loras)
        keep = None if self._preset.reuse is None else self._keep
        return PictureBatch(self.pipeline, self._model, pictures, self._preset, self._latent_colours, keep)

    def leave(self) -> None:
        """Give the device's memory back that drawing took, and weights where they may lie elsewhere between pictures.

        A critic that wakes on the same device needs it; the next picture takes it again.
        """
        if not self._here:
            return
        # Does nothing where the networks are held in another way than one at a time.
        self.pipeline.maybe_free_model_hooks()
        self.drop_recordings()
        free_memory()
        self._here = False

    def drop_recordings(self) -> None:
        """Let go of recorded steps, which hold memory of the device; the next picture records its own."""
        self.pipeline.graphs.clear()

    def forget(self) -> None:
        """Empty the caches: needed when the pipeline's weights change."""
        self._colours = None
        self._texts.clear()
        self._references.clear()
        self._drawn.clear()

    def _generate(
        self, request: GenerationRequest, token: CancelToken | None, on_step: Step | None
    ) -> list[Image.Image]:
        prepared, seeds = self.prepare(request), request.seeds
        steps = prepared.bucket.steps
        finished: list[Image.Image] = []
        most = self.batch if prepared.bucket.most is None else prepared.bucket.most
        for first in range(0, len(seeds), most):
            batch = self.start([(prepared, seed) for seed in seeds[first : first + most]])
            while not batch.done:
                if token is not None:
                    token.check()
                made = batch.step()
                if isinstance(on_step, Watching):
                    on_step.look(batch.previews)
                if on_step is not None:
                    on_step(first * steps + made * batch.size, len(seeds) * steps)
            if token is not None:
                token.check()
            finished += [batch.picture(row) for row in range(batch.size)]
        return finished

    def _latent_colours(self) -> LatentColours:
        """How this VAE's latents show colours; measured at the first use."""
        if self._colours is None:
            self._colours = fit_colours(self.pipeline.vae)
        return self._colours

    def _differ(self, one: Size, other: Size) -> bool:
        """Whether two sizes differ by more than the rounding of sides."""
        step = self.pipeline.size_step
        return any(abs(a - b) >= min(step, b / 3) for a, b in zip(one, other, strict=True))

    def _sizes(self, request: GenerationRequest) -> Sizes:
        defaults, step = self.defaults, self.pipeline.size_step
        own = Size(defaults.height, defaults.width)
        if len(request.references) == 1:
            own = self._read_at(request.references[0], self._side(request))
        asked = Size(request.height or own.height, request.width or own.width)
        if len(request.references) == 1 and asked == own and defaults.resize_inputs is not None:
            # The reference is read at another shape than it has; what is drawn after it is brought back from there.
            width, height = defaults.resize_inputs
            return Sizes(asked, reference_size(Size(height, width), step=step))
        within = asked
        if defaults.sides is not None:
            within = drawable(asked, defaults.sides, defaults.width * defaults.height, step)
        return Sizes(asked, output_size(within, DEFAULT_MAX_PIXELS, step))

    def _most(self, request: GenerationRequest, drawn: Size, guidance: Guidance) -> int | None:
        """How many such edits memory allows at once; None where that doesn't limit them."""
        if self._preset.reuse is None or not request.references:
            return None
        resized = self.defaults.resize_inputs
        read = [self._read_at(each, self._side(request)) for each in request.references]
        most = self._keys.edits(drawn, read if resized is None else [Size(*reversed(resized))] * len(read), guidance)
        return most if most < self.batch else None

    def _side(self, request: GenerationRequest) -> int:
        return self.defaults.max_side if request.max_side is None else request.max_side

    def _read_at(self, picture: Image.Image, side: int) -> Size:
        """The size of a picture within the limits for references, whatever the checkpoint brings it to."""
        step = self.pipeline.size_step
        whole = legible(_size_of(picture), max_side_length=side, step=step)
        return reference_size(whole, max_side_length=side, step=step)

    def _resized(self, picture: Image.Image, side: int) -> Image.Image:
        rgb = picture.convert("RGB")
        size = self.defaults.resize_inputs
        if size is None:
            height, width = legible(_size_of(rgb), max_side_length=side, step=self.pipeline.size_step)
            size = width, height
        return rgb if rgb.size == size else rgb.resize(size, Image.Resampling.LANCZOS)

    def _text(self, text: str, worn: str) -> TextStates:
        def read() -> TextStates:
            return self.pipeline.refine_text(self.pipeline.encode_prompt(text))

        # The transformer's own layers refine a text, so that it is another one under another LoRA.
        return self._texts.get_or_make(f"{worn}\n{text}", read)

    def _reference(self, picture: Image.Image, side: int) -> torch.Tensor:
        key = picture_key(picture)

        def encode() -> torch.Tensor:
            # A sample is drawn from the content, not from the seed: one picture, one latent, in every round.
            source = seeded(int(key[:15], 16)) if self.defaults.reference_mode == "sample" else None
            return self.pipeline.encode_references([picture], max_input_image_side_length=side, generator=source)[0]

        return self._references.get_or_make(f"{side} {key}", encode)

    def _source(self, region: Part | None, pictures: Sequence[Image.Image]) -> Source:
        """What an edit can reuse: of pictures that were drawn here their own latents, without the VAE's error."""
        if self._preset.reuse is None or not pictures:
            return UNKNOWN
        return Source(region, tuple(self._drawn.get(picture_key(picture)) for picture in pictures))

    def _keep(self, picture: Image.Image, latents: torch.Tensor) -> None:
        self._drawn.put(picture_key(picture), latents[0].clone())


def _size_of(picture: Image.Image) -> Size:
    return Size(picture.height, picture.width)


def _said(size: Size) -> str:
    return f"{size.width}x{size.height}"
