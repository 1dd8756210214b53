"""Follows objects of the shapes world from frame to frame: by overlap, place, colour and size."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import numpy as np
from PIL import Image

from omniagent.model.perception.masks import Mask, Rect, overlap
from omniagent.shapes.perception.segments import Segment, segments

_FARTHEST: Final = 0.3
"""Share of the longer side that an object may move from one frame to the next one given."""
_GROWTH: Final = 2.2
"""Factor by which its area may change on the way."""


class ShapesTracker:
    """A `Tracker` by rules."""

    name = "shapes rules"

    def track(self, frames: Sequence[Image.Image], boxes: Sequence[Rect]) -> list[list[Mask]]:
        """As `Tracker.track`."""
        last: list[Segment | None] = []
        masks: list[list[Mask]] = []
        for number, frame in enumerate(frames):
            here = list(segments(frame))
            empty = np.zeros((frame.height, frame.width), dtype=bool)
            if number == 0:
                last = [_at(box, here) for box in boxes]
                masks.append([empty if one is None else one.mask for one in last])
                continue
            row: list[Mask] = []
            for thing, before in enumerate(last):
                found = None if before is None else _next(before, here, max(frame.size))
                if found is not None:
                    last[thing] = found
                    here = [one for one in here if one is not found]
                row.append(empty if found is None else found.mask)
            masks.append(row)
        return masks


def _at(box: Rect, here: Sequence[Segment]) -> Segment | None:
    best = max(here, key=lambda one: overlap(box, one.box), default=None)
    return best if best is not None and overlap(box, best.box) > 0.3 else None


def _next(before: Segment, here: Sequence[Segment], side: int) -> Segment | None:
    def apart(one: Segment) -> float:
        (a, b), (c, d) = _middle(before.box), _middle(one.box)
        return float(np.hypot(a - c, b - d)) / side

    area = float(before.mask.sum())
    alike = [
        one
        for one in here
        if one.hue == before.hue and apart(one) < _FARTHEST and 1 / _GROWTH < one.mask.sum() / area < _GROWTH
    ]
    return min(alike, key=apart, default=None)


def _middle(box: Rect) -> tuple[float, float]:
    return (box[0] + box[2]) / 2, (box[1] + box[3]) / 2
