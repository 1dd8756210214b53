"""Classifier-free guidance with two conditions, text and pictures, and the span of steps in which it acts.

The combination is that of InstructPix2Pix (arXiv 2211.09800, equation 3), text over pictures over nothing:
`u + image_scale · (r - u) + text_scale · (c - r)`.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import NamedTuple

import torch

from omniagent.model.errors import setting_out_of_range
from omniagent.model.limits import MAX_GUIDANCE


class Pass(NamedTuple):
    """One evaluation of the transformer: with the prompt or the negative prompt, with or without references."""

    positive: bool
    references: bool


class Branch(NamedTuple):
    """A picture, by its number at the start of the request, under one pass of guidance."""

    guidance: Pass
    sample: int


CONDITIONAL = Pass(positive=True, references=True)
REFERENCES_ONLY = Pass(positive=False, references=True)
UNCONDITIONAL = Pass(positive=False, references=False)

Evaluate = Callable[[Pass], torch.Tensor]


@dataclass(frozen=True, slots=True)
class Guidance:
    """How strongly text and reference pictures steer.

    Attributes:
        text_scale: 0 to 100; up to 1 means no guidance at all.
        image_scale: 0 to 100; up to 1 means that only the text guides.
        start: First part of the steps, 0 to 1, at which guidance acts.
        end: Last part at which it acts; `start` to 1.
    """

    text_scale: float = 4.0
    image_scale: float = 1.0
    start: float = 0.0
    end: float = 1.0

    def __post_init__(self) -> None:
        for name, value in (("text_guidance_scale", self.text_scale), ("image_guidance_scale", self.image_scale)):
            if not (math.isfinite(value) and 0 <= value <= MAX_GUIDANCE):
                raise setting_out_of_range(name, value, f"a number from 0 to {MAX_GUIDANCE:g}")
        if not 0 <= self.start <= self.end <= 1:
            raise setting_out_of_range("cfg_range", (self.start, self.end), "(start, end) with 0 <= start <= end <= 1")

    @property
    def needs_negative(self) -> bool:
        """Whether any step looks at the negative prompt."""
        return self.text_scale > 1

    def passes(self, step: int, steps: int, *, has_references: bool) -> tuple[Pass, ...]:
        """What must be evaluated at `step` (from 0) of `steps`, in order."""
        if self.text_scale <= 1 or not self.start <= step / steps <= self.end:
            return (CONDITIONAL,)
        if self.image_scale > 1 and has_references:
            return (CONDITIONAL, REFERENCES_ONLY, UNCONDITIONAL)
        return (CONDITIONAL, UNCONDITIONAL)

    def combine(self, predictions: tuple[torch.Tensor, ...]) -> torch.Tensor:
        """Merge the predictions of `passes`, in their order."""
        if len(predictions) == 1:
            return predictions[0]
        if len(predictions) == 2:
            conditional, nothing = predictions
            return nothing + self.text_scale * (conditional - nothing)
        conditional, references, nothing = predictions
        return nothing + self.image_scale * (references - nothing) + self.text_scale * (conditional - references)
