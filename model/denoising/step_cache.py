"""Leaving out joint layers at steps where little changes: TeaCache and TaylorSeer. Neither is exact.

Both keep what they remember for each branch, that is, for each picture under each pass of guidance, so requests do not
meddle with each other and a picture does not depend on the batch it is drawn in.
"""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from collections.abc import Callable, Hashable, Sequence
from dataclasses import dataclass, field
from typing import Protocol

import torch

from omniagent.model.denoising.guidance import Branch
from omniagent.model.errors import setting_out_of_range
from omniagent.model.limits import is_number, is_whole

Inputs = Callable[[], Sequence[torch.Tensor]]


class StepMemory(ABC):
    """What a cache remembers of one request."""

    @abstractmethod
    def due(self, step: int, branches: Sequence[Branch], inputs: Inputs) -> list[bool]:
        """Which branches must run the joint layers at `step`; called once a step for each branch.

        Args:
            step: From 0.
            branches: What is evaluated.
            inputs: Gives each branch's tokens (length, H) as the first joint layer's attention sees them.
        """

    @abstractmethod
    def store(self, branch: Branch, before: torch.Tensor, after: torch.Tensor) -> None:
        """Remember noise tokens (n, H) `before` and `after` the joint layers."""

    @abstractmethod
    def recall(self, branch: Branch, before: torch.Tensor) -> torch.Tensor:
        """Noise tokens after the joint layers, guessed from what was stored."""


@dataclass(frozen=True, slots=True)
class TeaCache:
    """Leaves a step out while the first layer's modulated input moves little (arXiv 2411.19108, section 3).

    Attributes:
        threshold: Summed relative change, from 0, under which layers are left out; 0 leaves nothing out.
        coefficients: Polynomial that turns a change of the input into an expected change of the output, highest power
            first; the published fit for OmniGen2.
    """

    threshold: float = 0.05
    coefficients: tuple[float, ...] = (-5.48259225, 11.48772289, -4.47407401, 2.47730926, -0.03316487)

    def __post_init__(self) -> None:
        if not is_number(self.threshold, 0):
            raise setting_out_of_range("teacache threshold", self.threshold, "a number from 0")

    def start(self, steps: int) -> StepMemory:
        """A memory for a request of `steps` steps."""
        return _TeaMemory(self, steps)


@dataclass(frozen=True, slots=True)
class TaylorSeer:
    """Continues the last joint layer's output by its Taylor series (arXiv 2503.06923, equation 7).

    The published program keeps such a series for every layer; nothing but the last one's noise tokens is read.

    Attributes:
        first: This many evaluations at the start are run in full; at least 1.
        every: After them one in so many; at least 1.
        order: Of the series, 0 to 8.
    """

    first: int = 5
    every: int = 3
    order: int = 4

    def __post_init__(self) -> None:
        for name, value, low, high in (
            ("first", self.first, 1, 1000),
            ("every", self.every, 1, 1000),
            ("order", self.order, 0, 8),
        ):
            if not is_whole(value, low, high):
                raise setting_out_of_range(f"taylorseer {name}", value, f"a whole number from {low} to {high}")

    def start(self, steps: int) -> StepMemory:
        """A memory for a request of any number of steps."""
        return _TaylorMemory(self)


class StepCache(Protocol):
    """Settings that make a memory for each request: `TeaCache`, `TaylorSeer` or `MagCache`."""

    def start(self, steps: int) -> StepMemory:
        """A memory for a request of `steps` steps."""
        ...


@dataclass(slots=True)
class _TeaBranch:
    seen: torch.Tensor
    change: float = 0.0
    residual: torch.Tensor | None = None


class _TeaMemory(StepMemory):
    def __init__(self, settings: TeaCache, steps: int) -> None:
        self._settings, self._steps = settings, steps
        self._branches: dict[Hashable, _TeaBranch] = {}

    def due(self, step: int, branches: Sequence[Branch], inputs: Inputs) -> list[bool]:
        seen = inputs()
        at_the_edge = step in (0, self._steps - 1)
        moved = [0.0] * len(branches)
        known = [] if at_the_edge else [i for i, branch in enumerate(branches) if branch in self._branches]
        if known:
            before = [self._branches[branches[i]].seen for i in known]
            changes = [(seen[i] - old).abs().mean() / old.abs().mean() for i, old in zip(known, before, strict=True)]
            for i, change in zip(known, torch.stack(changes).tolist(), strict=True):
                moved[i] = self._expected(change)
        return [self._decide(branch, seen[i], moved[i], i in known) for i, branch in enumerate(branches)]

    def store(self, branch: Branch, before: torch.Tensor, after: torch.Tensor) -> None:
        self._branches[branch].residual = after - before

    def recall(self, branch: Branch, before: torch.Tensor) -> torch.Tensor:
        residual = self._branches[branch].residual
        assert residual is not None
        return before + residual

    def _decide(self, branch: Branch, seen: torch.Tensor, moved: float, known: bool) -> bool:
        if not known:
            self._branches[branch] = _TeaBranch(seen)
            return True
        state = self._branches[branch]
        state.seen = seen
        state.change += moved
        if state.change < self._settings.threshold:
            return False
        state.change = 0.0
        return True

    def _expected(self, change: float) -> float:
        total = 0.0
        for coefficient in self._settings.coefficients:
            total = total * change + coefficient
        return total


@dataclass(slots=True)
class _TaylorBranch:
    evaluations: int = 0
    skipped: int = 0
    full_at: int = 0
    gap: int = 0
    series: list[torch.Tensor] = field(default_factory=list[torch.Tensor])

    @property
    def now(self) -> int:
        return self.evaluations - 1


class _TaylorMemory(StepMemory):
    def __init__(self, settings: TaylorSeer) -> None:
        self._settings = settings
        self._branches: dict[Hashable, _TaylorBranch] = {}

    def due(self, step: int, branches: Sequence[Branch], inputs: Inputs) -> list[bool]:
        return [self._decide(self._branches.setdefault(branch, _TaylorBranch())) for branch in branches]

    def store(self, branch: Branch, before: torch.Tensor, after: torch.Tensor) -> None:
        state, series = self._branches[branch], [after]
        # Differences are taken only over evaluations near the first left-out one, so early change does not mislead.
        if state.now > self._settings.first - 2:
            for older in state.series[: self._settings.order]:
                series.append((series[-1] - older) / state.gap)
        state.series = series

    def recall(self, branch: Branch, before: torch.Tensor) -> torch.Tensor:
        state = self._branches[branch]
        distance = state.now - state.full_at
        total = state.series[0]
        for power, term in enumerate(state.series[1:], start=1):
            total = total + term * (distance**power / math.factorial(power))
        return total

    def _decide(self, state: _TaylorBranch) -> bool:
        state.evaluations += 1
        if state.now < self._settings.first or state.skipped == self._settings.every - 1:
            state.skipped = 0
            state.gap, state.full_at = state.now - state.full_at, state.now
            return True
        state.skipped += 1
        return False
