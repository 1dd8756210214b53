"""Draws scenes of the shapes world as 128×128 RGB arrays with anti-aliased edges."""

import math
from typing import Any

import numpy as np
import numpy.typing as npt

from omniagent.shapes.scene.world import BACKGROUNDS, CANVAS, COLOURS, Item, Rgb, Scene

Array = npt.NDArray[np.floating[Any]]
STRIPE = 3.0
DOT_GRID = 6.0
DOT_RADIUS = 1.7


def _distance(shape: str, x: Array, y: Array, radius: float) -> Array:
    """Signed distance in pixels to the shape's edge, negative inside, on offsets from its centre."""
    match shape:
        case "circle":
            return np.hypot(x, y) - radius
        case "ring":
            d = np.hypot(x, y)
            return np.maximum(d - radius, 0.5 * radius - d)
        case "square":
            return np.maximum(np.abs(x), np.abs(y)) - 0.9 * radius
        case "triangle":
            norm = math.hypot(1.8, 0.95)
            side = (1.8 * np.abs(x) - 0.95 * (y + radius)) / norm
            return np.maximum(side, y - 0.8 * radius)
        case "star":
            return _star(x, y, radius)
        case _:
            raise ValueError(f"unknown shape {shape!r}")


def _star(x: Array, y: Array, radius: float) -> Array:
    fold = math.pi / 5
    angle = np.arctan2(x, -y)
    angle = np.abs((angle + fold) % (2 * fold) - fold)
    d = np.hypot(x, y)
    px, py = d * np.sin(angle), d * np.cos(angle)
    ix, iy = 0.45 * radius * math.sin(fold), 0.45 * radius * math.cos(fold)
    ex, ey = ix, iy - radius
    return (ex * (py - radius) - ey * px) / math.hypot(ex, ey)


def _shade(fill: str, px: Array, py: Array) -> Array:
    """Coverage in [0, 1] of the half-dark shade at canvas coordinates: diagonal 3 px bands, or dots on a 6 px grid."""
    if fill == "striped":
        along = ((px + py) / math.sqrt(2)) % (2 * STRIPE)
        edge = np.minimum(np.abs(along - STRIPE), np.minimum(along, 2 * STRIPE - along))
        return np.clip(0.5 + np.where(along < STRIPE, -edge, edge), 0, 1)
    dx, dy = px % DOT_GRID - DOT_GRID / 2, py % DOT_GRID - DOT_GRID / 2
    return np.clip(DOT_RADIUS + 0.5 - np.hypot(dx, dy), 0, 1)


def _paint(canvas: Array, item: Item) -> None:
    reach = item.radius * 1.05 + 2
    x0, x1 = max(int(item.x - reach), 0), min(int(item.x + reach) + 2, CANVAS)
    y0, y1 = max(int(item.y - reach), 0), min(int(item.y + reach) + 2, CANVAS)
    px = np.arange(x0, x1, dtype=np.float32)[None, :] + np.float32(0.5)
    py = np.arange(y0, y1, dtype=np.float32)[:, None] + np.float32(0.5)
    distance = _distance(item.shape, px - np.float32(item.x), py - np.float32(item.y), item.radius)
    cover = np.clip(0.5 - distance, 0, 1)[..., None]
    colour: Array = np.asarray(COLOURS[item.colour], dtype=np.float32)
    if item.fill != "solid":
        shade = _shade(item.fill, px - np.float32(item.phase[0]), py - np.float32(item.phase[1]))[..., None]
        colour = colour * (1 - 0.5 * shade)
    region = canvas[y0:y1, x0:x1]
    region += cover * (colour - region)


def render(scene: Scene) -> npt.NDArray[np.uint8]:
    """The scene as a (128, 128, 3) uint8 array."""
    background: Rgb = BACKGROUNDS[scene.background]
    canvas: Array = np.empty((CANVAS, CANVAS, 3), dtype=np.float32)
    canvas[:] = background
    for item in scene.items:
        _paint(canvas, item)
    return np.clip(np.rint(canvas), 0, 255).astype(np.uint8)
