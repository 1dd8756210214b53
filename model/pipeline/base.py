"""What every OmniGen2 pipeline is made of, and its stages: text, references, noise, denoising, decoding.

Nothing of a request is kept on a pipeline, so one may serve several requests, and what its stages return may be cached.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any, Self, cast

import torch
from diffusers.models.autoencoders.autoencoder_kl import AutoencoderKL
from diffusers.pipelines.pipeline_utils import DiffusionPipeline
from PIL import Image
from transformers import Qwen2_5_VLForConditionalGeneration

from omniagent.model.checkpoint.folder import Parts, load_parts, save_parts
from omniagent.model.checkpoint.settings import FAMILY, Profiles
from omniagent.model.denoising.graphed import Twin
from omniagent.model.denoising.graphs import StepGraphs
from omniagent.model.denoising.guidance import Guidance
from omniagent.model.denoising.loop import Denoising, Scheduler, StepCallback, denoise
from omniagent.model.denoising.optimizations import Computation
from omniagent.model.denoising.reuse.memory import Source
from omniagent.model.denoising.reuse.settings import RegionReuse
from omniagent.model.denoising.step_cache import StepCache
from omniagent.model.errors import BadSetting
from omniagent.model.limits import MAX_SIDE
from omniagent.model.mllm.processor import LightProcessor
from omniagent.model.mllm.prompts import DRAW_SYSTEM_PROMPT, MAX_TEXT_TOKENS, PromptEmbeds, embed_prompts
from omniagent.model.network.lora import Loras
from omniagent.model.network.text_states import TextStates
from omniagent.model.network.transformer import OmniGen2Transformer2DModel
from omniagent.model.pictures import (
    DEFAULT_MAX_PIXELS,
    DEFAULT_MAX_SIDE_LENGTH,
    SIDE_STEP,
    OutputType,
    Pictures,
    Size,
    postprocess,
    preprocess,
    reference_size,
    stretch,
)
from omniagent.model.pipeline.inputs import check_generator, picture_list, prompt_list, whole_number
from omniagent.model.pipeline.vae import Generators, decode_latents, draw_noise, encode_picture
from omniagent.model.profile import GeneratorProfile


class PipelineBase(DiffusionPipeline):
    """The parts of a checkpoint, and the stages of drawing with them.

    Args:
        transformer: The diffusion transformer.
        vae: Between pictures and latents.
        scheduler: The sampler; each call works on its own copy.
        mllm: Qwen2.5-VL; its text half reads the prompts.
        processor: Holds the tokenizer.
        profiles: How the checkpoint wants to be used; None means the published one's.

    Attributes:
        profiles: As given; they are saved with the pipeline.
        computation: How numbers are computed unless a call says otherwise.
        graphs: Steps that were recorded.
        loras: The transformer's LoRA adapters. Texts that were refined before a change of theirs are out of date.
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
        profiles: Profiles | None = None,
    ) -> None:
        super().__init__()
        self.register_modules(transformer=transformer, vae=vae, scheduler=scheduler, mllm=mllm, processor=processor)
        self.profiles = profiles or FAMILY
        self.computation = Computation()
        self.loras = Loras(transformer)
        self.graphs = StepGraphs[Twin]()
        self.vae_scale_factor: int = 2 ** (len(vae.config["block_out_channels"]) - 1)

    @classmethod
    def from_pretrained(  # pyright: ignore[reportIncompatibleMethodOverride]
        cls,
        pretrained_model_name_or_path: str | Path,
        *,
        device: torch.device | str | None = None,
        **settings: Any,
    ) -> Self:
        """Load a folder or hub name.

        Args:
            pretrained_model_name_or_path: A folder, or a hub name such as `OmniGen2/OmniGen2`.
            device: Where to put the weights; None leaves them on the CPU.
            **settings: As of `omniagent.model.checkpoint.folder.load_parts`, whose errors this raises.
        """
        where = torch.device(device or "cpu")
        parts = load_parts(pretrained_model_name_or_path, on_cpu=where.type == "cpu", **settings)
        pipeline = cls(**parts.components, profiles=parts.profiles)
        return pipeline if where.type == "cpu" else pipeline.to(where)

    def save_pretrained(  # pyright: ignore[reportIncompatibleMethodOverride]
        self, save_directory: str | Path, **settings: Any
    ) -> None:
        """Write the published layout; settings and errors as of `omniagent.model.checkpoint.folder.save_parts`."""
        names = ("transformer", "vae", "scheduler", "mllm", "processor")
        save_parts(Parts({name: getattr(self, name) for name in names}, self.profiles), save_directory, **settings)

    @property
    def defaults(self) -> GeneratorProfile:
        """What a call may leave open: the generator's half of `profiles`."""
        return self.profiles.generator

    @property
    def computes_on(self) -> torch.device:
        """The device that numbers are computed on, also while weights lie elsewhere."""
        at = next(self.transformer.parameters()).device
        # On the CPU weights wait for an accelerator or for nothing. Only then must diffusers look for hooks in every
        # module, which costs a small checkpoint some percent of its pictures' time.
        resting = at.type == "meta" or (at.type == "cpu" and torch.accelerator.is_available())
        return torch.device(self._execution_device) if resting else at

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
            BadTask: a prompt is not text.
            BadSetting: `max_sequence_length` is not within 1 to 1024.
        """
        prompts = prompt_list(prompt)
        length = whole_number("max_sequence_length", max_sequence_length, 1, MAX_TEXT_TOKENS, " of tokens")
        return embed_prompts(self.mllm, self.processor.tokenizer, prompts, system=system, max_sequence_length=length)

    def refine_text(
        self,
        embeds: PromptEmbeds,
        computation: Computation | None = None,
        attention_kwargs: dict[str, Any] | None = None,
    ) -> TextStates:
        """Text states as the joint layers take them; kept for refining again where that is not done once a prompt."""
        device = self.computes_on
        states, mask = embeds.embeds.to(device), None if embeds.mask is None else embeds.mask.to(device)
        text = self.transformer.encode_text(states, mask, attention_kwargs=attention_kwargs)
        if (computation or self.computation).cached_text:
            return text
        return text._replace(source=states[:, : max(text.lengths)])

    @torch.no_grad()
    def encode_references(
        self,
        images: Image.Image | Sequence[Image.Image],
        *,
        max_pixels: int = DEFAULT_MAX_PIXELS,
        max_input_image_side_length: int = DEFAULT_MAX_SIDE_LENGTH,
        generator: torch.Generator | None = None,
    ) -> list[torch.Tensor]:
        """Normalised latents (C, h, w), float32, of reference pictures.

        Args:
            images: A picture, or several of any sizes.
            max_pixels: Larger pictures are shrunk to this many pixels.
            max_input_image_side_length: And to this length of their longer side.
            generator: Draws from the VAE's posterior, picture by picture; None takes its mode, so that the same
                picture always gives the same latent.

        Raises:
            BadImage: a picture is none, too small or too narrow.
            BadSetting: a limit lies outside its range, or the generator is none.
        """
        check_generator("generator", generator, several=False)
        pictures = picture_list(images)
        sizes = [self.reference_size_of(image, max_pixels, max_input_image_side_length) for image in pictures]
        pixels = [preprocess(image, size) for image, size in zip(pictures, sizes, strict=True)]
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
            BadSetting: shapes or numbers don't match.
        """
        check_generator("generator", generator, several=True)
        shape = (count, self.transformer.in_channels, height // self.vae_scale_factor, width // self.vae_scale_factor)
        device = self.computes_on
        if latents is None:
            return draw_noise(*shape, generator, device)
        given = cast("object", latents)
        if not isinstance(given, torch.Tensor) or given.shape != shape:
            found = f"shape {tuple(given.shape)}" if isinstance(given, torch.Tensor) else f"type {type(given).__name__}"
            raise BadSetting(f"latents have {found}; give a tensor {shape} for {height}x{width} pixels")
        return latents.to(device, torch.float32)

    def start(
        self,
        latents: torch.Tensor,
        text: TextStates,
        negative: TextStates | None,
        references: Sequence[Sequence[torch.Tensor]],
        guidance: Guidance,
        *,
        num_inference_steps: int | None = None,
        timesteps: Sequence[float] | None = None,
        scheduler: Scheduler | None = None,
        computation: Computation | None = None,
        step_cache: StepCache | None = None,
        attention_kwargs: dict[str, Any] | None = None,
        reuse: RegionReuse | None = None,
        sources: Sequence[Source] | None = None,
    ) -> Denoising:
        """A batch ready for its first step; arguments and errors as in `.sampling.Denoising`.

        `num_inference_steps` or own `timesteps`, rising within [0, 1), set the schedule of a copy of `scheduler`
        (None means the checkpoint's).
        """
        own = (scheduler or self.scheduler).copy()
        own.set_timesteps(
            self.defaults.steps if num_inference_steps is None else num_inference_steps,
            latents.device,
            timesteps,
            latents.size(-2) * latents.size(-1),
        )
        return Denoising(
            self.transformer,
            own,
            latents,
            text,
            negative,
            references,
            guidance,
            computation=computation or self.computation,
            cache=step_cache,
            attention_kwargs=attention_kwargs,
            reuse=reuse,
            sources=sources,
            graphs=self.graphs,
        )

    def finish(self, denoising: Denoising, callback: StepCallback | None = None) -> torch.Tensor:
        """Make all steps, with a progress bar; latents (B, C, h, w) of the pictures.

        Raises:
            Cancelled: the callback returned False.
        """
        whole: Any = self
        with whole.progress_bar(total=denoising.steps) as bar:

            def on_step(step: int, steps: int, now: torch.Tensor) -> bool | None:
                bar.update()
                return None if callback is None else callback(step, steps, now)

            return denoise(denoising, on_step)

    @torch.no_grad()
    def decode(self, latents: torch.Tensor, size: Size | None = None, output_type: OutputType = "pil") -> Pictures:
        """Pictures of normalised latents (B, C, h, w), stretched to `size` if they have another.

        Raises:
            GenerationFailed: the latents are not finite numbers.
        """
        if output_type == "latent":
            return latents
        pictures = decode_latents(self.vae, latents)
        return postprocess(pictures if size is None else stretch(pictures, size), output_type)

    def reference_size_of(self, image: Image.Image, max_pixels: int, max_side_length: int) -> Size:
        """Size at which a reference is read; errors as in `.image_processor.reference_size`."""
        pixels = whole_number("max_pixels", max_pixels, SIDE_STEP**2, MAX_SIDE**2)
        side = whole_number("max_input_image_side_length", max_side_length, SIDE_STEP, MAX_SIDE)
        return reference_size(Size(image.height, image.width), pixels, side, self.size_step)
