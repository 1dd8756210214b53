"""What an edit changed apart from where its change takes place, and the edit without it.

Nothing is drawn: the pixels come from the given picture, as editors that work with a mask paste them back. The mask is
found here: pixels that differ are joined to patches, and a patch belongs to the change where enough of it lies in the
places of the change. So a changed thing may reach beyond its place, and what stands beside it is still told apart.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
import numpy.typing as npt
from PIL import Image, ImageFilter

from omniagent.tools.instruments.edits.alignment import placed, warped
from omniagent.tools.instruments.edits.difference import Mask, comparable, small_size
from omniagent.tools.types import Box

LONG: Final = 256
"""Pixels of the longer side where the pictures are compared; a smaller picture is compared as it is."""

_DIFFERS: Final = 25.0
"""Levels, of 255, by which a colour differs at least, after a blur of one pixel. A decoder's softness stays below."""

_JOINED: Final = 2
"""Pixels of that plane by which what differs is widened, so that the parts of a pattern are one patch."""

_OWN: Final = 0.3
"""Share of what differs in a patch that lies in the places of the change, from which it belongs to the change."""

_LEAST: Final = 0.0008
"""Share of the picture that differs elsewhere, below which nothing is taken back."""

_MOST: Final = 0.25
"""The same share above which the picture was drawn anew, moved or lit anew, so that nothing fits it."""

_NARROWEST: Final = 16
"""Pixels of a side below which a picture shows nothing to tell patches by."""

_MOVED: Final = 0.5
"""A view that moved is told by how much less differs, of that share, once the given picture is moved along."""

_MANY: Final = 64
"""Patches from which on the difference is a texture of the whole and not a few things."""


@dataclass(frozen=True, eq=False)
class Strays:
    """What differs between the given picture and the new one.

    Attributes:
        change: The patches that belong to the change, on the plane that was compared.
        share: Share of the picture that differs elsewhere, 0 to 1.
    """

    change: Mask
    share: float


def strays(before: Image.Image, after: Image.Image, given: Sequence[Box], made: Sequence[Box]) -> Strays | None:
    """What an edit changed elsewhere; None where there is nothing to take back, or where nothing would fit.

    Args:
        before: The given picture.
        after: The new one; of another size it must be of nearly the same shape.
        given: Where the change takes place, in pixels of the given picture.
        made: The same in pixels of the new one.
    """
    if not comparable(before, after):
        return None
    if min(*before.size, *after.size) < _NARROWEST:
        return None
    size = after.size if max(after.size) <= LONG else small_size(*after.size, long=LONG)
    old, new = (_small(one, size) for one in (before, after))
    differs = _differs(old, new)
    places = np.zeros_like(differs)
    for boxes, of in ((given, before.size), (made, after.size)):
        for box in boxes:
            across, down = size[0] / of[0], size[1] / of[1]
            columns = slice(round(box.left * across), max(0, round(box.right * across)))
            places[round(box.top * down) : max(0, round(box.bottom * down)), columns] = True
    if (differs & ~places).mean() > _MOST:
        return None
    patches, number = labelled(_widened(differs, _JOINED))
    if number >= _MANY:
        return None
    whole, own = (np.bincount(patches[where], minlength=number + 1) for where in (differs, differs & places))
    change: Mask = np.isin(patches, np.flatnonzero(own >= _OWN * np.maximum(whole, 1))) & (patches > 0)
    share = float((differs & ~change).mean())
    if not _LEAST <= share <= _MOST:
        return None
    placing = placed(old, new)
    moved = placing[:3] != (1.0, 0.0, 0.0) and (_differs(warped(old, placing), new) & ~change).mean() < _MOVED * share
    return None if moved else Strays(change, share)


def taken_back(before: Image.Image, after: Image.Image, found: Strays) -> Image.Image:
    """The new picture with everything but the change as the given picture has it, at the new one's size.

    The border between them is soft by a few pixels; beyond it each pixel is the given picture's, where both have one
    size, and its resized one else.
    """
    given = before.convert("RGB")
    given = given if given.size == after.size else given.resize(after.size, Image.Resampling.LANCZOS)
    kept = Image.fromarray(_widened(found.change, 1)).convert("L")
    scale = max(after.size) / max(kept.size)
    if kept.size != after.size:
        kept = kept.resize(after.size, Image.Resampling.BILINEAR)
    return Image.composite(after.convert("RGB"), given, kept.filter(ImageFilter.BoxBlur(max(1, round(scale)))))


def _small(picture: Image.Image, size: tuple[int, int]) -> Image.Image:
    whole = picture.convert("RGB")
    return whole if whole.size == size else whole.resize(size, Image.Resampling.BOX)


def _differs(old: Image.Image, new: Image.Image) -> Mask:
    levels = [np.asarray(one.filter(ImageFilter.BoxBlur(1)), dtype=np.float32) for one in (old, new)]
    return np.abs(levels[0] - levels[1]).max(axis=2) > _DIFFERS


def labelled(mask: Mask) -> tuple[npt.NDArray[np.int32], int]:
    """The connected parts of a mask, corners included: the number of each pixel's part, 0 outside, and how many."""
    # Few runs need it, and a run's start waits for what is imported.
    from scipy import ndimage

    found: Any = ndimage.label(mask, structure=np.ones((3, 3), dtype=np.int8))
    parts, number = found
    return np.asarray(parts, dtype=np.int32), int(number)


def _widened(mask: Mask, by: int) -> Mask:
    wide = Image.fromarray(mask).convert("L").filter(ImageFilter.MaxFilter(2 * by + 1))
    return np.asarray(wide) > 0
