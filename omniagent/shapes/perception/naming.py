"""Names the objects of a picture of the shapes world quickly: by hue, by silhouette and by the pattern inside."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import lru_cache
from typing import Final

import numpy as np
import numpy.typing as npt
from PIL import Image

from omniagent.model.perception.masks import Mask
from omniagent.shapes.oracle.classify import EVEN, fill_scores
from omniagent.shapes.oracle.judge import size_word
from omniagent.shapes.oracle.segment import shrink
from omniagent.shapes.perception.segments import Floats, Segment, pixels_of, segments
from omniagent.shapes.scene.render import render
from omniagent.shapes.scene.world import CANVAS, COLOURS, EXTENTS, SHAPES, Item, Scene, cell_of

_SIDE: Final = 32


@dataclass(frozen=True)
class Named:
    """An object by its words; x, y and radius in pixels of the 128 canvas; `cell` is one of the nine places."""

    shape: str
    colour: str
    fill: str
    x: float
    y: float
    radius: float
    segment: Segment

    @property
    def words(self) -> str:
        """`striped blue star`; a solid fill stays unsaid."""
        return " ".join(word for word in ("" if self.fill == "solid" else self.fill, self.colour, self.shape) if word)

    @property
    def size(self) -> str | None:
        """small, large or neither."""
        return size_word(self.radius)

    @property
    def cell(self) -> str:
        """The word of its place."""
        return cell_of(self.x, self.y)


def named(picture: Image.Image) -> tuple[Named, ...]:
    """The objects of a picture with their names, from top to bottom."""
    rgb = picture.convert("RGB")
    return _named_in(rgb.size, rgb.tobytes())


@lru_cache(maxsize=32)
def _named_in(size: tuple[int, int], data: bytes) -> tuple[Named, ...]:
    # Kept, since stages ask several things of one picture in turn.
    picture = Image.frombytes("RGB", size, data)
    pixels = pixels_of(picture.resize((CANVAS, CANVAS), Image.Resampling.BOX))
    return tuple(_named(pixels, each, size) for each in segments(picture))


def _named(pixels: Floats, segment: Segment, size: tuple[int, int]) -> Named:
    across, down = CANVAS / size[0], CANVAS / size[1]
    left, top, right, bottom = segment.box
    left, top, right, bottom = left * across, top * down, right * across, bottom * down
    plane = Image.fromarray(segment.mask.astype(np.uint8) * 255).resize((CANVAS, CANVAS), Image.Resampling.BOX)
    mask: Mask = np.asarray(plane) > 127
    shape = _shape(mask, (left, top, right, bottom))
    x_before, up, x_after, below = EXTENTS[shape]
    radius = ((right - left) / (x_before + x_after) + (bottom - top) / (up + below)) / 2
    return Named(
        shape=shape,
        colour=list(COLOURS)[segment.hue],
        fill=_fill(pixels, mask),
        x=(left + right) / 2,
        y=top + (bottom - top) * up / (up + below),
        radius=radius,
        segment=segment,
    )


def _silhouette(mask: Mask, box: tuple[float, float, float, float]) -> Floats:
    plane = Image.fromarray(mask.astype(np.uint8) * 255)
    small = plane.resize((_SIDE, _SIDE), Image.Resampling.BILINEAR, box=box)
    return np.asarray(small, dtype=np.float32) / np.float32(255)


@lru_cache(maxsize=1)
def _templates() -> npt.NDArray[np.float32]:
    made: list[Floats] = []
    for shape in SHAPES:
        item = Item(shape, "red", "solid", CANVAS / 2, CANVAS / 2, 40)
        mask = np.abs(render(Scene("white", (item,))).astype(np.float32) - 250).max(axis=-1) > 60
        rows, columns = np.flatnonzero(mask.any(axis=1)), np.flatnonzero(mask.any(axis=0))
        made.append(_silhouette(mask, (columns[0], rows[0], columns[-1] + 1, rows[-1] + 1)))
    return np.stack(made)


def _shape(mask: Mask, box: tuple[float, float, float, float]) -> str:
    seen = _silhouette(mask, box)
    both = np.minimum(_templates(), seen).sum(axis=(1, 2))
    either = np.maximum(_templates(), seen).sum(axis=(1, 2))
    return SHAPES[int((both / either).argmax())]


def _fill(pixels: Floats, mask: Mask) -> str:
    inner = shrink(mask, 2)
    if inner.sum() < 20:
        inner = shrink(mask, 1)
    if inner.sum() < 20:
        return "solid"
    own = pixels[inner]
    mean = own.mean(axis=0)
    brightness = np.zeros(mask.shape, np.float32)
    brightness[inner] = own @ mean / max(float(mean @ mean), 1.0)
    spread, scores = fill_scores(brightness, inner.astype(np.float32))
    if spread < EVEN:
        return "solid"
    return max(scores, key=lambda name: scores[name][0])


def moved(item: Item, x: float, y: float) -> Item:
    """The object at another place, its pattern with it."""
    dx, dy = x - item.x, y - item.y
    return replace(item, x=x, y=y, phase=(item.phase[0] + dx, item.phase[1] + dy))
