"""Settings of edits that reuse their source; nothing here needs torch."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal

from omniagent.model.errors import setting_out_of_range
from omniagent.model.limits import is_number, is_whole


@dataclass(frozen=True, slots=True)
class Schedule:
    """What is done at which steps of an edit: all, the region alone, or nothing.

    Attributes:
        first: Share of the steps, at the start; at least one step is. Above 0 to 1.
        every: After that one step in so many; 0 for none.
        last: So many at the end; at least 0.
        repeat: Of the steps between full ones one in so many goes on with the velocity of the step before; 0 for none,
            else at least 2.
        keep_references: Full steps after those at the start reuse the keys of references.
    """

    first: float
    every: int = 0
    last: int = 1
    repeat: int = 0
    keep_references: bool = False

    def __post_init__(self) -> None:
        for name, value, good, rule in (
            ("first", self.first, is_number(self.first, 0, 1) and self.first > 0, "a number above 0, up to 1"),
            ("every", self.every, is_whole(self.every, 0), "a whole number from 0"),
            ("last", self.last, is_whole(self.last, 0), "a whole number from 0"),
            ("repeat", self.repeat, is_whole(self.repeat, 0) and self.repeat != 1, "0 or a whole number from 2"),
        ):
            if not good:
                raise setting_out_of_range(f"region reuse {name}", value, rule)

    def started(self, steps: int) -> int:
        """Full steps at the start of so many."""
        return max(1, math.ceil(self.first * steps))

    def full(self, step: int, steps: int) -> bool:
        """Whether `step` (from 0) of `steps` is made in full."""
        since = step - self.started(steps) + 1
        return since <= 0 or step >= steps - self.last or (self.every > 0 and since % self.every == 0)

    def repeats(self, step: int, steps: int) -> bool:
        """Whether `step` (from 0) of `steps`, which is not made in full, takes the velocity of the step before."""
        since = step - self.started(steps) + 1
        return self.repeat > 0 and (since % self.every if self.every else since) % self.repeat == 0


@dataclass(frozen=True, slots=True)
class RegionReuse:
    """Only the tokens of the changing region go through the network at most steps.

    Attributes:
        found: Where the region is looked for, which is done after the full steps at the start.
        known: Where it is given, as of a repair.
        threshold: Difference from which a token counts as changed, see `changed_tokens`; above 0.
        margin: Tokens by which a region is grown.
        most: A region of a larger share of the picture is none: the picture is drawn exactly from there on.
        outside: Tokens outside go to the `source`, or to the `estimate` of the last full step.
    """

    found: Schedule = Schedule(0.15, every=6, repeat=2)
    known: Schedule = Schedule(0.04, every=10, repeat=2, keep_references=True)
    threshold: float = 0.45
    margin: int = 0
    most: float = 0.6
    outside: Literal["source", "estimate"] = "source"

    def __post_init__(self) -> None:
        for name, value, good, rule in (
            ("threshold", self.threshold, is_number(self.threshold) and self.threshold > 0, "a number above 0"),
            ("margin", self.margin, is_whole(self.margin, 0), "a whole number from 0"),
            ("most", self.most, is_number(self.most, 0, 1) and self.most > 0, "a number above 0, up to 1"),
            ("outside", self.outside, self.outside in ("source", "estimate"), "source or estimate"),
        ):
            if not good:
                raise setting_out_of_range(f"region reuse {name}", value, rule)
