"""Settings of edits that reuse their source; nothing here needs torch."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal

from omniagent.model.errors import setting_out_of_range


@dataclass(frozen=True, slots=True)
class RegionReuse:
    """Only the tokens of the changing region go through the network at most steps.

    Attributes:
        found_after: Share of the steps that are made in full before the region is looked for; above 0 to 1.
        known_after: Full steps at the start where the region is given; at least 1.
        every: After that one step in so many is made in full; at least 1.
        last: Full steps at the end; at least 0.
        threshold: See `changed_tokens`; above 0.
        margin: Tokens by which a region is grown.
        most: A region of a larger share of the picture is none: the picture is drawn exactly from there on.
        keep_references: Full steps after the first reuse the keys of references.
        outside: Tokens outside go to the `source`, or to the `estimate` of the last full step.
    """

    found_after: float = 0.2
    known_after: int = 1
    every: int = 6
    last: int = 1
    threshold: float = 0.25
    margin: int = 0
    most: float = 0.6
    keep_references: bool = True
    outside: Literal["source", "estimate"] = "source"

    def __post_init__(self) -> None:
        for name, value, good, rule in (
            ("found_after", self.found_after, 0 < self.found_after <= 1, "a number above 0, up to 1"),
            ("known_after", self.known_after, self.known_after >= 1, "a whole number from 1"),
            ("every", self.every, self.every >= 1, "a whole number from 1"),
            ("last", self.last, self.last >= 0, "a whole number from 0"),
            ("threshold", self.threshold, 0 < self.threshold < math.inf, "a number above 0"),
            ("margin", self.margin, self.margin >= 0, "a whole number from 0"),
            ("most", self.most, 0 < self.most <= 1, "a number above 0, up to 1"),
        ):
            if not good:
                raise setting_out_of_range(f"region reuse {name}", value, rule)
