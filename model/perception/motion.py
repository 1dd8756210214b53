"""Whether one shift of the whole frame explains what changed: then the camera moved, not a thing."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
from PIL import Image

_SIDE = 128
_FARTHEST = 0.45
"""Share of the side; what is shifted further has too little in common with the other frame to be compared."""


@dataclass(frozen=True, slots=True)
class Traced:
    """A frame as small pixels, and the spectrum of its edges: worked out once for all pairs that it is in."""

    pixels: npt.NDArray[np.float32]
    spectrum: npt.NDArray[np.complexfloating[Any, Any]]


def traced(frame: Image.Image) -> Traced:
    """What `camera_share` looks at."""
    pixels = _pixels(frame)
    return Traced(pixels, np.fft.rfft2(_edges(pixels)))


def camera_share(first: Traced, second: Traced, tolerance: int = 24) -> float:
    """Share of the changed pixels in [0, 1] that one shift of the first frame explains.

    The shift is the peak of the cross-correlation of both frames' edges. It is zero where most of the picture stays.

    Args:
        first: A frame.
        second: A later one of the same size.
        tolerance: Difference of a channel, of 255, from which a pixel counts as changed.
    """
    one, other = first.pixels, second.pixels
    before = _changed(one, other, tolerance)
    if before == 0:
        return 0.0
    across, down = _shift(first.spectrum, second.spectrum)
    if (across, down) == (0, 0):
        return 0.0
    high, wide = _SIDE - abs(down), _SIDE - abs(across)
    here = one[max(-down, 0) : max(-down, 0) + high, max(-across, 0) : max(-across, 0) + wide]
    there = other[max(down, 0) : max(down, 0) + high, max(across, 0) : max(across, 0) + wide]
    return float(np.clip(1 - _changed(here, there, tolerance) / before, 0, 1))


def _pixels(frame: Image.Image) -> npt.NDArray[np.float32]:
    return np.asarray(frame.convert("RGB").resize((_SIDE, _SIDE), Image.Resampling.BOX), np.float32)


def _edges(pixels: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
    down, across = np.gradient(pixels, axis=(0, 1))
    edges = np.hypot(down, across).max(axis=-1)
    return edges - edges.mean()


def _shift(
    one: npt.NDArray[np.complexfloating[Any, Any]], other: npt.NDArray[np.complexfloating[Any, Any]]
) -> tuple[int, int]:
    """(across, down) by which the second is shifted against the first, in pixels."""
    likeness = np.fft.irfft2(other * np.conj(one), s=(_SIDE, _SIDE))
    steps = np.fft.fftfreq(_SIDE)
    likeness[np.abs(steps) > _FARTHEST] = -np.inf
    likeness[:, np.abs(steps) > _FARTHEST] = -np.inf
    down, across = np.unravel_index(int(likeness.argmax()), likeness.shape)
    return round(float(steps[across]) * _SIDE), round(float(steps[down]) * _SIDE)


def _changed(one: npt.NDArray[np.float32], other: npt.NDArray[np.float32], tolerance: int) -> float:
    return float((np.abs(one - other).max(axis=-1) > tolerance).mean())
