"""Whether one shift of the whole frame explains what changed: then the camera moved, not a thing."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
from PIL import Image

_SIDE = 128
_FARTHEST = 0.45
"""Share of the side; what is shifted further has too little in common with the other frame to be compared."""


def camera_share(first: Image.Image, second: Image.Image, tolerance: int = 24) -> float:
    """Share of the changed pixels in [0, 1] that one shift of the first frame explains.

    The shift is the peak of the cross-correlation of both frames' edges. It is zero where most of the picture stays.

    Args:
        first: A frame.
        second: A later one of the same size.
        tolerance: Difference of a channel, of 255, from which a pixel counts as changed.
    """
    one, other = (_pixels(each) for each in (first, second))
    across, down = _shift(_edges(one), _edges(other))
    before = _changed(one, other, tolerance)
    if (across, down) == (0, 0) or before == 0:
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


def _shift(one: npt.NDArray[np.float32], other: npt.NDArray[np.float32]) -> tuple[int, int]:
    """(across, down) by which the second is shifted against the first, in pixels."""
    product = np.fft.rfft2(other) * np.conj(np.fft.rfft2(one))
    likeness = np.fft.irfft2(product, s=one.shape)
    steps = np.fft.fftfreq(_SIDE)
    likeness[np.abs(steps) > _FARTHEST] = -np.inf
    likeness[:, np.abs(steps) > _FARTHEST] = -np.inf
    down, across = np.unravel_index(int(likeness.argmax()), likeness.shape)
    return round(float(steps[across]) * _SIDE), round(float(steps[down]) * _SIDE)


def _changed(one: npt.NDArray[np.float32], other: npt.NDArray[np.float32], tolerance: int) -> float:
    return float((np.abs(one - other).max(axis=-1) > tolerance).mean())
