"""Names the colour and the fill of a blob whose shape is known: the second half of the oracle.

Inside the fitted shape every pixel is a mix of background and paint, and the paint is a colour of the world times a
brightness between a half and one. That brightness is solved per pixel and compared with stripes and dots.
"""

from functools import lru_cache

import numpy as np
import numpy.typing as npt

from omniagent.shapes.oracle.fit import Fit, coverage
from omniagent.shapes.oracle.segment import COLOURLESS, Blob, Bools, Floats, chroma, grow, hues
from omniagent.shapes.scene.reading import UNKNOWN
from omniagent.shapes.scene.world import CANVAS, COLOURS

# A paint bears a colour's name when its hue lies in the nearer part of the way to the next colour's, and the paint
# itself lies this near the colour (RGB distance) at a brightness in the range.
NEARER_PART = 0.42
NAMED_WITHIN = 70.0
DARKEST, BRIGHTEST = 0.68, 1.12
# Least depth of shade and correlation with a pattern; a spread of brightness below which a paint is even.
STRIPED, DOTTED = (0.14, 0.55), (0.15, 0.56)
EVEN = 0.13


def colour_of(pixels: Floats, base: Floats, blob: Blob, fit: Fit) -> str:
    """The colour's name, or ``unknown`` half-way between two, far from all, or without colour."""
    paint, weight = _paint(pixels, base, blob, fit)
    total = max(float(weight.sum()), 1e-6)
    mean = (paint * weight[..., None]).sum((0, 1)) / total
    plane = chroma(mean.astype(np.float32))
    if float(np.hypot(*plane)) < COLOURLESS:
        return UNKNOWN
    angles = {name: _angle(hue, plane) for name, hue in zip(COLOURS, hues(), strict=True)}
    first, second, *_ = sorted(angles, key=lambda name: abs(angles[name]))
    # The next colour on the paint's own side; the nearest two lie on both sides of it but for rounding.
    if abs(angles[first]) > NEARER_PART * (abs(angles[first]) + abs(angles[second])):
        return UNKNOWN
    inside = weight > 0.3 * weight.max()
    light = paint[inside].sum(-1)
    bright = paint[inside][light >= np.percentile(light, 65)].mean(axis=0)
    return first if _distance(bright, np.asarray(COLOURS[first], dtype=np.float32)) < NAMED_WITHIN else UNKNOWN


def _angle(hue: Floats, plane: Floats) -> float:
    """The signed angle in degrees from a hue to a point of the opponent plane."""
    return float(np.degrees(np.arctan2(hue[0] * plane[1] - hue[1] * plane[0], hue @ plane)))


def _distance(paint: Floats, colour: Floats) -> float:
    """RGB distance between a paint and a colour of the best brightness in the range that still bears its name."""
    brightness = float(np.clip(paint @ colour / (colour @ colour), DARKEST, BRIGHTEST))
    return float(np.linalg.norm(paint - brightness * colour))


def _cover(fit: Fit) -> Floats:
    whole = slice(0, CANVAS)
    return coverage(fit.shape, (fit.x, fit.y, fit.radius), whole, whole, max(fit.blur, 0.7))


def _paint(pixels: Floats, base: Floats, blob: Blob, fit: Fit) -> tuple[Floats, Floats]:
    """The paint of each pixel with the background taken out, (128, 128, 3), and the weight that the pixel deserves."""
    cover = np.where(blob.others, 0, _cover(fit)).astype(np.float32)
    weight: Floats = np.clip((cover - 0.6) / 0.4, 0, 1) ** 2 * cover
    # What lies beside the blob bleeds into its edge; where enough is left, look further in.
    inner = np.where(grow(blob.others, 2), 0, weight)
    if inner.sum() >= 30:
        weight = inner.astype(np.float32)
    if weight.sum() < 8:
        weight = (blob.mask & (blob.soft > 0.7)).astype(np.float32)
        cover = np.maximum(cover, weight)
    paint = (pixels - (1 - cover)[..., None] * base) / np.maximum(cover, np.float32(0.3))[..., None]
    return paint.astype(np.float32), weight


def fill_of(pixels: Floats, base: Floats, blob: Blob, fit: Fit) -> str:
    """solid, striped or dotted, or ``unknown`` for an uneven paint that is neither pattern."""
    spread, scores = fill_scores(*_brightness(pixels, base, blob, fit))
    likelier = max(scores, key=lambda name: scores[name][0])
    correlation, depth = scores[likelier]
    least_depth, least_correlation = STRIPED if likelier == "striped" else DOTTED
    if depth >= least_depth and correlation >= least_correlation:
        return likelier
    return "solid" if spread < EVEN else UNKNOWN


def _brightness(pixels: Floats, base: Floats, blob: Blob, fit: Fit) -> tuple[Floats, Floats]:
    """Per pixel of the canvas: the paint's brightness (1 is the blob's own mean) and the weight that it deserves."""
    paint, weight = _paint(pixels, base, blob, fit)
    mean = (paint * weight[..., None]).sum((0, 1)) / max(float(weight.sum()), 1e-6)
    return (paint @ mean / max(float(mean @ mean), 1.0)).astype(np.float32), weight


@lru_cache(maxsize=1)
def _patterns() -> tuple[tuple[str, ...], Floats]:
    """Stripes and dots of every phase on the whole canvas, slightly blurred: names and shade (N, 128·128), 0 to 1."""
    x, y = np.meshgrid(np.arange(CANVAS) + 0.5, np.arange(CANVAS) + 0.5)
    names: list[str] = []
    shades: list[npt.NDArray[np.float64]] = []
    for direction in (1, -1):
        for period in (6 * np.sqrt(2), 6.0):
            for phase in range(12):
                along = (x + direction * y) * (2 * np.pi / period) + phase * np.pi / 6
                names.append("striped")
                shades.append(0.5 + 0.5 * np.sin(along))
    wave = 2 * np.pi / 6
    for dx in np.arange(0, 6, 0.75):
        for dy in np.arange(0, 6, 0.75):
            names.append("dotted")
            fx, fy = np.cos((x - dx) * wave), np.cos((y - dy) * wave)
            shades.append(np.exp(1.6 * (fx + fy - 2)))
    return tuple(names), np.stack([shade.ravel() for shade in shades]).astype(np.float32)


def fill_scores(brightness: Floats, weight: Floats) -> tuple[float, dict[str, tuple[float, float]]]:
    """The spread of the brightness, and for each pattern its best correlation and the depth of its shade there."""
    names, shades = _patterns()
    inside: Bools = weight.ravel() > 0.02
    values, weights = brightness.ravel()[inside], weight.ravel()[inside]
    weights = weights / weights.sum()
    values = values - values @ weights
    spread = float(np.sqrt((values**2) @ weights))
    centred = shades[:, inside] - (shades[:, inside] @ weights)[:, None]
    together = centred @ (weights * values)
    size = np.sqrt(np.maximum((centred**2) @ weights, 1e-6))
    scores: dict[str, tuple[float, float]] = {}
    for name in ("striped", "dotted"):
        mine = [k for k, other in enumerate(names) if other == name]
        best = min(mine, key=lambda k: together[k] / size[k])
        scores[name] = (
            float(-together[best] / size[best] / max(spread, 1e-6)),
            float(-together[best] / size[best] ** 2),
        )
    return spread, scores
