"""Pictures of a prompt within the pixels that a critic's profile allows, on the grid of its patches."""

import math
from typing import Final

from PIL import Image

from omniagent.model.mllm.proportions import MOST_OBLONG
from omniagent.model.requests import Prompt

GRID: Final = 28
"""Pixels of a side of one picture token of a Qwen-VL: sides that are no multiple are resized once more by it."""

MOST_TOGETHER: Final = 2.5
"""Times the limit of one picture that all pictures of a prompt have together: with 1 megapixel, 3,200 tokens."""


def within(prompt: Prompt, pixels: int | None) -> Prompt:
    """The prompt with each larger picture shrunk to that many pixels, its shape kept; None is no limit.

    Several pictures share `MOST_TOGETHER` times as many, each the same, so that five photos leave room for words.
    """
    if pixels is None:
        return prompt
    count = sum(not isinstance(part, str) for part in prompt.parts)
    each = min(pixels, math.floor(MOST_TOGETHER * pixels / max(1, count)))
    parts = tuple(part if isinstance(part, str) else shrunk(part, each) for part in prompt.parts)
    return prompt if parts == prompt.parts else Prompt(system=prompt.system, parts=parts)


def shrunk(picture: Image.Image, pixels: int) -> Image.Image:
    """The picture within that many pixels, its sides multiples of the grid; itself where it fits."""
    size = size_within(*picture.size, pixels)
    return picture if size == picture.size else picture.convert("RGB").resize(size, Image.Resampling.LANCZOS)


def size_within(width: int, height: int, pixels: int) -> tuple[int, int]:
    """(width, height) of a picture within that many pixels; a smaller one keeps its own.

    A shorter side under one patch becomes one, and none is more than `MOST_OBLONG` times as long as wide.
    """
    if width * height <= pixels:
        return width, height
    ratio = math.sqrt(pixels / (width * height))
    long, short = (
        max(GRID, math.floor(side * ratio / GRID) * GRID) for side in (max(width, height), min(width, height))
    )
    # A strip of one patch's height takes what is left of the pixels for its length.
    long = min(long, max(GRID, math.floor(pixels / short / GRID) * GRID), MOST_OBLONG * short)
    return (long, short) if width >= height else (short, long)
