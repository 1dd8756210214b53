"""Ranges that several modules hold callers to, each defined here alone."""

import math
from collections.abc import Sequence
from numbers import Integral, Real
from typing import Final, cast

from omniagent.model.errors import setting_out_of_range

MAX_REFERENCES: Final = 5
"""Reference pictures of one request: the rows of the transformer's image index embedding."""

MAX_BATCH: Final = 64
"""Pictures of one call, prompts times pictures a prompt."""

MIN_SIDE: Final = 16
"""Pixels, one token's side."""

MAX_SIDE: Final = 4096
"""Pixels."""

MAX_STEPS: Final = 1000
"""Sampling steps."""

MAX_GUIDANCE: Final = 100.0
"""Of text and image guidance."""

MAX_SEED: Final = 2**63 - 1

Part = tuple[float, float, float, float]
"""Left, top, right and bottom of a box, as shares of the picture's width and height."""


def is_number(value: object, low: float = -math.inf, high: float = math.inf) -> bool:
    """Whether something is a finite number, of any library, from `low` to `high`."""
    if isinstance(value, bool) or not isinstance(value, int | float | Real):
        return False
    return math.isfinite(number := float(value)) and low <= number <= high


def is_whole(value: object, low: float = -math.inf, high: float = math.inf) -> bool:
    """Whether something is a whole number, of any library, from `low` to `high`."""
    return isinstance(value, int | Integral) and is_number(value, low, high)


def check_part(part: object) -> None:
    """Return if `part` is a box that has some of the picture in it.

    Raises:
        BadSetting: it isn't.
    """
    rule = "left, top, right, bottom as shares of the picture, left < right, top < bottom, not all outside of 0 to 1"
    numbers = list(cast("Sequence[float]", part)) if isinstance(part, Sequence) else []
    if len(numbers) != 4 or not all(map(is_number, numbers)):
        raise setting_out_of_range("region", part, rule)
    left, top, right, bottom = numbers
    if not (left < right and top < bottom and left < 1 and top < 1 and right > 0 and bottom > 0):
        raise setting_out_of_range("region", part, rule)
