"""Shapes of pictures that a Qwen2.5-VL takes: the longer side at most 200 times the shorter one.

Its size rule (`smart_resize` of transformers, on servers too) refuses longer pictures. For narrow ones it widens the
short side to a whole patch; beyond 200 to 1 that is gone on with here, by stretching the short side. Bars beside the
picture would be taken for part of it and a cut would hide some of it; a stretched one shows all of its pixels in
their order and nothing else.
"""

from __future__ import annotations

MOST_OBLONG = 200


def widened(width: int, height: int) -> tuple[int, int]:
    """(width, height) in pixels with the shorter side raised to 1/200 of the longer one where it is less."""
    least = -(-max(width, height) // MOST_OBLONG)
    return max(width, least), max(height, least)
