"""Fills parts of pictures of the shapes world: with background, another background, or an object."""

from __future__ import annotations

from typing import Final

import numpy as np
from PIL import Image

from omniagent.model.perception.masks import Mask, pasted
from omniagent.shapes.perception.segments import ground_of, pixels_of
from omniagent.shapes.scene.render import render
from omniagent.shapes.scene.world import BACKGROUNDS, CANVAS, Item, Scene, find_room, inside_canvas, random_kind

_MOST: Final = 0.5
"""A mask that covers more is a background to be drawn anew; a smaller one is a hole in the one that is there."""
_OBJECTS: Final = 0.7
"""How often something is drawn into a hole."""
_EMPTY: Final = "empty"
"""A prompt with this word gets no objects."""


class ShapesFiller:
    """A `Filler` by rules; its edges are hard, since flat pictures have no soft ones."""

    name = "shapes rules"

    def fill(self, picture: Image.Image, mask: Mask, *, prompt: str = "", seed: int = 0) -> Image.Image:
        """As `Filler.fill`."""
        rng = np.random.default_rng([seed, 7])
        # Of the whole picture: what is kept may be an object alone.
        around, colour = ground_of(pixels_of(picture))
        ground = str(rng.choice([name for name in BACKGROUNDS if name != around])) if mask.mean() > _MOST else around
        plane = Image.fromarray(mask.astype(np.uint8) * 255).resize((CANVAS, CANVAS), Image.Resampling.BOX)
        room = np.asarray(plane) > 200
        item = _object(rng, room) if _EMPTY not in prompt.lower() and rng.random() < _OBJECTS else None
        drawn = Image.fromarray(render(Scene(ground, () if item is None else (item,))))
        if ground == around:
            # The background as it is in this picture, which compression may have shifted.
            flat = np.asarray(drawn).astype(np.float32)
            shift = (colour - np.asarray(BACKGROUNDS[ground], np.float32)) * (
                np.abs(flat - np.asarray(BACKGROUNDS[ground], np.float32)).max(axis=-1, keepdims=True) < 1
            )
            drawn = Image.fromarray(np.clip(flat + shift, 0, 255).astype(np.uint8))
        over = drawn.resize(picture.size, Image.Resampling.BICUBIC)
        return pasted(over, picture, mask, 0)


def _object(rng: np.random.Generator, room: Mask) -> Item | None:
    """An object that lies in the room with some space around it; None where none fits."""
    for radius in (18.0, 14.0, 11.0, 9.5):
        fill, colour, shape = random_kind(rng)
        for _ in range(12):
            item = find_room(rng, Item(shape, colour, fill, 0, 0, radius), [])
            if item is not None and inside_canvas(item) and _within(item, room):
                return item
    return None


def _within(item: Item, room: Mask) -> bool:
    y, x = np.ogrid[:CANVAS, :CANVAS]
    disc = np.hypot(x + 0.5 - item.x, y + 0.5 - item.y) <= 1.15 * item.radius + 2
    return bool(room[disc].all())
