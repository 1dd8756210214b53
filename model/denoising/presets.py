"""Presets: faster at a small cost of accuracy. Only `quality` gives the numbers of the published program."""

from __future__ import annotations

import math
from dataclasses import dataclass
from types import MappingProxyType
from typing import TYPE_CHECKING, Literal

from omniagent.model.denoising.reuse.settings import RegionReuse
from omniagent.model.errors import setting_out_of_range

if TYPE_CHECKING:
    from omniagent.model.denoising.loop import Scheduler

PresetName = Literal["quality", "balanced", "fast", "edit"]


@dataclass(frozen=True, slots=True)
class Preset:
    """How much is left out. The guidance range is not touched: steps without guidance cost more than fewer steps.

    Attributes:
        name: As it is asked for.
        steps: Share of the checkpoint's default steps; a request that names its steps gets them.
        shift: Factor on the shift of the checkpoint's times where that puts steps near the noise (is above 1), which
            it stays; also for a request that names its steps.
        second_order: Steps by DPM-Solver++ instead of the checkpoint's sampler.
        half: On a CPU that multiplies bfloat16 natively, the transformer and the VAE in it, unless a number type is
            asked for; accelerators use it anyway. The MLLM, which judges too, keeps float32.
        reuse: How edits take from their source what does not change; pictures from words are not touched by it.
    """

    name: PresetName
    steps: float = 1.0
    shift: float = 1.0
    second_order: bool = False
    half: bool = False
    reuse: RegionReuse | None = None

    def step_count(self, default: int) -> int:
        """Steps of a request that leaves them open; at least 1."""
        return max(1, math.ceil(default * self.steps))

    def scheduler(self, own: Scheduler) -> Scheduler:
        """The sampler, with the checkpoint's shift of times."""
        from omniagent.model.denoising.schedulers import DPMSolverMultistepScheduler

        if not self.second_order or isinstance(own, DPMSolverMultistepScheduler):
            return own
        kept = ("num_train_timesteps", "dynamic_time_shift", "static_shift")
        return DPMSolverMultistepScheduler(**{name: own.config[name] for name in kept})

    def timesteps(self, own: Scheduler, steps: int, num_tokens: int) -> list[float] | None:
        """Start times of the steps, for latents of `num_tokens` pixels; None for the checkpoint's own."""
        from omniagent.model.denoising.schedulers import shift_of, time_grid

        config = own.config
        shift = shift_of(num_tokens, dynamic=config["dynamic_time_shift"], static_shift=config["static_shift"])
        if shift is None or shift <= 1 or self.shift == 1:
            return None
        return time_grid(steps, static_shift=max(1.0, shift * self.shift)).tolist()


PRESETS = MappingProxyType[str, Preset](
    {
        "quality": Preset("quality"),
        "balanced": Preset("balanced", steps=0.5, second_order=True, half=True),
        "fast": Preset("fast", steps=0.25, shift=0.6, second_order=True, half=True),
        "edit": Preset("edit", reuse=RegionReuse()),
    }
)


def preset_named(name: str) -> Preset:
    """The preset of that name.

    Raises:
        BadSetting: there is none.
    """
    if name not in PRESETS:
        raise setting_out_of_range("preset", name, ", ".join(PRESETS))
    return PRESETS[name]
