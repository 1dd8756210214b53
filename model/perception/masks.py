"""Masks: boxes around them, their shares, soft edges, and their text form."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TypeAlias

import numpy as np
import numpy.typing as npt
from PIL import Image, ImageFilter

Mask: TypeAlias = npt.NDArray[np.bool_]
Rect: TypeAlias = tuple[float, float, float, float]
"""Left, top, right and bottom in pixels."""


def share_of(mask: Mask) -> float:
    """Share of the picture that a mask covers, 0 to 1."""
    return float(mask.mean())


def box_of(mask: Mask) -> Rect | None:
    """The smallest box around a mask; None where it is empty."""
    rows, columns = np.flatnonzero(mask.any(axis=1)), np.flatnonzero(mask.any(axis=0))
    if not len(rows):
        return None
    return (float(columns[0]), float(rows[0]), float(columns[-1] + 1), float(rows[-1] + 1))


def overlap(first: Rect, second: Rect) -> float:
    """Intersection over union of two boxes, 0 to 1."""
    width = min(first[2], second[2]) - max(first[0], second[0])
    height = min(first[3], second[3]) - max(first[1], second[1])
    if width <= 0 or height <= 0:
        return 0.0
    areas = sum((box[2] - box[0]) * (box[3] - box[1]) for box in (first, second))
    return width * height / (areas - width * height)


def touches_edge(mask: Mask) -> bool:
    """Whether a mask reaches an edge of the picture, where things are cut off."""
    return bool(mask[0].any() or mask[-1].any() or mask[:, 0].any() or mask[:, -1].any())


def to_runs(mask: Mask) -> tuple[int, ...]:
    """Lengths of the runs of unset and set pixels in turn, down the columns, as in COCO's uncompressed form."""
    flat = mask.ravel(order="F")
    turns = np.flatnonzero(np.diff(flat)) + 1
    edges = np.concatenate(([0], turns, [flat.size]))
    runs = np.diff(edges).tolist()
    return tuple(int(run) for run in ([0, *runs] if flat.size and flat[0] else runs))


def from_runs(runs: Sequence[int], size: tuple[int, int]) -> Mask:
    """The mask of (width, height) pixels whose runs these are.

    Raises:
        ValueError: the runs do not add up to the size.
    """
    width, height = size
    if sum(runs) != width * height or any(run < 0 for run in runs):
        raise ValueError(f"runs of {sum(runs)} pixels do not fill a picture of {width}x{height}")
    values = np.arange(len(runs)) % 2 == 1
    return np.repeat(values, runs).reshape((height, width), order="F")


def eroded(mask: Mask, pixels: int) -> Mask:
    """The mask with so many pixels taken off its edge; the picture's own edge counts as inside."""
    return ~_grown(~mask, pixels)


def dilated(mask: Mask, pixels: int) -> Mask:
    """The mask with so many pixels added to its edge."""
    return _grown(mask, pixels)


def pasted(over: Image.Image, under: Image.Image, mask: Mask, soft: float) -> Image.Image:
    """`over` where the mask is set and `under` elsewhere; `soft` is the width of the edge between them in pixels."""
    plane = Image.fromarray(mask.astype(np.uint8) * 255)
    if soft > 0:
        plane = plane.filter(ImageFilter.GaussianBlur(soft))
    return Image.composite(over.convert("RGB"), under.convert("RGB"), plane)


def cut_out(picture: Image.Image, mask: Mask, margin: float = 0.0) -> Image.Image:
    """The part of a picture in the box of a mask, with what the mask leaves out in mid grey.

    Args:
        picture: The picture.
        mask: Of the same size.
        margin: Added on each side, as a share of the box's longer one.

    Raises:
        ValueError: the mask is empty.
    """
    box = box_of(mask)
    if box is None:
        raise ValueError("nothing can be cut out by an empty mask")
    more = margin * max(box[2] - box[0], box[3] - box[1])
    left, top = max(int(box[0] - more), 0), max(int(box[1] - more), 0)
    right, bottom = min(int(box[2] + more), picture.width), min(int(box[3] + more), picture.height)
    plain = Image.new("RGB", picture.size, (128, 128, 128))
    return Image.composite(picture, plain, Image.fromarray(mask)).crop((left, top, right, bottom))


def _grown(mask: Mask, pixels: int) -> Mask:
    if pixels <= 0:
        return mask.copy()
    # Pillow's filter takes odd windows; a square one grows by whole pixels on each side.
    plane = Image.fromarray(mask.astype(np.uint8) * 255)
    return np.asarray(plane.filter(ImageFilter.MaxFilter(2 * pixels + 1))) > 127
