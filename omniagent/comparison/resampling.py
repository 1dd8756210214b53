"""Resampling with replacement: the one way in which intervals of differences and of means of means are made."""

from typing import Final, TypeAlias

import numpy as np

RESAMPLES: Final = 2000

Numbers: TypeAlias = "np.ndarray[tuple[int, ...], np.dtype[np.float64]]"
Indices: TypeAlias = "np.ndarray[tuple[int, int], np.dtype[np.int64]]"


def drawn(number: int, seed: int = 0) -> Indices:
    """Which of `number` things each resample holds, (`RESAMPLES`, number); equal seeds give equal draws."""
    return np.random.default_rng(seed).integers(number, size=(RESAMPLES, number))


def ends(resampled: Numbers) -> tuple[float, float]:
    """The 95 % percentile interval of a figure by its resampled values.

    Source: B. Efron and R. Tibshirani, An Introduction to the Bootstrap, 1993, chapter 13.
    """
    low, high = np.quantile(resampled, [0.025, 0.975])
    return float(low), float(high)
