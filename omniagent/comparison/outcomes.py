"""Outcomes of runs as rows with intervals, and the difference of two policies over the same tasks."""

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import NamedTuple

import numpy as np
from pydantic import BaseModel, ConfigDict, Field

from omniagent.comparison.resampling import Numbers, drawn, ends
from omniagent.comparison.share import Share


class Outcome(NamedTuple):
    """How one task ended.

    Attributes:
        right: Whether what was returned is right.
        worse: Whether the returned picture holds less than the first; None where there was none.
        pictures: How many were drawn.
        stop: The stop reason, or `error`.
    """

    right: bool
    worse: bool | None
    pictures: int
    stop: str


class Range(BaseModel):
    """A number and its 95 % interval."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    value: float
    low: float
    high: float


class Row(BaseModel):
    """One policy at one budget.

    `gain` is the share of right ones less that of the baseline, `failures` the number of wrong ones by the baseline's;
    both over the same tasks, their intervals by resampling tasks. None of the baseline itself, or where it never fails.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    policy: str
    budget: int = Field(ge=1)
    right: Share
    worse: Share
    pictures: float = Field(ge=0)
    stops: dict[str, int]
    gain: Range | None = None
    failures: Range | None = None


class Comparison(BaseModel):
    """Policies over the same tasks. `about` says with which models and tasks, `command` how to run it again."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    title: str
    about: str = ""
    command: str = ""
    baseline: str
    rows: tuple[Row, ...]

    @property
    def head(self) -> tuple[str, ...]:
        """The names of the columns."""
        over = f"points over {self.baseline}", f"failures by those of {self.baseline}"
        return ("policy", "budget", "pictures", "right", *over, "worse than the first")

    @property
    def cells(self) -> tuple[tuple[str, ...], ...]:
        """The rows as texts, in the order of `head`."""
        found: list[tuple[str, ...]] = []
        for row in self.rows:
            ratio, gain = row.failures, row.gain
            points = "—" if gain is None else f"{_points(gain.value)} ({_points(gain.low)} to {_points(gain.high)})"
            failures = "—" if ratio is None else f"{ratio.value:.2f} ({ratio.low:.2f}–{ratio.high:.2f})"
            about = row.policy, str(row.budget), f"{row.pictures:.1f}", str(row.right)
            found.append((*about, points, failures, str(row.worse)))
        return tuple(found)

    def table(self) -> str:
        """The rows as a Markdown table."""
        lines = [self.head, tuple("---" for _ in self.head), *self.cells]
        return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def compared(
    outcomes: Mapping[tuple[str, int], Sequence[Outcome]], *, baseline: str, about: str, title: str, command: str = ""
) -> Comparison:
    """The rows of policies by (label, budget), each against the baseline at the same budget, over the same tasks.

    Where the baseline was not run at a budget, or is there with another number of tasks, a row stands by itself.
    """
    rows: list[Row] = []
    for (policy, budget), ended in outcomes.items():
        base = outcomes.get((baseline, budget))
        against = policy != baseline and base is not None and len(base) == len(ended)
        known = [one.worse for one in ended if one.worse is not None]
        rows.append(
            Row(
                policy=policy,
                budget=budget,
                right=Share(count=sum(one.right for one in ended), of=len(ended)),
                worse=Share(count=sum(known), of=len(known)),
                pictures=sum(one.pictures for one in ended) / max(1, len(ended)),
                stops=dict(Counter(one.stop for one in ended).most_common()),
                gain=gain(ended, base) if against and base else None,
                failures=failures(ended, base) if against and base else None,
            )
        )
    return Comparison(title=title, about=about, command=command, baseline=baseline, rows=tuple(rows))


def gain(ended: Sequence[Outcome], base: Sequence[Outcome]) -> Range:
    """The share of right ones less the baseline's, over the same tasks in the same order."""
    apart = _right(ended) - _right(base)
    return _range(float(apart.mean()), apart[drawn(len(apart))].mean(axis=1))


def failures(ended: Sequence[Outcome], base: Sequence[Outcome]) -> Range | None:
    """The number of wrong ones by the baseline's; None where that has none."""
    mine, theirs = 1 - _right(ended), 1 - _right(base)
    if not theirs.sum():
        return None
    chosen = drawn(len(mine))
    below = theirs[chosen].sum(axis=1)
    ratios = mine[chosen].sum(axis=1)[below > 0] / below[below > 0]
    return _range(float(mine.sum() / theirs.sum()), ratios)


def _right(ended: Sequence[Outcome]) -> Numbers:
    return np.array([one.right for one in ended], dtype=np.float64)


def _range(value: float, resampled: Numbers) -> Range:
    low, high = ends(resampled)
    return Range(value=value, low=low, high=high)


def _points(share: float) -> str:
    return f"{100 * share:+.1f}"
