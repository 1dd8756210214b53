"""Scenes that a layout in words asks for: what the generator should draw when it is told a plan's own layout."""

from dataclasses import replace

import numpy as np

from omniagent.shapes.scene.world import (
    CANVAS,
    COLOURS,
    EXTENTS,
    FILLS,
    LARGE,
    MEDIUM,
    SHAPES,
    SMALL,
    SPOTS,
    Item,
    Scene,
    clear_of,
    random_radius,
)
from omniagent.tools.dialects.listed.layouts import INSIDE
from omniagent.tools.dialects.listed.notation import read_layout

_HOLDING = (20.0, LARGE[1])
_CELL = CANVAS / len(SPOTS)


def scene_of_layout(rng: np.random.Generator, text: str) -> Scene | None:
    """A scene as laid out on the fine grid, sizes as said; None for other words, or where objects have no room."""
    layout = read_layout(text)
    if layout is None:
        return None
    words = layout.head.split()
    if len(words) != 5 or words[:3] != ["draw", "on", "a"]:
        return None
    items: list[Item] = []
    for at, spot in enumerate(layout.spots):
        if spot.place == INSIDE:
            item = _item(rng, spot.words, None)
            ring = items[-1] if items else None
            if item is None or ring is None or ring.shape != "ring":
                return None
            items.append(Item(item.shape, item.colour, item.fill, ring.x, ring.y, SMALL[0]))
            continue
        holds = at + 1 < len(layout.spots) and layout.spots[at + 1].place == INSIDE
        item = _placed(rng, _item(rng, spot.words, _HOLDING if holds else None), spot.place)
        if item is None or not clear_of(item, items):
            return None
        items.append(item)
    return Scene(words[3], tuple(items))


def _item(rng: np.random.Generator, words: tuple[str, ...], radii: tuple[float, float] | None) -> Item | None:
    """The object of these words, nowhere yet; None where no shape or no colour is said."""
    colour = next((word for word in words if word in COLOURS), None)
    if colour is None or words[-1] not in SHAPES:
        return None
    fill = next((word for word in words if word in FILLS), "solid")
    size = "small" if "small" in words else "large" if "large" in words else None
    radius = rng.uniform(*radii) if radii else random_radius(rng, size) if size else rng.uniform(*MEDIUM)
    return Item(words[-1], colour, fill, 0.0, 0.0, float(radius))


def _placed(rng: np.random.Generator, item: Item | None, place: str) -> Item | None:
    """The object whole on the canvas, in the grid's square that `place` names (``at c m``); None where it cannot be."""
    letters = place.split()
    if item is None or len(letters) != 3 or not all(letter in SPOTS for letter in letters[1:]):
        return None
    left, up, right, down = (extent * item.radius + 1 for extent in EXTENTS[item.shape])
    centre: list[float] = []
    for letter, before, behind in zip(letters[1:], (left, up), (right, down), strict=True):
        at = SPOTS.index(letter)
        low, high = max((at + 0.1) * _CELL, before), min((at + 0.9) * _CELL, CANVAS - behind)
        if low > high:
            return None
        centre.append(float(rng.uniform(low, high)))
    return replace(item, x=centre[0], y=centre[1])
