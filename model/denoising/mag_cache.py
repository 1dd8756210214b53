"""Leaving out joint layers where their output changes in length alone, by as much as was measured before: MagCache."""

from __future__ import annotations

import math
from collections.abc import Hashable, Mapping, Sequence
from dataclasses import dataclass, field

import torch

from omniagent.model.denoising.guidance import Branch, Pass
from omniagent.model.denoising.step_cache import Inputs, StepMemory
from omniagent.model.errors import BadSetting, setting_out_of_range
from omniagent.model.limits import is_number, is_whole

Curves = Mapping[Pass, Sequence[float]]
"""For each pass of guidance, and each step of a schedule, how long what the joint layers add is, as a multiple of the
step before; 1 of the first step. Curves of edits are others than those of pictures from words."""


@dataclass(frozen=True, slots=True)
class MagCache:
    """Leaves steps out while the lengths measured before promise a small error.

    Source: arXiv 2506.09045, sections Accurate Error Modeling and Adaptive Caching.

    Each pass of guidance has a curve of its own, and each picture under each pass an error of its own.

    Attributes:
        curves: As `Magnitudes` measured them of a few pictures of the same kind; schedules of other lengths take the
            nearest step.
        threshold: Summed error, from 0, up to which steps are left out; 0 leaves nothing out.
        most: Steps left out in a row at most; at least 1.
        first: Share of the steps at the start that are made in full, 0 to 1.
    """

    curves: Curves
    threshold: float = 0.05
    most: int = 3
    first: float = 0.2

    def __post_init__(self) -> None:
        for name, value, good, rule in (
            ("threshold", self.threshold, is_number(self.threshold, 0), "a number from 0"),
            ("most", self.most, is_whole(self.most, 1), "a whole number from 1"),
            ("first", self.first, is_number(self.first, 0, 1), "a number from 0 to 1"),
        ):
            if not good:
                raise setting_out_of_range(f"magcache {name}", value, rule)
        if not self.curves or not all(self.curves.values()):
            raise BadSetting("magcache has no curves; measure some with Magnitudes")

    def start(self, steps: int) -> StepMemory:
        """A memory for a request of `steps` steps."""
        return _MagMemory(self, steps)


@dataclass(slots=True)
class _Error:
    length: float = 1.0
    total: float = 0.0
    skipped: int = 0
    residual: torch.Tensor | None = None


class _MagMemory(StepMemory):
    def __init__(self, settings: MagCache, steps: int) -> None:
        self._settings, self._steps = settings, steps
        self._errors: dict[Hashable, _Error] = {}

    def due(self, step: int, branches: Sequence[Branch], inputs: Inputs) -> list[bool]:
        return [self._due(step, branch) for branch in branches]

    def store(self, branch: Branch, before: torch.Tensor, after: torch.Tensor) -> None:
        self._errors[branch].residual = after - before

    def recall(self, branch: Branch, before: torch.Tensor) -> torch.Tensor:
        residual = self._errors[branch].residual
        assert residual is not None
        return before + residual

    def _due(self, step: int, branch: Branch) -> bool:
        settings, error = self._settings, self._errors.setdefault(branch, _Error())
        if error.residual is None or step < math.ceil(settings.first * self._steps):
            return True
        error.length *= self._ratio(step, branch.guidance)
        error.total += abs(1 - error.length)
        error.skipped += 1
        if error.total <= settings.threshold and error.skipped <= settings.most and settings.threshold:
            return False
        error.length, error.total, error.skipped = 1.0, 0.0, 0
        return True

    def _ratio(self, step: int, guidance: Pass) -> float:
        curve = self._settings.curves.get(guidance)
        if curve is None:
            raise BadSetting(f"magcache has no curve for {guidance}; measure it with Magnitudes")
        return curve[round(step * (len(curve) - 1) / max(1, self._steps - 1))]


@dataclass(slots=True)
class Magnitudes:
    """A step cache that leaves nothing out and measures curves for `MagCache`, over all pictures drawn with it."""

    _lengths: dict[Pass, dict[int, list[float]]] = field(default_factory=dict[Pass, dict[int, list[float]]])

    @property
    def curves(self) -> Curves:
        """The mean of what was measured."""
        return {
            guidance: (1.0, *(sum(each) / len(each) for _, each in sorted(steps.items())))
            for guidance, steps in self._lengths.items()
        }

    def start(self, steps: int) -> StepMemory:
        """A memory for a request."""
        return _Measuring(self._lengths)


class _Measuring(StepMemory):
    def __init__(self, lengths: dict[Pass, dict[int, list[float]]]) -> None:
        self._lengths, self._step = lengths, 0
        self._before: dict[Hashable, torch.Tensor] = {}

    def due(self, step: int, branches: Sequence[Branch], inputs: Inputs) -> list[bool]:
        self._step = step
        return [True] * len(branches)

    def store(self, branch: Branch, before: torch.Tensor, after: torch.Tensor) -> None:
        length = (after - before).float().norm(dim=-1)
        if branch in self._before:
            steps = self._lengths.setdefault(branch.guidance, {})
            steps.setdefault(self._step, []).append(float((length / self._before[branch]).mean()))
        self._before[branch] = length

    def recall(self, branch: Branch, before: torch.Tensor) -> torch.Tensor:
        raise AssertionError("nothing is left out")
