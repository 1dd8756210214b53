"""Leaving out joint layers where their output changes in length alone, by as much as was measured before: MagCache."""

from __future__ import annotations

import math
from collections.abc import Hashable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field

import torch

from omniagent.model.denoising.guidance import Branch, Pass
from omniagent.model.denoising.step_cache import Inputs, StepMemory
from omniagent.model.errors import BadSetting, setting_out_of_range
from omniagent.model.limits import is_number, is_whole

Curves = Mapping[Pass, Sequence[float]]
"""For each pass of guidance, and each step of a schedule, how long what the joint layers add is, as a multiple of the
step before; 1 of the first step, NaN where that is not known, as the pass is not evaluated there or was not before. All
have the same length. Curves of edits are others than those of pictures from words."""


@dataclass(frozen=True, slots=True)
class MagCache:
    """Leaves steps out while the lengths measured before promise a small error.

    Source: arXiv 2506.09045, sections Accurate Error Modeling and Adaptive Caching.

    Each pass of guidance has a curve of its own, and each picture under each pass an error of its own.

    Attributes:
        curves: As `Magnitudes` measured them of a few pictures of the same kind; schedules of other lengths take the
            nearest step. Steps without a length are made in full.
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
        lengths = {len(each) for each in self.curves.values()}
        if len(lengths) > 1:
            raise BadSetting(f"curves of magcache have {sorted(lengths)} steps; give all with as many, NaN for gaps")

    def check(self, passes: Iterable[Pass]) -> None:
        """Return if there is a curve for each of some passes of guidance.

        Raises:
            BadSetting: there is none for one.
        """
        for each in passes:
            if each not in self.curves:
                raise BadSetting(f"magcache has no curve for {each}; measure it with Magnitudes")

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
        ratio = self._ratio(step, branch.guidance)
        if error.residual is None or step < math.ceil(settings.first * self._steps) or math.isnan(ratio):
            error.length, error.total, error.skipped = 1.0, 0.0, 0
            return True
        error.length *= ratio
        error.total += abs(1 - error.length)
        error.skipped += 1
        if error.total <= settings.threshold and error.skipped <= settings.most and settings.threshold:
            return False
        error.length, error.total, error.skipped = 1.0, 0.0, 0
        return True

    def _ratio(self, step: int, guidance: Pass) -> float:
        curve = self._settings.curves[guidance]
        return curve[round(step * (len(curve) - 1) / max(1, self._steps - 1))]


@dataclass(slots=True)
class Magnitudes:
    """A step cache that leaves nothing out and measures curves for `MagCache`, over all pictures drawn with it.

    These are drawn in as many steps.
    """

    _steps: int | None = None
    _lengths: dict[Pass, dict[int, list[float]]] = field(default_factory=dict[Pass, dict[int, list[float]]])

    @property
    def curves(self) -> Curves:
        """The mean of what was measured."""
        return {
            guidance: tuple(
                sum(found[step]) / len(found[step]) if step in found else math.nan for step in range(self._steps or 0)
            )
            for guidance, found in self._lengths.items()
        }

    def start(self, steps: int) -> StepMemory:
        """A memory for a request.

        Raises:
            BadSetting: pictures before were drawn in another number of steps.
        """
        if self._steps not in (None, steps):
            raise BadSetting(f"a picture of {steps} steps cannot be measured with others of {self._steps}; use another")
        self._steps = steps
        return _Measuring(self._lengths)


class _Measuring(StepMemory):
    def __init__(self, lengths: dict[Pass, dict[int, list[float]]]) -> None:
        self._lengths, self._step = lengths, 0
        self._before: dict[Hashable, tuple[int, torch.Tensor]] = {}

    def due(self, step: int, branches: Sequence[Branch], inputs: Inputs) -> list[bool]:
        self._step = step
        return [True] * len(branches)

    def store(self, branch: Branch, before: torch.Tensor, after: torch.Tensor) -> None:
        length = (after - before).float().norm(dim=-1)
        measured = self._lengths.setdefault(branch.guidance, {})
        last, known = self._before.get(branch, (-1, length))
        # A step that follows none of this pass has no length; the first of all is as long as itself.
        if last == self._step - 1:
            measured.setdefault(self._step, []).append(float((length / known).mean()))
        self._before[branch] = self._step, length

    def recall(self, branch: Branch, before: torch.Tensor) -> torch.Tensor:
        raise AssertionError("nothing is left out")
