"""Scenes of the shapes world, version 1: what can be in a picture, how scenes are drawn at random, and the split.

Coordinates are pixels on a 128×128 canvas, x to the right and y down, pixel centres at half integers.
"""

import hashlib
import math
from collections import Counter
from dataclasses import dataclass, replace
from typing import Literal

import numpy as np

from omniagent.tools.dialects.listed.cells import CELLS

VERSION = 1
CANVAS = 128
GAP = 3.0
MARGIN = 8.0
SMALL = (9.0, 12.0)
LARGE = (17.0, 22.0)
MEDIUM = (13.2, 15.8)
MAX_OBJECTS = 6

Rgb = tuple[int, int, int]
Split = Literal["train", "validation", "test"]

BACKGROUNDS: dict[str, Rgb] = {"white": (250, 250, 250), "black": (20, 20, 20), "gray": (128, 128, 128)}
COLOURS: dict[str, Rgb] = {
    "red": (220, 40, 40),
    "green": (40, 160, 70),
    "blue": (50, 90, 220),
    "yellow": (240, 205, 40),
    "purple": (140, 60, 180),
    "orange": (240, 130, 30),
    "cyan": (40, 190, 200),
    "pink": (240, 130, 180),
}
SHAPES = ("circle", "square", "triangle", "star", "ring")
FILLS = ("solid", "striped", "dotted")
SIZES = ("small", "large")
PLACES = ("top left", "top right", "bottom left", "bottom right", "centre")
RELATIONS = ("left of", "right of", "above", "below", "inside")

# Half extents (left, up, right, down) of each shape and its circumscribed radius, in radii.
EXTENTS: dict[str, tuple[float, float, float, float]] = {
    "circle": (1, 1, 1, 1),
    "square": (0.9, 0.9, 0.9, 0.9),
    "triangle": (0.95, 1, 0.95, 0.8),
    "star": (0.9511, 1, 0.9511, 0.8091),
    "ring": (1, 1, 1, 1),
}
REACH = {"circle": 1.0, "square": 0.9 * math.sqrt(2), "triangle": math.hypot(0.95, 0.8), "star": 1.0, "ring": 1.0}


@dataclass(frozen=True)
class Item:
    """One object: centre (x, y) and radius in pixels; `phase` shifts its stripes or dots, in pixels."""

    shape: str
    colour: str
    fill: str
    x: float
    y: float
    radius: float
    phase: tuple[float, float] = (0.0, 0.0)

    @property
    def size(self) -> str | None:
        """The size word that fits the radius, or None between the two ranges."""
        if self.radius <= (SMALL[1] + LARGE[0]) / 2:
            return "small" if self.radius <= SMALL[1] + 1 else None
        return "large" if self.radius >= LARGE[0] - 1 else None

    @property
    def kind(self) -> tuple[str, str, str]:
        """(fill, colour, shape): what makes this object recognisable."""
        return (self.fill, self.colour, self.shape)


@dataclass(frozen=True)
class Scene:
    """A background word and the objects on it, in drawing order."""

    background: str
    items: tuple[Item, ...]

    @property
    def key(self) -> str:
        """The split key: background and the counted groups of (fill, colour, shape), sorted."""
        counts = Counter(item.kind for item in self.items)
        groups = sorted(f"{n} {fill} {colour} {shape}" for (fill, colour, shape), n in counts.items())
        return f"{self.background}|{';'.join(groups)}"

    @property
    def split(self) -> Split:
        """The part of the split this scene belongs to."""
        return split_of(self.key)

    def without(self, index: int) -> "Scene":
        """This scene with one object taken away."""
        return replace(self, items=self.items[:index] + self.items[index + 1 :])

    def with_item(self, index: int, item: Item) -> "Scene":
        """This scene with the object at `index` replaced."""
        return replace(self, items=(*self.items[:index], item, *self.items[index + 1 :]))


def split_of(key: str) -> Split:
    """SHA-256 of the key modulo 20: 0 is test, 1 validation, the rest training."""
    remainder = int.from_bytes(hashlib.sha256(key.encode()).digest(), "big") % 20
    return "test" if remainder == 0 else "validation" if remainder == 1 else "train"


def cell_of(x: float, y: float) -> str:
    """The word for a centre, one of nine by thirds of the canvas."""
    return CELLS[int(min(max(y * 3 / CANVAS, 0), 2))][int(min(max(x * 3 / CANVAS, 0), 2))]


SPOTS = "abcdefghijklmno"
"""Letters of a 15×15 grid, columns from the left and rows from the top; c, h and m are the middles of the thirds."""


def spot_of(x: float, y: float) -> str:
    """The fine grid's column and row of a centre: ``c h`` for (21, 64)."""
    column, row = (int(min(max(v * len(SPOTS) / CANVAS, 0), len(SPOTS) - 1)) for v in (x, y))
    return f"{SPOTS[column]} {SPOTS[row]}"


def place_of(x: float, y: float) -> str | None:
    """The place word for a centre; None for the edges' middles, which are no places of the world."""
    cell = cell_of(x, y)
    return cell if cell in PLACES else None


def holds(relation: str, a: Item, b: Item, margin: float = MARGIN) -> bool:
    """Whether `a RELATION b` is true of the two centres, with the margin in pixels."""
    match relation:
        case "left of":
            return b.x - a.x >= margin
        case "right of":
            return a.x - b.x >= margin
        case "above":
            return b.y - a.y >= margin
        case "below":
            return a.y - b.y >= margin
        case "inside":
            return b.shape == "ring" and math.hypot(a.x - b.x, a.y - b.y) + 0.5 * a.radius <= 0.5 * b.radius + 2
        case _:
            raise ValueError(f"unknown relation {relation!r}; known: {', '.join(RELATIONS)}")


def concentric(a: Item, b: Item) -> bool:
    """Whether two objects share a centre, to within 2 px on both axes, as a ring and what it holds do."""
    return abs(a.x - b.x) < 2 and abs(a.y - b.y) < 2


def inside_canvas(item: Item) -> bool:
    """Whether the whole object lies on the canvas."""
    left, up, right, down = (extent * item.radius for extent in EXTENTS[item.shape])
    return item.x - left >= 1 and item.y - up >= 1 and item.x + right <= CANVAS - 1 and item.y + down <= CANVAS - 1


def clear_of(item: Item, others: tuple[Item, ...] | list[Item]) -> bool:
    """Whether the object keeps the gap of 3 px from all the others."""
    reach = REACH[item.shape] * item.radius
    return all(
        math.hypot(item.x - other.x, item.y - other.y) >= reach + REACH[other.shape] * other.radius + GAP
        for other in others
    )


def random_radius(rng: np.random.Generator, size: str | None) -> float:
    """A radius in pixels that fits the size word, or any allowed radius without one."""
    low, high = SMALL if size == "small" else LARGE if size == "large" else (SMALL[0], LARGE[1])
    return float(rng.uniform(low, high))


def find_room(
    rng: np.random.Generator,
    item: Item,
    others: list[Item],
    place: str | None = None,
    tries: int = 40,
    *,
    spread: float = CANVAS,
) -> Item | None:
    """The object moved to a random free spot, or None when no try found one.

    `place` is one of the nine cells; `spread` keeps it within so many pixels of that cell's middle, on both axes.
    """
    left, up, right, down = (extent * item.radius + 1 for extent in EXTENTS[item.shape])
    low_x, high_x, low_y, high_y = left, CANVAS - right, up, CANVAS - down
    if place is not None:
        row, column = next((r, line.index(place)) for r, line in enumerate(CELLS) if place in line)
        x, y = (CANVAS * (at + 0.5) / 3 for at in (column, row))
        low_x, high_x = (min(max(v, low_x), high_x) for v in (x - spread, x + spread))
        low_y, high_y = (min(max(v, low_y), high_y) for v in (y - spread, y + spread))
    for _ in range(tries):
        x, y = float(rng.uniform(low_x, high_x)), float(rng.uniform(low_y, high_y))
        if place is not None and cell_of(x, y) != place:
            continue
        moved = replace(item, x=x, y=y)
        if clear_of(moved, others):
            return moved
    return None


def random_kind(rng: np.random.Generator, plain: float = 0.5) -> tuple[str, str, str]:
    """A random (fill, colour, shape); `plain` is the chance of a solid fill."""
    fill = "solid" if rng.random() < plain else str(rng.choice(FILLS[1:]))
    return fill, str(rng.choice(list(COLOURS))), str(rng.choice(SHAPES))


def random_scene(
    rng: np.random.Generator, objects: int, *, repeat: float = 0.35, inside: float = 0.1, plain: float = 0.5
) -> Scene:
    """A random scene of at most `objects` objects.

    `repeat` is the chance that the next object joins the last group, `plain` that of a solid fill.
    """
    items: list[Item] = add_inside(rng, []) if objects > 1 and rng.random() < inside else []
    kind, size = random_kind(rng, plain), None
    while len(items) < objects:
        if not items or rng.random() >= repeat:
            kind = random_kind(rng, plain)
            size = [None, "small", "large"][int(rng.choice(3, p=[0.4, 0.4, 0.2]))]
        radius = random_radius(rng, size if objects < 5 or size != "large" else "small")
        if objects >= 5:
            radius = min(radius, 15.0)
        fill, colour, shape = kind
        found = find_room(rng, Item(shape, colour, fill, 0, 0, radius), items)
        if found is None:
            break
        items.append(found)
    return Scene(str(rng.choice(list(BACKGROUNDS))), tuple(items))


def add_inside(rng: np.random.Generator, items: list[Item]) -> list[Item]:
    """The objects with a large ring added that holds a small object of another colour, when there is room."""
    fill, colour, _ = random_kind(rng)
    ring = find_room(rng, Item("ring", colour, fill, 0, 0, float(rng.uniform(20, LARGE[1]))), items)
    if ring is None:
        return items
    other = str(rng.choice([c for c in COLOURS if c != colour]))
    inner = Item(str(rng.choice(SHAPES[:4])), other, "solid", ring.x, ring.y, SMALL[0])
    return [*items, ring, inner]
