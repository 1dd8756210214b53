"""Whether the camera stood still: colour histograms of corresponding blocks of two frames.

OmniGen2 (arXiv 2506.18871 v4, section 9.4.2): the share of similar blocks decides. Histograms of whole pictures do not
see places, and differences of pixels see noise.
"""

from __future__ import annotations

from typing import TypeAlias

import numpy as np
import numpy.typing as npt
from PIL import Image

Histograms: TypeAlias = npt.NDArray[np.float32]


def same_blocks(first: Histograms, second: Histograms, *, alike: float = 0.8) -> float:
    """Share of blocks in [0, 1] whose histograms are alike.

    Args:
        first: Of a frame.
        second: Of another one of the same proportions.
        alike: Least mean histogram intersection of the three channels, 0 to 1.
    """
    intersection = np.minimum(first, second).sum(axis=-1).mean(axis=-1)
    return float((intersection >= alike).mean())


def histograms(frame: Image.Image, *, grid: int = 8, bins: int = 8, side: int = 256) -> Histograms:
    """The histograms of a frame's blocks, (blocks, 3, bins), each with the sum 1.

    Args:
        frame: Any picture.
        grid: Blocks across and down.
        bins: Of a channel's histogram.
        side: It is shrunk to a square of this side, so that a large one takes no longer.

    Raises:
        ValueError: `side` cannot be parted into `grid` blocks.
    """
    if side % grid:
        raise ValueError(f"a side of {side} cannot be parted into {grid} equal blocks")
    small = np.asarray(frame.convert("RGB").resize((side, side), Image.Resampling.BOX))
    step = side // grid
    blocks = small.reshape(grid, step, grid, step, 3).transpose(0, 2, 4, 1, 3).reshape(grid * grid, 3, step * step)
    # Weights of both neighbouring bins, so that a level at their border does not fall from one into the other by noise.
    at = blocks.astype(np.float32) / 255 * (bins - 1)
    low = np.floor(at).astype(np.int64).clip(0, bins - 2)
    part = at - low
    counts = np.zeros((grid * grid, 3, bins), np.float32)
    for number in range(bins):
        counts[..., number] = ((low == number) * (1 - part)).sum(-1) + ((low == number - 1) * part).sum(-1)
    return counts / np.float32(step * step)
