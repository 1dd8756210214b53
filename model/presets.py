"""Named trades of likeness for time. Only `quality` gives the numbers of the published programme."""

from __future__ import annotations

from dataclasses import dataclass
from types import MappingProxyType
from typing import TYPE_CHECKING, Literal

from omniagent.model.errors import setting_out_of_range

if TYPE_CHECKING:
    from omniagent.model.sampling import Scheduler
    from omniagent.model.step_memory import StepCache

PresetName = Literal["quality", "balanced", "fast"]


@dataclass(frozen=True, slots=True)
class Preset:
    """How much is left out.

    Attributes:
        name: As it is asked for.
        steps: Share of the checkpoint's default steps; a request that names its steps gets them.
        guided: Guidance acts up to this part of the steps, unless a request names its range or the checkpoint's ends
            earlier.
        every: After its first steps, the joint layers run once in so many, and TaylorSeer fills in; 1 runs them always.
            No preset uses it now: on the bundled checkpoint fewer steps cost fewer right pictures for the same time.
        second_order: Steps by DPM-Solver++ instead of the checkpoint's sampler.
        half: On a CPU that multiplies bfloat16 natively, the transformer and the VAE in it, unless a number type is
            asked for; accelerators use it anyway. The MLLM, which judges too, keeps float32.
    """

    name: PresetName
    steps: float = 1.0
    guided: float = 1.0
    every: int = 1
    second_order: bool = False
    half: bool = False

    def step_count(self, default: int) -> int:
        """Steps of a request that leaves them open; at least 1."""
        return max(1, round(default * self.steps))

    def cfg_range(self, default: tuple[float, float]) -> tuple[float, float]:
        """Guidance range of a request that leaves it open."""
        start, end = default
        return start, max(start, min(end, self.guided))

    def cache(self) -> StepCache | None:
        """What leaves joint layers out; None for nothing."""
        from omniagent.model.step_memory import TaylorSeer

        return None if self.every == 1 else TaylorSeer(first=3, every=self.every, order=1)

    def scheduler(self, own: Scheduler) -> Scheduler:
        """The sampler, with the checkpoint's shift of times."""
        from omniagent.model.schedulers import DPMSolverMultistepScheduler

        if not self.second_order or isinstance(own, DPMSolverMultistepScheduler):
            return own
        kept = ("num_train_timesteps", "dynamic_time_shift", "static_shift")
        return DPMSolverMultistepScheduler(**{name: own.config[name] for name in kept})


PRESETS = MappingProxyType[str, Preset](
    {
        "quality": Preset("quality"),
        "balanced": Preset("balanced", steps=0.65, guided=0.8, second_order=True, half=True),
        "fast": Preset("fast", steps=0.3, guided=0.5, second_order=True, half=True),
    }
)


def preset_named(name: str) -> Preset:
    """The preset of that name.

    Raises:
        BadSetting: There is none.
    """
    if name not in PRESETS:
        raise setting_out_of_range("preset", name, ", ".join(PRESETS))
    return PRESETS[name]
