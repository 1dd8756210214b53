"""A picture of things on a flat background, and the same things on the background of another such picture."""

from __future__ import annotations

from typing import Final

import numpy as np
import numpy.typing as npt
from PIL import Image, ImageFilter

from omniagent.tools.instruments.edits.difference import Mask
from omniagent.tools.instruments.edits.strays import labelled

Levels = npt.NDArray[np.float32]
Plane = npt.NDArray[np.float32]

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
"""Pixels from the background within which the full colour of a thing is found whose edge is mixed with it."""

_SPECK: Final = 0.0005
"""Share of the picture up to which a spot of the background's colour is part of a thing."""

_GENTLE: Final = 8.0
"""Levels within three pixels up to which a slope is a shadow or a glow and no edge."""

_SHADOW: Final = 0.005
"""Share of the picture that shadows on the background fill, from which it counts as no flat one."""


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
    """The things of one picture on the flat background of another one, at the other one's size.

    What has the background's colour is background unless the other picture shows that colour there still, so that a
    hole is seen through and a highlight is not. Edges, which are mixed with the old background, are mixed with the
    new one by the same share.

    Args:
        before: The picture whose things are shown.
        after: The other one, an edit of the first.

    Returns:
        None where either has no flat background, the first has shadows on it, or both have the same.
    """
    sized = before.convert("RGB")
    sized = sized if sized.size == after.size else sized.resize(after.size, Image.Resampling.LANCZOS)
    old, new = ground_of(sized), ground_of(after)
    if old is None or new is None or float(np.abs(old - new).max()) <= _OTHER:
        return None
    levels = _levels(sized)
    apart: Plane = np.abs(levels - old).max(axis=2)
    plain: Mask = apart <= _FLAT
    parts, number = labelled(plain)
    from_old, from_new = (np.abs(_levels(after) - ground).max(axis=2) for ground in (old, new))
    still: Mask = (from_old <= 2 * _FLAT) & (from_old < from_new)
    size, kept = (np.bincount(parts[where], minlength=number + 1) for where in (plain, plain & still))
    ground = np.isin(parts, np.flatnonzero((size >= _SPECK * plain.size) & (kept < size / 2))) & plain
    gentle: Mask = (_widest(levels, 1) + _widest(-levels, 1)).max(axis=2) <= _GENTLE
    if float((_touched(ground | gentle, ground) & ~plain).mean()) > _SHADOW:
        return None
    full = _widest(apart[..., None], _SOFT)[..., 0]
    share = np.where(_filtered(ground, ImageFilter.MaxFilter(3)), np.clip(apart / np.maximum(full, _FLAT), 0, 1), 1.0)
    share = np.where(ground, 0.0, share)[..., None]
    made = np.clip(np.rint(levels + (1 - share) * (new - old)), 0, 255).astype(np.uint8)
    return Image.fromarray(made)


def _touched(mask: Mask, seeds: Mask) -> Mask:
    """The connected parts of a mask that hold a seed."""
    parts, _ = labelled(mask)
    return np.isin(parts, np.unique(parts[seeds & mask])) & mask


def _filtered(mask: Mask, by: ImageFilter.RankFilter) -> Mask:
    return np.asarray(Image.fromarray(mask).convert("L").filter(by)) > 0


def _widest(levels: Levels, by: int) -> Levels:
    """The largest level around each pixel, channel by channel."""
    for axis in (0, 1):
        padding = [(by, by) if at == axis else (0, 0) for at in range(3)]
        padded = np.pad(levels, padding, mode="edge")
        length = levels.shape[axis]
        shifted = [padded.take(range(start, start + length), axis=axis) for start in range(2 * by + 1)]
        levels = np.maximum.reduce(shifted)
    return levels


def _levels(picture: Image.Image) -> Levels:
    return np.asarray(picture.convert("RGB"), dtype=np.float32)
