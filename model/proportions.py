"""Shapes of pictures that a Qwen2.5-VL takes: the longer side at most 200 times the shorter one.

Its size rule (`smart_resize` of transformers, on servers too) refuses longer pictures. For narrow ones it widens the
short side to a whole patch; beyond 200 to 1 that is gone on with here, by stretching the short side. Bars beside the
picture would be taken for part of it and a cut would hide some of it; a stretched one shows all of its pixels in
their order and nothing else.
"""

from __future__ import annotations

from PIL import Image

MOST_OBLONG = 200
LEAST_SIDE = 28


def widened(width: int, height: int) -> tuple[int, int]:
    """(width, height) in pixels with the shorter side raised to 1/200 of the longer one where it is less."""
    least = -(-max(width, height) // MOST_OBLONG)
    return max(width, least), max(height, least)


def sendable(picture: Image.Image) -> Image.Image:
    """A picture as any server takes it: at most 200 times as long as wide, no side under one patch of 28 pixels.

    Servers refuse sides of a few pixels, or take one of 1 or 3 pixels for the colours. Such pictures are enlarged;
    all others come back as they are.
    """
    width, height = widened(*picture.size)
    if min(width, height) < LEAST_SIDE:
        scale = LEAST_SIDE / min(width, height)
        width, height = (max(LEAST_SIDE, round(side * scale)) for side in (width, height))
        width, height = widened(width, height)
    return picture if picture.size == (width, height) else picture.resize((width, height), Image.Resampling.BICUBIC)
