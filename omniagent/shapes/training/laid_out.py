"""Scenes that a layout in words asks for: what the painter should draw when it is told a plan's own layout."""

import numpy as np

from omniagent.shapes.scene.world import (
    CANVAS,
    COLOURS,
    FILLS,
    LARGE,
    MEDIUM,
    SHAPES,
    SMALL,
    SPOTS,
    Item,
    Scene,
    clear_of,
    inside_canvas,
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
        if item is None or not (inside_canvas(item) and clear_of(item, items)):
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
    """The object somewhere in the grid's square that `place` names (``at c m``)."""
    letters = place.split()
    if item is None or len(letters) != 3 or not all(letter in SPOTS for letter in letters[1:]):
        return None
    x, y = ((SPOTS.index(letter) + rng.uniform(0.1, 0.9)) * _CELL for letter in letters[1:])
    return Item(item.shape, item.colour, item.fill, float(x), float(y), item.radius)
