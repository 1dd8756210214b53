"""The denoising loop: from noise to latents of pictures."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Any

import torch

from .errors import BadSetting, Cancelled
from .guidance import Guidance, Pass
from .schedulers import DPMSolverMultistepScheduler, FlowMatchEulerDiscreteScheduler
from .transformer import OmniGen2Transformer2DModel, TextStates

StepCallback = Callable[[int, int, torch.Tensor], bool | None]
"""Called after each step with (steps done, steps in all, latents (B, C, h, w)); returning False stops the request."""

Scheduler = FlowMatchEulerDiscreteScheduler | DPMSolverMultistepScheduler


@torch.no_grad()
def denoise(
    transformer: OmniGen2Transformer2DModel,
    scheduler: Scheduler,
    latents: torch.Tensor,
    text: TextStates,
    negative: TextStates | None,
    references: Sequence[Sequence[torch.Tensor]],
    guidance: Guidance,
    *,
    attention_kwargs: dict[str, Any] | None = None,
    callback: StepCallback | None = None,
) -> torch.Tensor:
    """Turn noise into latents; text, negative and references have one entry for each of B pictures.

    Args:
        transformer: Predicts velocities.
        scheduler: Of this request alone, its time steps planned.
        latents: (B, C, h, w) noise.
        text: Encoded prompts.
        negative: Encoded negative prompts; needed where ``guidance.needs_negative``.
        references: Reference latents (C, h, w) of each picture.
        guidance: How strongly text and references steer.
        attention_kwargs: ``scale`` is the strength of loaded LoRA layers.
        callback: Told of each step; returning False stops.

    Raises:
        Cancelled: The callback returned False.
        BadSetting: Numbers or shapes don't fit.
    """
    steps = len(scheduler.timesteps)
    schedule = [guidance.passes(step, steps, has_references=any(references)) for step in range(steps)]
    plans = _plans(transformer, latents, text, negative, references, {each for passes in schedule for each in passes})
    for step, (time, passes) in enumerate(zip(scheduler.timesteps, schedule, strict=True)):
        times = time.expand(latents.size(0))
        velocities = tuple(
            transformer(latents, times, **plans[each], attention_kwargs=attention_kwargs, return_dict=False)[0]
            for each in passes
        )
        latents = scheduler.step(guidance.combine(velocities), time, latents).prev_sample
        if callback is not None and callback(step + 1, steps, latents) is False:
            raise Cancelled(f"drawing was stopped after step {step + 1} of {steps}")
    return latents


def _plans(
    transformer: OmniGen2Transformer2DModel,
    latents: torch.Tensor,
    text: TextStates,
    negative: TextStates | None,
    references: Sequence[Sequence[torch.Tensor]],
    passes: Iterable[Pass],
) -> dict[Pass, dict[str, Any]]:
    """What the transformer is given in each kind of pass besides latents and time: the same in all steps."""
    moved = [[each.to(latents.device, transformer.dtype) for each in pictures] for pictures in references]
    sizes = [_size(latent) for latent in latents]
    reference_sizes = [[_size(each) for each in pictures] for pictures in references]
    plans: dict[Pass, dict[str, Any]] = {}
    for each in passes:
        states = text if each.positive else negative
        if states is None:
            raise BadSetting('text guidance is on but no negative prompt was given; give one, "" for an empty one')
        plans[each] = {
            "text_hidden_states": states,
            "ref_image_hidden_states": moved if each.references else None,
            "layout": transformer.plan(
                states.lengths, sizes, reference_sizes if each.references else None, latents.device
            ),
        }
    return plans


def _size(latent: torch.Tensor) -> tuple[int, int]:
    return latent.size(-2), latent.size(-1)
