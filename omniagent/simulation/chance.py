"""Chance as a function of what it is about: the same question always falls out the same, in any order of asking.

So two policies meet the same tasks, the same first pictures and the same errors of the critic, and their difference
is theirs.
"""

import math
from hashlib import blake2b
from statistics import NormalDist
from typing import Final

NORMAL: Final = NormalDist()
"""The standard normal distribution."""

_RANGE: Final = 2.0**64


def share(*about: object) -> float:
    """A number evenly spread over (0, 1), fixed by what it is about."""
    digest = blake2b("\x1f".join(map(str, about)).encode(), digest_size=8).digest()
    return (int.from_bytes(digest) + 0.5) / _RANGE


def normal(*about: object) -> float:
    """A number of the standard normal distribution, fixed by what it is about."""
    return NORMAL.inv_cdf(share(*about))


def all_hold(centre: float, spread: float, lines: int) -> float:
    """The probability that every line holds, each if `centre` + shared + own noise is above 0.

    The shared noise has the standard deviation `spread`, each line's own has 1. By the midpoint rule over 41 slices of
    the shared noise, of which only the probability matters, to three digits.
    """
    steps = 41
    shared = (NORMAL.inv_cdf((step + 0.5) / steps) * spread for step in range(steps))
    return sum(NORMAL.cdf(centre + each) ** lines for each in shared) / steps


def centre_for(probability: float, spread: float, lines: int) -> float:
    """The `centre` at which `all_hold` is this probability, above 0 and below 1; by bisection."""
    low, high = -12.0, 12.0
    for _ in range(60):
        middle = (low + high) / 2
        low, high = (middle, high) if all_hold(middle, spread, lines) < probability else (low, middle)
    return (low + high) / 2


def logistic(value: float) -> float:
    """The logistic function."""
    return 1 / (1 + math.exp(-value)) if value >= 0 else math.exp(value) / (1 + math.exp(value))
