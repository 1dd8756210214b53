"""Intervals of shares that were counted: how far the true share may lie from what a sample shows."""

import math
from typing import Final

Z: Final = 1.96
"""Of 95 %."""


def wilson(successes: int, trials: int, z: float = Z) -> tuple[float, float]:
    """The Wilson score interval of a share (95 % by default), both ends in [0, 1]; (0, 1) without trials.

    Source: E. B. Wilson, Probable inference, the law of succession, and statistical inference, JASA 22, 1927.
    """
    if trials == 0:
        return 0.0, 1.0
    share = successes / trials
    centre = (share + z * z / (2 * trials)) / (1 + z * z / trials)
    half = z * math.sqrt(share * (1 - share) / trials + z * z / (4 * trials**2)) / (1 + z * z / trials)
    return max(centre - half, 0.0), min(centre + half, 1.0)


def difference(first: tuple[int, int], second: tuple[int, int], z: float = Z) -> tuple[float, float]:
    """The interval of one share less another, each given as (successes, trials), in [-1, 1].

    Source: R. G. Newcombe, Interval estimation for the difference between independent proportions, Statistics in
    Medicine 17, 1998, method 10: the ends of two Wilson intervals put together.
    """
    p, q = (count / of if of else 0.5 for count, of in (first, second))
    (low_p, high_p), (low_q, high_q) = wilson(*first, z), wilson(*second, z)
    apart = p - q
    return apart - math.hypot(p - low_p, high_q - q), apart + math.hypot(high_p - p, q - low_q)
