"""A marked part of a picture: in words, as a mask for the next edit, and as an outline to be shown."""

import math
from typing import Annotated, Final

from PIL import Image, ImageDraw
from pydantic import BaseModel, ConfigDict, Field

from omniagent.demo.rendering.words import Words

Share = Annotated[float, Field(ge=0, le=1)]

_BRUSH: Final = 0.08
"""Width of a stroke as a part of the picture's shorter side."""
_LEAST: Final = 0.06
"""Sides of a box at least, as a part of the picture's: what was meant is more than a point."""


class Mark(BaseModel):
    """A box around what was marked, and the stroke itself where it was one: shares of the picture's sides, 0 to 1."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    left: Share
    top: Share
    right: Share
    bottom: Share
    stroke: tuple[tuple[Share, Share], ...] = Field(default=(), max_length=1000)

    @property
    def outline(self) -> str:
        """The box or the stroke as the data of an SVG path, in percent of the picture's sides."""
        if self.stroke:
            points = [f"{100 * x:.1f} {100 * y:.1f}" for x, y in self.stroke]
            return f"M{' L'.join(points if len(points) > 1 else points * 2)}"
        left, top, right, bottom = (100 * side for side in self._box())
        return f"M{left:.1f} {top:.1f} H{right:.1f} V{bottom:.1f} H{left:.1f} Z"

    def mask(self, size: tuple[int, int]) -> Image.Image:
        """Gray pixels of that (width, height): white where the picture may change."""
        width, height = size
        mask = Image.new("L", size, 0)
        draw = ImageDraw.Draw(mask)
        if not self.stroke:
            left, top, right, bottom = self._box()
            x, y = int(left * width), int(top * height)
            corner = max(x, math.ceil(right * width) - 1), max(y, math.ceil(bottom * height) - 1)
            draw.rectangle(((x, y), corner), fill=255)
            return mask
        brush = max(3.0, _BRUSH * min(size))
        points = [(x * width, y * height) for x, y in self.stroke]
        draw.line(points, fill=255, width=round(brush))
        # Round ends, and no gaps where the stroke turns.
        for x, y in points:
            draw.ellipse((x - brush / 2, y - brush / 2, x + brush / 2, y + brush / 2), fill=255)
        return mask

    def _box(self) -> tuple[float, float, float, float]:
        left, right = _widened(self.left, self.right)
        top, bottom = _widened(self.top, self.bottom)
        return left, top, right, bottom


def place_of(mark: Mark, words: Words) -> str:
    """Where the middle of the marked part lies, by thirds of the picture, in words that a task can end with."""
    across, down = (mark.left + mark.right) / 2, (mark.top + mark.bottom) / 2
    row, column = min(2, int(down * 3)), min(2, int(across * 3))
    return words[f"place.{3 * row + column}"]


def _widened(low: float, high: float) -> tuple[float, float]:
    low, high = min(low, high), max(low, high)
    if high - low >= _LEAST:
        return low, high
    start = min(max(0.0, (low + high - _LEAST) / 2), 1 - _LEAST)
    return start, start + _LEAST
