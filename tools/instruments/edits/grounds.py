"""A picture of things on a flat background, and the same things on the background of another such picture."""

from __future__ import annotations

from typing import Final

import numpy as np
import numpy.typing as npt
from PIL import Image, ImageFilter

from omniagent.tools.instruments.edits.difference import Mask

Levels = npt.NDArray[np.float32]

_FRAME: Final = 0.04
"""Width of the border that tells the background, as a share of the shorter side."""

_FLAT: Final = 14.0
"""Levels, of 255, within which a pixel is of the background: a decoder's errors and a camera's noise are smaller."""

_OF_FRAME: Final = 0.6
_OF_ALL: Final = 0.2
"""Shares of the border and of the picture that the background fills at least."""

_OTHER: Final = 25.0
"""Levels by which two backgrounds differ at least."""

_SOFT: Final = 2
"""Pixels from the background within which a thing's edge is mixed with it."""


def ground_of(picture: Image.Image) -> npt.NDArray[np.float32] | None:
    """The colour of a flat background, three levels of 255; None where the picture has none."""
    levels = _levels(picture)
    width = max(1, round(_FRAME * min(levels.shape[:2])))
    rows = (levels[:width], levels[-width:], levels[:, :width], levels[:, -width:])
    frame = np.concatenate([part.reshape(-1, 3) for part in rows])
    colour = np.median(frame, axis=0).astype(np.float32)
    fills = [float((np.abs(part - colour).max(axis=-1) <= _FLAT).mean()) for part in (frame, levels)]
    return colour if fills[0] >= _OF_FRAME and fills[1] >= _OF_ALL else None


def regrounded(before: Image.Image, after: Image.Image) -> Image.Image | None:
    """The things of one picture on the flat background of another one, at the first one's size.

    What has the background's colour is background where the other picture shows its own background there too, so that
    a hole is seen through and a highlight is not. Edges, which are mixed with the old background, are mixed with the
    new one by the same share.

    Args:
        before: The picture whose things are shown.
        after: The other one, an edit of the first.

    Returns:
        None where either has no flat background, or both have the same.
    """
    old, new = ground_of(before), ground_of(after)
    if old is None or new is None or float(np.abs(old - new).max()) <= _OTHER:
        return None
    levels = _levels(before)
    beside = after.convert("RGB")
    other = _levels(beside if beside.size == before.size else beside.resize(before.size, Image.Resampling.BOX))
    apart = np.abs(levels - old).max(axis=2)
    plain: Mask = apart <= _FLAT
    seen_through = np.abs(other - new).max(axis=2) <= 2 * _FLAT
    ground = _joined(plain & seen_through, plain)
    full = _widest(apart, _SOFT)
    near = _widest(ground.astype(np.float32), 1) > 0
    share = np.where(near, np.clip(apart / np.maximum(full, _FLAT), 0, 1), 1.0)
    share = np.where(ground, 0.0, share)[..., None]
    made = np.clip(np.rint(levels + (1 - share) * (new - old)), 0, 255).astype(np.uint8)
    return Image.fromarray(made)


def _joined(seeds: Mask, within: Mask) -> Mask:
    """What is connected to seeds that are more than a speck."""
    wide = Image.fromarray(seeds).convert("L").filter(ImageFilter.MinFilter(3))
    now: Mask = np.asarray(wide) > 0
    while True:
        grown = (np.asarray(Image.fromarray(now).convert("L").filter(ImageFilter.MaxFilter(3))) > 0) & within
        if bool((grown == now).all()):
            return now
        now = grown


def _widest(plane: npt.NDArray[np.float32], by: int) -> npt.NDArray[np.float32]:
    """The largest value around each pixel."""
    levels = Image.fromarray(np.asarray(plane, dtype=np.float32))
    size = 2 * by + 1
    padded = np.pad(np.asarray(levels), by, mode="edge")
    windows = np.lib.stride_tricks.sliding_window_view(padded, (size, size))
    return windows.max(axis=(2, 3))


def _levels(picture: Image.Image) -> Levels:
    return np.asarray(picture.convert("RGB"), dtype=np.float32)
