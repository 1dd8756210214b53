"""Where the given picture lies in the new one: a view some percent closer, or moved by some pixels, is the same view.

Phase correlation (Kuglin and Hines 1975) of the directions of contours, which neither light nor colours change: the
gradient's angle is doubled, so that an outline counts alike in a photo and in a drawing of it.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final, NamedTuple

import numpy as np
import numpy.typing as npt
from PIL import Image

Plane = npt.NDArray[np.float32]
Field = npt.NDArray[np.complex64]

ZOOMS: Final = tuple(1 + step / 100 for step in range(-6, 7, 2))
"""Times that the new view is closer than the given one, tried first; the best one's neighbours follow."""

_BETWEEN: Final = 0.01
_ROUGH: Final = 128
"""Pixels of the longer side up to which all zooms are tried."""

FURTHEST: Final = 0.06
"""Share of a side by which it may be moved."""

_CONTOURLESS: Final = 1e-4
"""Mean energy of contours, of at most 1, below which a picture is called flat."""

_WEAK: Final = 0.02
"""Slopes below this, of a range of 1 a pixel, have no direction."""


class Placing(NamedTuple):
    """How the given picture lies in the new one.

    Attributes:
        zoom: Times closer the new view is.
        right: Pixels that it moved to the right, after the zoom.
        down: Pixels that it moved down.
        likeness: How far the directions of contours agree: 1 all, 0 as in two pictures that have nothing in common.
    """

    zoom: float
    right: float
    down: float
    likeness: float


def placed(before: Image.Image, after: Image.Image) -> Placing:
    """The placing by which the contours of two pictures of one size agree best; without contours it is not moved."""
    zooms = ZOOMS
    if max(after.size) > _ROUGH:
        # Where the view is closer is found on half as many pixels a side.
        small = max(1, after.width // 2), max(1, after.height // 2)
        rough = placed(*(one.resize(small, Image.Resampling.BOX) for one in (before, after)))
        zooms = tuple(rough.zoom + step for step in (-_BETWEEN, 0.0, _BETWEEN))
    found = _placings(before, after, zooms)
    best = max(found, key=lambda one: one.likeness)
    if len(zooms) > 3:
        found += _placings(before, after, (best.zoom - _BETWEEN, best.zoom + _BETWEEN))
        best = max(found, key=lambda one: one.likeness)
    # In doubt the picture has not moved.
    still = next((one for one in found if one.zoom == 1.0), best)
    return still if still.likeness > 0.98 * best.likeness else best


def unmoved(before: Image.Image, after: Image.Image) -> float:
    """The likeness of two pictures that are equally close; see `Placing.likeness`."""
    return _placings(before, after, (1.0,))[0].likeness


def _placings(before: Image.Image, after: Image.Image, zooms: Sequence[float]) -> list[Placing]:
    """The best placing for each zoom."""
    width, height = after.size
    window = np.outer(np.hanning(height + 2)[1:-1], np.hanning(width + 2)[1:-1]).astype(np.float32) ** 0.5
    there = directions(lightness(after)) * window
    seen, energy = np.fft.fft2(there), float((np.abs(there) ** 2).sum())
    across, down = max(2, round(FURTHEST * width)), max(2, round(FURTHEST * height))
    if 2 * across >= width or 2 * down >= height:
        across, down = 0, 0
    found: list[Placing] = []
    for zoom in zooms:
        here = directions(lightness(warped(before, Placing(zoom, 0, 0, 0)))) * window
        total = float(np.sqrt(energy * float((np.abs(here) ** 2).sum())))
        if total < _CONTOURLESS * width * height:
            found.append(Placing(1.0, 0.0, 0.0, 0.0))
            continue
        surface = np.fft.ifft2(seen * np.conj(np.fft.fft2(here))).real / total
        near = np.roll(surface, (down, across), axis=(0, 1))[: 2 * down + 1, : 2 * across + 1]
        row, column = (int(at) for at in np.unravel_index(int(near.argmax()), near.shape))
        right, lower = _between(near[row], column) - across, _between(near[:, column], row) - down
        found.append(Placing(zoom, right, lower, float(near[row, column])))
    return found


def _between(line: npt.NDArray[np.floating], at: int) -> float:
    """Where the top of a parabola through the highest value and its neighbours lies."""
    if not 0 < at < len(line) - 1:
        return float(at)
    before, top, after = (float(line[index]) for index in (at - 1, at, at + 1))
    curve = before - 2 * top + after
    return at + (0.5 * (before - after) / curve if curve < -1e-9 else 0.0)


def warped(picture: Image.Image, placing: Placing) -> Image.Image:
    """A picture as it lies in the new one; what lies outside of it is black."""
    if placing[:3] == (1.0, 0.0, 0.0):
        return picture
    x, y = picture.width / 2, picture.height / 2
    scale = 1 / placing.zoom
    data = (scale, 0, x - (x + placing.right) * scale, 0, scale, y - (y + placing.down) * scale)
    return picture.transform(picture.size, Image.Transform.AFFINE, data, Image.Resampling.BICUBIC)


def within(size: tuple[int, int], placing: Placing) -> npt.NDArray[np.bool_]:
    """Which pixels of the new picture the given one covers."""
    inside = warped(Image.new("L", size, 255), placing)
    return np.asarray(inside) > 250


def moved_box(box: Sequence[float], size: tuple[int, int], placing: Placing) -> tuple[float, float, float, float]:
    """(left, top, right, bottom) of a box of the given picture in the new one; both in pixels of `size`."""
    x, y = size[0] / 2, size[1] / 2
    left, right = ((side - x) * placing.zoom + x + placing.right for side in (box[0], box[2]))
    top, bottom = ((side - y) * placing.zoom + y + placing.down for side in (box[1], box[3]))
    return left, top, right, bottom


def lightness(picture: Image.Image) -> Plane:
    """Luma, 0 to 1, raised to half so that shadows weigh as light parts do."""
    return np.sqrt(np.asarray(picture.convert("L"), dtype=np.float32) / 255)


def contours(picture: Image.Image) -> float:
    """How much of a picture is contours: the mean energy of their directions, 0 to 1."""
    return float((np.abs(directions(lightness(picture))) ** 2).mean())


def directions(plane: Plane) -> Field:
    """The doubled direction of the slope at each pixel, with a length of nearly 1 where there is a contour."""
    smooth = blurred(plane, 1)
    down, across = np.gradient(smooth)
    slope = across + 1j * down
    return (slope**2 / (np.abs(slope) ** 2 + _WEAK**2)).astype(np.complex64)


def blurred(plane: Plane, radius: int) -> Plane:
    """The plane blurred by two boxes of that radius in pixels."""
    return boxed(boxed(plane, radius), radius)


def boxed(plane: Plane, radius: int) -> Plane:
    """The mean over a square of 2 * radius + 1 pixels around each; borders repeat."""
    size = 2 * radius + 1
    sums = np.pad(plane, ((radius + 1, radius), (radius + 1, radius)), mode="edge").astype(np.float64)
    sums = sums.cumsum(axis=0)
    sums = (sums[size:] - sums[:-size]).cumsum(axis=1)
    return ((sums[:, size:] - sums[:, :-size]) / size**2).astype(np.float32)
