"""The denoising loop: from noise to latents of pictures."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import torch

from omniagent.model.denoising.graphed import GraphedField, Twin
from omniagent.model.denoising.graphs import StepGraphs
from omniagent.model.denoising.guidance import Guidance, Pass
from omniagent.model.denoising.mag_cache import MagCache
from omniagent.model.denoising.optimizations import Computation
from omniagent.model.denoising.reuse.memory import RegionMemory, Source, check_reuse
from omniagent.model.denoising.reuse.settings import RegionReuse
from omniagent.model.denoising.reuse.step import ReusingField
from omniagent.model.denoising.schedulers import DPMSolverMultistepScheduler, FlowMatchEulerDiscreteScheduler
from omniagent.model.denoising.step import VelocityField
from omniagent.model.denoising.step_cache import StepCache
from omniagent.model.errors import Cancelled
from omniagent.model.network.cpu_linear import least_rows
from omniagent.model.network.text_states import TextStates
from omniagent.model.network.transformer import OmniGen2Transformer2DModel

StepCallback = Callable[[int, int, torch.Tensor], bool | None]
"""Called after each step with (steps done, steps in all, latents (B, C, h, w)); returning False stops the request."""

Scheduler = FlowMatchEulerDiscreteScheduler | DPMSolverMultistepScheduler


class Denoising:
    """A batch of pictures on its way from noise, one step at a time.

    Args:
        transformer: Predicts velocities.
        scheduler: Of this batch alone, its time steps planned.
        latents: (B, C, h, w) noise.
        text: Encoded prompts, one for each picture.
        negative: Encoded negative prompts; needed where `guidance.needs_negative`.
        references: Reference latents (C, h, w) of each picture.
        guidance: How strongly text and references steer.
        computation: How the numbers are computed; None means with all remedies.
        cache: Leaves joint layers out at some steps.
        attention_kwargs: `scale` is the strength of loaded LoRA layers.
        reuse: Edits take from their source what does not change; pictures without references are drawn exactly.
        sources: What is known of each picture's source; None: nothing.
        graphs: Recorded steps of this transformer; None: of this batch alone.

    Attributes:
        latents: (B, C, h, w) as they stand.
        done: Steps made so far.
        steps: Steps in all.

    Raises:
        BadSetting: numbers or shapes don't fit.
    """

    @torch.no_grad()
    def __init__(
        self,
        transformer: OmniGen2Transformer2DModel,
        scheduler: Scheduler,
        latents: torch.Tensor,
        text: TextStates,
        negative: TextStates | None,
        references: Sequence[Sequence[torch.Tensor]],
        guidance: Guidance,
        *,
        computation: Computation | None = None,
        cache: StepCache | None = None,
        attention_kwargs: dict[str, Any] | None = None,
        reuse: RegionReuse | None = None,
        sources: Sequence[Source] | None = None,
        graphs: StepGraphs[Twin] | None = None,
    ) -> None:
        transformer.check_latents(list(latents))
        self.latents, self.done, self.steps = latents, 0, len(scheduler.timesteps)
        self._scheduler, self._guidance = scheduler, guidance
        self._last: tuple[torch.Tensor, torch.Tensor, float] | None = None
        self._has_references = any(references)
        if isinstance(cache, MagCache):
            cache.check(each for step in range(self.steps) for each in self._passes(step))
        self._reuse: RegionMemory | None = None
        check_reuse(reuse, cache)
        if reuse is not None and self._has_references:
            transformer.grid((latents.size(-2), latents.size(-1)))
            # Fewer rows would be multiplied in another order, and a picture depend on those drawn with it.
            least = least_rows(transformer, laid_out=(computation or Computation()).laid_out)
            self._reuse = RegionMemory(reuse, self.steps, latents, transformer.patch_size, references, sources, least)
        size = latents.size(-2), latents.size(-1)
        parts = transformer, scheduler.timesteps, size, text, negative, references
        how: dict[str, Any] = {"computation": computation, "cache": cache, "attention_kwargs": attention_kwargs}
        if self._reuse is None and cache is None and (computation or Computation()).graphed:
            self._field: VelocityField = GraphedField(*parts, **how, graphs=graphs or StepGraphs())
        else:
            self._field = ReusingField(*parts, **how)

    @torch.no_grad()
    def step(self) -> torch.Tensor:
        """Make the next step; the latents after it."""
        passes = self._passes(self.done)
        # The time as a number that the host knows already: reading it off the device would wait for the step before.
        time = self._scheduler.times[self.done]
        if self._reuse is None:
            velocity = self._guidance.combine(self._field.at(self.done, self.latents, passes))
        else:
            assert isinstance(self._field, ReusingField)
            works = self._reuse.plan(self.done, passes)
            velocity = self._guidance.combine(self._field.partly(self.done, self.latents, passes, works))
            velocity = self._reuse.complete(self.done, time, self.latents, velocity)
        self._last = self.latents, velocity, time
        self.latents = self._scheduler.step(velocity, time, self.latents).prev_sample
        self.done += 1
        return self.latents

    @property
    def token_layers(self) -> int:
        """Tokens that went through a block so far, each counted once a block: the work that was done."""
        return self._field.token_layers

    @property
    def key_bytes(self) -> int:
        """Bytes of keys and values that are kept for later steps."""
        return self._field.key_bytes if isinstance(self._field, ReusingField) else 0

    @property
    def unrecorded(self) -> str | None:
        """Why steps are not recorded as graphs; None where they are, as far as the tokens of a step allow it."""
        return (
            self._field.refusal if isinstance(self._field, GraphedField) else "graphed is off, or steps leave out parts"
        )

    @property
    def regions(self) -> list[torch.Tensor | None]:
        """The tokens (k,) that change of each picture, or did when its reuse ended.

        None of one that was drawn exactly throughout, or of which they are not known yet.
        """
        return [None] * len(self.latents) if self._reuse is None else self._reuse.regions

    @property
    def ended(self) -> list[bool]:
        """Whether each picture reused its source and was drawn in full from some step on."""
        return [False] * len(self.latents) if self._reuse is None else self._reuse.ended

    @property
    def foreseen(self) -> torch.Tensor:
        """The latents (B, C, h, w) at which the last step's velocity would end: what the pictures look like so far."""
        if self._last is None:
            return self.latents
        latents, velocity, time = self._last
        return latents + (1.0 - time) * velocity.to(latents.dtype)

    def keep(self, rows: Sequence[int]) -> None:
        """Go on with the pictures in `rows` alone; they come out as they would have with the others."""
        chosen = list(rows)
        self.latents = self.latents[chosen]
        if self._last is not None:
            before, velocity, time = self._last
            self._last = before[chosen], velocity[chosen], time
        self._scheduler.keep(chosen)
        self._field.keep(chosen)
        if self._reuse is not None:
            self._reuse.keep(chosen)

    def _passes(self, step: int) -> tuple[Pass, ...]:
        return self._guidance.passes(step, self.steps, has_references=self._has_references)


def denoise(denoising: Denoising, callback: StepCallback | None = None) -> torch.Tensor:
    """Make all steps; the latents (B, C, h, w) at the end.

    Raises:
        Cancelled: the callback returned False.
        BadSetting: a text or picture is too large for the network.
    """
    while denoising.done < denoising.steps:
        latents = denoising.step()
        if callback is not None and callback(denoising.done, denoising.steps, latents) is False:
            raise Cancelled(f"drawing was stopped after step {denoising.done} of {denoising.steps}")
    return denoising.latents
