"""OmniGen2's pipeline: text to image, instruction edits and in-context drawing with up to five reference pictures.

Nothing of a request is kept on the pipeline, so one pipeline may serve several requests, and the results of
``encode_prompt``, ``encode_references`` and ``transformer.encode_text`` may be cached and given back.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

import torch
from diffusers.models.autoencoders.autoencoder_kl import AutoencoderKL
from diffusers.pipelines.pipeline_utils import DiffusionPipeline
from diffusers.utils.outputs import BaseOutput
from PIL import Image
from transformers import Qwen2_5_VLForConditionalGeneration

from .checkpoint_settings import CheckpointDefaults
from .errors import BadSetting, BadTask
from .guidance import Guidance
from .image_processor import (
    DEFAULT_MAX_PIXELS,
    DEFAULT_MAX_SIDE_LENGTH,
    OutputType,
    Pictures,
    Size,
    output_size,
    postprocess,
    preprocess,
    reference_size,
    stretch,
)
from .latents import Generators, decode_latents, draw_noise, encode_picture
from .pipeline_inputs import InputImages, negative_list, picture_count, picture_lists, prompt_list
from .processor import LightProcessor
from .sampling import Scheduler, StepCallback, denoise
from .text import DRAW_SYSTEM_PROMPT, MAX_TEXT_TOKENS, PromptEmbeds, embed_prompts
from .transformer import OmniGen2Transformer2DModel, TextStates

EncodedPrompt = torch.Tensor | TextStates
ReferenceLatents = Sequence[Sequence[torch.Tensor] | None]


@dataclass
class OmniGen2PipelineOutput(BaseOutput):
    """The pictures of one call, prompt by prompt: a list of PIL pictures, an array, a tensor, or latents."""

    images: Pictures


class OmniGen2Pipeline(DiffusionPipeline):
    """Draws and edits pictures.

    Args:
        transformer: The diffusion transformer.
        vae: Between pictures and latents.
        scheduler: The sampler; each call works on its own copy.
        mllm: Qwen2.5-VL; its text half reads the prompts.
        processor: Holds the tokenizer.
        defaults: Settings that a call may leave open; None means the published ones.
    """

    model_cpu_offload_seq = "mllm->transformer->vae"

    transformer: OmniGen2Transformer2DModel
    vae: AutoencoderKL
    scheduler: Scheduler
    mllm: Qwen2_5_VLForConditionalGeneration
    processor: LightProcessor

    def __init__(
        self,
        transformer: OmniGen2Transformer2DModel,
        vae: AutoencoderKL,
        scheduler: Scheduler,
        mllm: Qwen2_5_VLForConditionalGeneration,
        processor: LightProcessor,
        defaults: CheckpointDefaults | None = None,
    ) -> None:
        super().__init__()
        self.register_modules(transformer=transformer, vae=vae, scheduler=scheduler, mllm=mllm, processor=processor)
        self.defaults = defaults or CheckpointDefaults()
        self.vae_scale_factor: int = 2 ** (len(vae.config["block_out_channels"]) - 1)

    @classmethod
    def from_pretrained(  # pyright: ignore[reportIncompatibleMethodOverride]
        cls, pretrained_model_name_or_path: str | Path, **settings: Any
    ) -> Self:
        """Load a folder or hub name; see :func:`omniagent.model.checkpoint.load_pipeline` for settings and errors."""
        from .checkpoint import load_pipeline

        return load_pipeline(pretrained_model_name_or_path, pipeline_class=cls, **settings)

    def save_pretrained(  # pyright: ignore[reportIncompatibleMethodOverride]
        self, save_directory: str | Path, **settings: Any
    ) -> None:
        """Write the published layout; see :func:`omniagent.model.checkpoint.save_pipeline`."""
        from .checkpoint import save_pipeline

        save_pipeline(self, save_directory, **settings)

    @property
    def size_step(self) -> int:
        """Sides of drawn pictures are multiples of this many pixels: latent pixel times patch."""
        return self.vae_scale_factor * self.transformer.patch_size

    def encode_prompt(
        self,
        prompt: str | Sequence[str],
        *,
        max_sequence_length: int = MAX_TEXT_TOKENS,
        system: str = DRAW_SYSTEM_PROMPT,
    ) -> PromptEmbeds:
        """The text model's states of one or several instructions; what a negative prompt needs too.

        Raises:
            BadTask: A prompt is not text.
            BadSetting: ``max_sequence_length`` is not within 1 to 1024.
        """
        return embed_prompts(
            self.mllm,
            self.processor.tokenizer,
            prompt_list(prompt),
            system=system,
            max_sequence_length=max_sequence_length,
        )

    @torch.no_grad()
    def encode_references(
        self,
        images: Sequence[Image.Image],
        *,
        max_pixels: int = DEFAULT_MAX_PIXELS,
        max_input_image_side_length: int = DEFAULT_MAX_SIDE_LENGTH,
        generator: torch.Generator | None = None,
    ) -> list[torch.Tensor]:
        """Normalised latents (C, h, w), float32, of reference pictures.

        Args:
            images: Pictures of any sizes.
            max_pixels: Larger pictures are shrunk to this many pixels.
            max_input_image_side_length: And to this length of their longer side.
            generator: Draws from the VAE's posterior, picture by picture; None takes its mode, so that the same
                picture always gives the same latent.

        Raises:
            BadImage: A picture is too small or too narrow.
            BadSetting: A limit lies outside its range.
        """
        sizes = [self._reference_size(image, max_pixels, max_input_image_side_length) for image in images]
        pixels = [preprocess(image, size) for image, size in zip(images, sizes, strict=True)]
        return [encode_picture(self.vae, each, generator)[0] for each in pixels]

    def prepare_latents(
        self,
        count: int,
        height: int,
        width: int,
        generator: Generators | None = None,
        latents: torch.Tensor | None = None,
    ) -> torch.Tensor:
        """Starting noise (count, C, height / 8, width / 8), float32.

        Args:
            count: Number of pictures.
            height: Pixels of the picture drawn, a multiple of 16.
            width: The same.
            generator: One for all, or one for each picture, which makes a picture independent of its batch.
            latents: Own noise, checked for its shape.

        Raises:
            BadSetting: Shapes or numbers don't match.
        """
        shape = (count, self.transformer.in_channels, height // self.vae_scale_factor, width // self.vae_scale_factor)
        device = self._execution_device
        if latents is None:
            return draw_noise(*shape, generator, device)
        if latents.shape != shape:
            raise BadSetting(f"latents have shape {tuple(latents.shape)}; give {shape} for {height}x{width} pixels")
        return latents.to(device, torch.float32)

    def denoise(
        self,
        latents: torch.Tensor,
        text: TextStates,
        negative: TextStates | None,
        references: Sequence[Sequence[torch.Tensor]],
        guidance: Guidance,
        *,
        num_inference_steps: int | None = None,
        timesteps: Sequence[float] | None = None,
        attention_kwargs: dict[str, Any] | None = None,
        callback_on_step_end: StepCallback | None = None,
    ) -> torch.Tensor:
        """Turn noise (B, C, h, w) into latents of pictures; arguments and errors as in :func:`.sampling.denoise`.

        ``num_inference_steps`` or own ``timesteps``, rising within [0, 1), set the schedule.
        """
        scheduler = self.scheduler.copy()
        num_tokens = latents.size(-2) * latents.size(-1)
        scheduler.set_timesteps(
            self.defaults.steps if num_inference_steps is None else num_inference_steps,
            latents.device,
            timesteps,
            num_tokens,
        )
        progress: Any = self.progress_bar
        with progress(total=len(scheduler.timesteps)) as bar:

            def on_step(step: int, steps: int, now: torch.Tensor) -> bool | None:
                bar.update()
                return None if callback_on_step_end is None else callback_on_step_end(step, steps, now)

            return denoise(
                self.transformer,
                scheduler,
                latents,
                text,
                negative,
                references,
                guidance,
                attention_kwargs=attention_kwargs,
                callback=on_step,
            )

    @torch.no_grad()
    def decode(self, latents: torch.Tensor, size: Size | None = None, output_type: OutputType = "pil") -> Pictures:
        """Pictures of normalised latents (B, C, h, w), stretched to ``size`` if they have another.

        Raises:
            GenerationFailed: The latents are not finite numbers.
        """
        if output_type == "latent":
            return latents
        pictures = decode_latents(self.vae, latents)
        return postprocess(pictures if size is None else stretch(pictures, size), output_type)

    @torch.no_grad()
    def __call__(
        self,
        prompt: str | Sequence[str] | None = None,
        negative_prompt: str | Sequence[str] = "",
        *,
        prompt_embeds: EncodedPrompt | None = None,
        prompt_attention_mask: torch.Tensor | None = None,
        negative_prompt_embeds: EncodedPrompt | None = None,
        negative_prompt_attention_mask: torch.Tensor | None = None,
        input_images: InputImages | None = None,
        ref_latents: ReferenceLatents | None = None,
        num_images_per_prompt: int = 1,
        height: int | None = None,
        width: int | None = None,
        align_res: bool = True,
        max_pixels: int = DEFAULT_MAX_PIXELS,
        max_input_image_side_length: int = DEFAULT_MAX_SIDE_LENGTH,
        max_sequence_length: int = MAX_TEXT_TOKENS,
        num_inference_steps: int | None = None,
        timesteps: Sequence[float] | None = None,
        text_guidance_scale: float | None = None,
        image_guidance_scale: float | None = None,
        cfg_range: tuple[float, float] | None = None,
        generator: Generators | None = None,
        reference_generator: torch.Generator | None = None,
        latents: torch.Tensor | None = None,
        attention_kwargs: dict[str, Any] | None = None,
        callback_on_step_end: StepCallback | None = None,
        output_type: OutputType = "pil",
        return_dict: bool = True,
    ) -> OmniGen2PipelineOutput | tuple[Pictures]:
        """Draw ``num_images_per_prompt`` pictures for each prompt, all of one size, prompt by prompt.

        Args:
            prompt: One instruction or several; not needed with ``prompt_embeds``.
            negative_prompt: What to keep away from; one for all, or one for each prompt.
            prompt_embeds: (P, L, text_feat_dim) states from :meth:`encode_prompt`, or what the transformer's
                ``encode_text`` made of them.
            prompt_attention_mask: (P, L) mask of ``prompt_embeds``.
            negative_prompt_embeds: The same for the negative prompts; one for all, or one for each prompt.
            negative_prompt_attention_mask: Their mask.
            input_images: Up to five pictures for the only prompt, or a list (or None) for each prompt.
            ref_latents: What :meth:`encode_references` made of them, a list (or None) for each prompt.
            num_images_per_prompt: 1 to 64 pictures in all.
            height: Pixels, 16 to 4096; None means the checkpoint's default.
            width: The same.
            align_res: With exactly one prompt and one input picture, draw at that picture's size.
            max_pixels: Larger pictures, in and out, are worked on at this many pixels.
            max_input_image_side_length: Longest side at which input pictures are read.
            max_sequence_length: Prompts are cut to this many tokens, 1 to 1024.
            num_inference_steps: 1 to 1000; None means the checkpoint's default.
            timesteps: Own start times of the steps instead, rising within [0, 1).
            text_guidance_scale: 0 to 100, up to 1 is off; None means the checkpoint's default.
            image_guidance_scale: 0 to 100, up to 1 is off; needs text guidance and input pictures.
            cfg_range: First and last part of the steps, within 0 to 1, in which guidance acts; None as before.
            generator: Of the noise; a list of one for each picture makes it independent of the batch.
            reference_generator: Draws the latents of input pictures; None takes their mode.
            latents: Own noise (B, C, height / 8, width / 8).
            attention_kwargs: ``scale`` is the strength of loaded LoRA layers.
            callback_on_step_end: Called with (steps done, steps in all, latents); returning False stops.
            output_type: ``pil``, ``np`` (B, H, W, 3) or ``pt`` (B, 3, H, W) in [0, 1], or ``latent``.
            return_dict: False returns a plain tuple.

        Raises:
            BadSetting: A number lies outside its range or shapes don't match.
            BadTask: A prompt is not text.
            BadImage: An input picture is none, or too small.
            Cancelled: The callback returned False.
            GenerationFailed: The model produced no finite numbers.
        """
        defaults = self.defaults
        guidance = Guidance(
            defaults.text_guidance if text_guidance_scale is None else text_guidance_scale,
            defaults.image_guidance if image_guidance_scale is None else image_guidance_scale,
            *(cfg_range or defaults.cfg_range),
        )
        if output_type not in ("pil", "np", "pt", "latent"):
            raise BadSetting(f"output_type={output_type!r} is not allowed; give 'pil', 'np', 'pt' or 'latent'")
        prompts = self._prompt_count(prompt, prompt_embeds)
        count = picture_count(prompts, num_images_per_prompt)
        owners = [each for each in range(prompts) for _ in range(num_images_per_prompt)]
        pictures = picture_lists(input_images, prompts)
        limits = (max_pixels, max_input_image_side_length)
        asked = Size(defaults.height if height is None else height, defaults.width if width is None else width)
        drawn = output_size(asked, max_pixels, self.size_step)
        if align_res and prompts == 1 and len(pictures[0]) == 1:
            drawn = asked = self._reference_size(pictures[0][0], *limits)

        noise = self.prepare_latents(count, *drawn, generator, latents)
        text = self._text_states(prompt, prompt_embeds, prompt_attention_mask, max_sequence_length, attention_kwargs)
        negative = None
        if guidance.needs_negative:
            found = self._text_states(
                negative_list(negative_prompt, prompts) if negative_prompt_embeds is None else None,
                negative_prompt_embeds,
                negative_prompt_attention_mask,
                max_sequence_length,
                attention_kwargs,
            )
            negative = found.select(owners if len(found.lengths) > 1 else [0] * count)
        references = ref_latents
        if references is None:
            references = [
                self.encode_references(
                    each,
                    max_pixels=max_pixels,
                    max_input_image_side_length=max_input_image_side_length,
                    generator=reference_generator,
                )
                for each in pictures
            ]
        elif len(references) != prompts:
            raise BadSetting(
                f"ref_latents has {len(references)} entries; give a list (or None) for each of {prompts} prompts"
            )
        denoised = self.denoise(
            noise,
            text.select(owners),
            negative,
            [references[owner] or () for owner in owners],
            guidance,
            num_inference_steps=num_inference_steps,
            timesteps=timesteps,
            attention_kwargs=attention_kwargs,
            callback_on_step_end=callback_on_step_end,
        )
        images = self.decode(denoised, asked, output_type)
        return OmniGen2PipelineOutput(images) if return_dict else (images,)

    def _prompt_count(self, prompt: str | Sequence[str] | None, embeds: EncodedPrompt | None) -> int:
        if embeds is not None:
            return len(embeds.lengths) if isinstance(embeds, TextStates) else embeds.size(0)
        if prompt is None:
            raise BadTask("neither prompt nor prompt_embeds was given; give an instruction")
        return len(prompt_list(prompt))

    def _text_states(
        self,
        prompt: str | Sequence[str] | None,
        embeds: EncodedPrompt | None,
        mask: torch.Tensor | None,
        max_sequence_length: int,
        attention_kwargs: dict[str, Any] | None,
    ) -> TextStates:
        if isinstance(embeds, TextStates):
            return embeds
        if embeds is None:
            embeds, mask = self.encode_prompt(prompt or "", max_sequence_length=max_sequence_length)
        device = self._execution_device
        moved = None if mask is None else mask.to(device)
        return self.transformer.encode_text(embeds.to(device), moved, attention_kwargs=attention_kwargs)

    def _reference_size(self, image: Image.Image, max_pixels: int, max_side_length: int) -> Size:
        return reference_size(Size(image.height, image.width), max_pixels, max_side_length, self.size_step)
