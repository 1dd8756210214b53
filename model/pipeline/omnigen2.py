"""OmniGen2's pipeline: text to image, instruction edits and in-context drawing with up to five reference pictures.

The results of `encode_prompt`, `encode_references` and `transformer.encode_text` may be cached and given back.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import torch
from diffusers.utils.outputs import BaseOutput

from omniagent.model.denoising.loop import StepCallback
from omniagent.model.denoising.optimizations import Computation
from omniagent.model.denoising.reuse.memory import Source, check_reuse
from omniagent.model.denoising.reuse.settings import RegionReuse
from omniagent.model.denoising.step_cache import StepCache
from omniagent.model.errors import BadSetting, BadTask
from omniagent.model.limits import MAX_SIDE, MAX_STEPS, Part
from omniagent.model.mllm.prompts import MAX_TEXT_TOKENS, PromptEmbeds
from omniagent.model.network.text_states import TextStates
from omniagent.model.pictures import (
    DEFAULT_MAX_PIXELS,
    DEFAULT_MAX_SIDE_LENGTH,
    SIDE_STEP,
    OutputType,
    Pictures,
    Size,
    output_size,
)
from omniagent.model.pipeline.base import PipelineBase
from omniagent.model.pipeline.inputs import (
    InputImages,
    check_generator,
    check_states,
    guidance_of,
    latent_lists,
    negative_list,
    picture_count,
    picture_lists,
    prompt_list,
    whole_number,
)
from omniagent.model.pipeline.vae import Generators
from omniagent.model.wording import shown

EncodedPrompt = torch.Tensor | TextStates
ReferenceLatents = Sequence[Sequence[torch.Tensor] | None]


@dataclass
class OmniGen2PipelineOutput(BaseOutput):
    """The pictures of one call, prompt by prompt: a list of PIL pictures, an array, a tensor, or latents."""

    images: Pictures


class OmniGen2Pipeline(PipelineBase):
    """Draws and edits pictures; arguments as in `PipelineBase`."""

    @torch.no_grad()
    def __call__(
        self,
        prompt: str | Sequence[str] | None = None,
        negative_prompt: str | Sequence[str] | None = None,
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
        computation: Computation | None = None,
        step_cache: StepCache | None = None,
        reuse: RegionReuse | None = None,
        region: Part | None = None,
        callback_on_step_end: StepCallback | None = None,
        output_type: OutputType = "pil",
        return_dict: bool = True,
    ) -> OmniGen2PipelineOutput | tuple[Pictures]:
        """Draw `num_images_per_prompt` pictures for each prompt, all of one size, prompt by prompt.

        Args:
            prompt: One instruction or several; not needed with `prompt_embeds`.
            negative_prompt: What to keep away from; one for all, or one for each prompt; None means nothing named.
            prompt_embeds: (P, L, text_feat_dim) states from `encode_prompt`, or what the transformer's
                `encode_text` made of them.
            prompt_attention_mask: (P, L) mask of `prompt_embeds`.
            negative_prompt_embeds: The same for the negative prompts; one for all, or one for each prompt.
            negative_prompt_attention_mask: Their mask.
            input_images: A picture or up to five for the only prompt, or a list (or None) for each prompt.
            ref_latents: What `encode_references` made of them, a list (or None) for each prompt.
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
            attention_kwargs: `scale` is the strength of loaded LoRA layers.
            computation: How the numbers are computed; None means as `self.computation` says.
            step_cache: TeaCache, TaylorSeer or MagCache, which leave joint layers out at some steps; not exact.
            reuse: Edits take from their source what does not change; not exact.
            region: With `reuse`, left, top, right and bottom of what changes, as shares of the sides of each prompt's
                first input picture, which each must have; None finds it.
            callback_on_step_end: Called with (steps done, steps in all, latents); returning False stops.
            output_type: `pil`, `np` (B, H, W, 3) or `pt` (B, 3, H, W) in [0, 1], or `latent`.
            return_dict: False returns a plain tuple.

        Raises:
            BadSetting: a number lies outside its range, shapes don't match, or settings exclude each other.
            BadTask: a prompt is not text.
            BadImage: an input picture is none, or too small.
            Cancelled: the callback returned False.
            GenerationFailed: the model produced no finite numbers.
        """
        defaults, how = self.defaults, computation or self.computation
        guidance = guidance_of(defaults, text_guidance_scale, image_guidance_scale, cfg_range)
        if num_inference_steps is not None:
            num_inference_steps = whole_number("num_inference_steps", num_inference_steps, 1, MAX_STEPS)
        whole_number("max_sequence_length", max_sequence_length, 1, MAX_TEXT_TOKENS, " of tokens")
        check_generator("reference_generator", reference_generator, several=False)
        check_states("prompt_embeds", prompt_embeds, prompt_attention_mask)
        check_states("negative_prompt_embeds", negative_prompt_embeds, negative_prompt_attention_mask)
        if output_type not in ("pil", "np", "pt", "latent"):
            raise BadSetting(f"output_type={shown(output_type)} is not allowed; give 'pil', 'np', 'pt' or 'latent'")
        prompts = self._prompt_count(prompt, prompt_embeds)
        count = picture_count(prompts, num_images_per_prompt)
        owners = [each for each in range(prompts) for _ in range(num_images_per_prompt)]
        pictures = picture_lists(input_images, prompts)
        negatives = negative_list(negative_prompt, prompts)
        references = None if ref_latents is None else latent_lists(ref_latents, prompts)
        check_reuse(reuse, step_cache, [region] * prompts, [len(each) for each in references or pictures])
        max_pixels = whole_number("max_pixels", max_pixels, SIDE_STEP**2, MAX_SIDE**2)
        limits = (max_pixels, max_input_image_side_length)
        asked = Size(
            *(
                setting if given is None else whole_number(name, given, SIDE_STEP, MAX_SIDE, " of pixels")
                for name, given, setting in (("height", height, defaults.height), ("width", width, defaults.width))
            )
        )
        drawn = output_size(asked, max_pixels, self.size_step)
        if align_res and prompts == 1 and len(pictures[0]) == 1:
            drawn = asked = self.reference_size_of(pictures[0][0], *limits)

        noise = self.prepare_latents(count, *drawn, generator, latents)
        text = self._text_states(
            prompt, prompt_embeds, prompt_attention_mask, max_sequence_length, how, attention_kwargs
        )
        negative = None
        if guidance.needs_negative:
            found = self._text_states(
                negatives if negative_prompt_embeds is None else None,
                negative_prompt_embeds,
                negative_prompt_attention_mask,
                max_sequence_length,
                how,
                attention_kwargs,
            )
            if len(found.lengths) not in (1, prompts):
                raise BadSetting(
                    f"{len(found.lengths)} negative prompts were given for {prompts} prompts; give one, or one for each"
                )
            negative = found.select(owners if len(found.lengths) > 1 else [0] * count)
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
        denoising = self.start(
            noise,
            text.select(owners),
            negative,
            [references[owner] for owner in owners],
            guidance,
            num_inference_steps=num_inference_steps,
            timesteps=timesteps,
            computation=how,
            step_cache=step_cache,
            attention_kwargs=attention_kwargs,
            reuse=reuse,
            sources=None if region is None else [Source(region)] * count,
        )
        images = self.decode(self.finish(denoising, callback_on_step_end), asked, output_type)
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
        computation: Computation,
        attention_kwargs: dict[str, Any] | None,
    ) -> TextStates:
        if isinstance(embeds, TextStates):
            return embeds
        if embeds is None:
            embeds, mask = self.encode_prompt(prompt or "", max_sequence_length=max_sequence_length)
        return self.refine_text(PromptEmbeds(embeds, mask), computation, attention_kwargs)
