"""Fits the world's five shapes to a blob: which one it is, where, and how large.

Every shape is held as a table of signed distances of the unit shape, so a fit is a look-up and an overlap:
analysis by synthesis, a hill climb over centre and radius on the squared difference.
"""

import math
from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache, partial

import numpy as np

from omniagent.shapes.oracle.segment import Blob, Bools, Floats
from omniagent.shapes.scene.world import EXTENTS, SHAPES

_TABLE = 241
_SPAN = 1.5
_FINE = 4
# Standard deviations in px: a sharp picture, a 1 px blur, and that with the halved colour resolution of JPEG.
BLURS = (0.0, 1.2, 1.8)
# A blurred small star looks much like a circle smaller than any that the world draws.
LEAST_RADIUS, TINY_COST = 8.5, 0.03
# A fit this good, and this far ahead of the next shape, is not compared with others again.
CLEAR, CLEAR_LEAD = 0.9, 0.12


@dataclass(frozen=True)
class Fit:
    """A shape laid over a blob: centre and radius in pixels, and how much of the blob it explains:
    1 less the squared difference as a share of the blob, 1 at best."""

    shape: str
    x: float
    y: float
    radius: float
    overlap: float
    blur: float = 0.0


def overlap_of(fit: Fit) -> float:
    """The overlap, to sort by."""
    return fit.overlap


def corners(shape: str) -> list[tuple[float, float]]:
    """The corners of a unit polygon of the world, clockwise from the top."""
    match shape:
        case "square":
            return [(-0.9, -0.9), (0.9, -0.9), (0.9, 0.9), (-0.9, 0.9)]
        case "triangle":
            return [(0, -1), (0.95, 0.8), (-0.95, 0.8)]
        case "star":
            radii = [1.0, 0.45] * 5
            return [(r * math.sin(k * math.pi / 5), -r * math.cos(k * math.pi / 5)) for k, r in enumerate(radii)]
        case _:
            raise ValueError(f"{shape!r} is no polygon; use square, triangle or star")


def polygon_distance(points: list[tuple[float, float]], x: Floats, y: Floats) -> Floats:
    """Signed distance to a closed polygon, negative inside."""
    nearest: Floats = np.full(x.shape, np.inf, dtype=np.float32)
    inside: Bools = np.zeros(x.shape, dtype=bool)
    for (ax, ay), (bx, by) in zip(points, points[1:] + points[:1], strict=True):
        ex, ey = bx - ax, by - ay
        along = np.clip(((x - ax) * ex + (y - ay) * ey) / (ex * ex + ey * ey), 0, 1)
        nearest = np.minimum(nearest, np.hypot(x - ax - along * ex, y - ay - along * ey))
        if ay != by:
            crosses = (ay > y) != (by > y)
            inside ^= crosses & (x < (y - ay) * ex / ey + ax)
    return np.where(inside, -nearest, nearest)


@lru_cache(maxsize=1)
def _tables() -> Floats:
    """Signed distances of the unit shapes on a grid over [-1.5, 1.5]², (5, 241, 241)."""
    axis = np.linspace(-_SPAN, _SPAN, _TABLE, dtype=np.float32)
    x, y = np.meshgrid(axis, axis)
    d = np.hypot(x, y)
    tables: list[Floats] = []
    for shape in SHAPES:
        match shape:
            case "circle":
                tables.append(d - 1)
            case "ring":
                tables.append(np.maximum(d - 1, 0.5 - d))
            case _:
                tables.append(polygon_distance(corners(shape), x, y))
    return np.stack(tables).astype(np.float32)


def coverage(shape: str, at: tuple[float, float, float], rows: slice, columns: slice, blur: float = 0.0) -> Floats:
    """The share of each pixel of a window that the shape covers, 0 to 1, as a blurred picture shows it.

    `at` is the centre and the radius, `blur` a Gaussian's standard deviation, all in px.
    """
    x, y, radius = at
    if blur:
        return _look_up(_blurred_table(shape, round(radius * 4), blur), _FINE, (x, y), rows, columns)
    scale = (_TABLE - 1) / (2 * _SPAN * radius)
    distance = _look_up(_tables()[SHAPES.index(shape)], scale, (x, y), rows, columns) * np.float32(radius)
    return np.clip(np.float32(0.5) - distance, 0, 1)


@lru_cache(maxsize=1024)
def _blurred_table(shape: str, quarters: int, blur: float) -> Floats:
    """Coverage of the shape of radius `quarters` / 4 px through a blur, at 4 samples a pixel."""
    radius = quarters / 4
    half = math.ceil(1.1 * radius + 3 * blur + 1) * _FINE
    scale = (_TABLE - 1) / (2 * _SPAN * radius * _FINE)
    window = slice(-half, half + 1)
    distance = _look_up(_tables()[SHAPES.index(shape)], scale, (0.5, 0.5), window, window)
    at = np.arange(2 * half + 1, dtype=np.float32)
    taps = np.exp(-0.5 * ((at[:, None] - at[None, :]) / (_FINE * blur)) ** 2)
    taps /= taps.sum(1, keepdims=True)
    sharp = np.clip(np.float32(0.5) - distance * np.float32(radius), 0, 1)
    return taps @ sharp @ taps.T


def _look_up(table: Floats, scale: float, centre: tuple[float, float], rows: slice, columns: slice) -> Floats:
    """The table's values at pixel centres of a window: `centre` is its middle, `scale` its samples a pixel."""
    middle = (table.shape[0] - 1) / 2
    index = [
        np.clip(np.rint((np.arange(w.start, w.stop) + 0.5 - c) * scale + middle), 0, table.shape[0] - 1).astype(
            np.int32
        )
        for w, c in ((rows, centre[1]), (columns, centre[0]))
    ]
    return table[index[0][:, None], index[1][None, :]]


def fit_shapes(blob: Blob) -> list[Fit]:
    """The likely shapes' best fits, best overlap first; a single one when no other is near."""
    ys, xs = np.nonzero(blob.mask)
    top, bottom, left, right = int(ys.min()), int(ys.max()) + 1, int(xs.min()), int(xs.max()) + 1
    height, width = blob.mask.shape
    rows = slice(max(top - 4, 0), min(bottom + 4, height))
    columns = slice(max(left - 4, 0), min(right + 4, width))
    window = blob.mask[rows, columns].astype(np.float32)
    hidden = blob.others[rows, columns]
    fits: list[Fit] = []
    climbs: list[Callable[..., Fit]] = []
    for shape in SHAPES:
        west, north, east, south = EXTENTS[shape]
        radius = max(((right - left) / (west + east) + (bottom - top) / (north + south)) / 2, 2.0)
        x = left + (right - left) * west / (west + east)
        y = top + (bottom - top) * north / (north + south)
        # Only a ring has something else drawn within it, so only a ring's overlap leaves that out.
        weight = (~hidden).astype(np.float32) if shape == "ring" else np.ones_like(window)
        climb = partial(_climb, shape, weight=weight, rows=rows, columns=columns)
        fits.append(climb((x, y, radius), window))
        climbs.append(climb)
    order = sorted(range(len(fits)), key=lambda k: -fits[k].overlap)
    first, second = fits[order[0]], fits[order[1]]
    clear = first.overlap >= CLEAR and first.overlap - second.overlap >= CLEAR_LEAD
    soft = blob.soft[rows, columns]
    # Blur rounds stars, closes small rings and widens thin edges: look again at the shapes as they show through it.
    for k in order[: 1 if clear else None]:
        at = (fits[k].x, fits[k].y, fits[k].radius)
        fits[k] = max((climbs[k](at, soft, blur=blur) for blur in BLURS), key=overlap_of)
    if clear:
        return [fits[order[0]]]
    return sorted(fits, key=overlap_of, reverse=True)


def _climb(
    shape: str,
    start: tuple[float, float, float],
    window: Floats,
    *,
    weight: Floats,
    rows: slice,
    columns: slice,
    blur: float = 0.0,
) -> Fit:
    def overlap(at: tuple[float, float, float]) -> float:
        cover = coverage(shape, at, rows, columns, blur)
        missed = float((((cover - window) ** 2) * weight).sum()) / max(float((window**2 * weight).sum()), 1.0)
        return 1 - missed - TINY_COST * max(LEAST_RADIUS - at[2], 0.0)

    best, score = start, overlap(start)
    for step in (1.0, 0.5, 0.25):
        improved = True
        while improved:
            improved = False
            for axis in range(3):
                for sign in (-step, step):
                    moved = [*best]
                    moved[axis] += sign
                    at = (moved[0], moved[1], max(moved[2], 2.0))
                    if (new := overlap(at)) > score + 1e-4:
                        best, score, improved = at, new, True
    return Fit(shape, *best, score, blur)
