"""Parts a picture of the shapes world into its objects: what stands off the flat background, in connected regions."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt
from PIL import Image

from omniagent.model.perception.masks import Mask, Rect, box_of
from omniagent.shapes.oracle.segment import chroma, hues, label
from omniagent.shapes.scene.world import BACKGROUNDS, CANVAS

Floats = npt.NDArray[np.float32]

_OFF: Final = 42.0
"""RGB distance from the background from which a pixel belongs to an object."""
_LEAST: Final = 40
"""Pixels of the canvas; smaller regions are noise or remains of compression."""


@dataclass(frozen=True)
class Segment:
    """An object: its mask on the picture, and its chroma, in the oracle's opponent plane."""

    mask: Mask
    chroma: Floats

    @property
    def box(self) -> Rect:
        """The box around it in pixels."""
        box = box_of(self.mask)
        assert box is not None
        return box

    @property
    def hue(self) -> int:
        """The number of the nearest colour of the world."""
        return int(np.argmax(hues() @ self.chroma))


def pixels_of(picture: Image.Image) -> Floats:
    """A picture as (height, width, 3) floats of 0 to 255."""
    return np.asarray(picture.convert("RGB"), dtype=np.float32)


def ground_of(pixels: Floats) -> tuple[str, Floats]:
    """The background's word and its colour: the one that most pixels are near to."""
    names = list(BACKGROUNDS)
    away = np.stack(
        [np.linalg.norm(pixels - np.asarray(colour, np.float32), axis=-1) for colour in BACKGROUNDS.values()]
    )
    near = away < _OFF
    best = int(near.reshape(len(names), -1).sum(axis=1).argmax())
    own = pixels[near[best]]
    return names[best], np.median(own, axis=0).astype(np.float32) if len(own) else pixels.mean(axis=(0, 1))


def segments(picture: Image.Image) -> tuple[Segment, ...]:
    """The objects of a picture, from top to bottom.

    A picture larger than the canvas is parted at the canvas's size and its masks are enlarged, since regions are
    counted in pixels of the canvas.
    """
    small = picture.convert("RGB")
    scale = max(small.size) / CANVAS
    if scale > 1:
        small = small.resize(
            (max(round(small.width / scale), 1), max(round(small.height / scale), 1)), Image.Resampling.BOX
        )
    pixels = pixels_of(small)
    _, base = ground_of(pixels)
    labels, count = label(np.linalg.norm(pixels - base, axis=-1) > _OFF)
    plane = chroma(pixels)
    found: list[Segment] = []
    for number in range(1, count + 1):
        mask = labels == number
        if mask.sum() < _LEAST:
            continue
        found.append(Segment(_enlarged(mask, picture.size), plane[mask].mean(axis=0)))
    return tuple(found)


def _enlarged(mask: npt.NDArray[np.bool_], size: tuple[int, int]) -> Mask:
    if (mask.shape[1], mask.shape[0]) == size:
        return mask
    plane = Image.fromarray(mask.astype(np.uint8) * 255).resize(size, Image.Resampling.BILINEAR)
    return np.asarray(plane) > 127
