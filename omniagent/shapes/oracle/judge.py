"""The oracle: reads a picture of the shapes world without any learned model.

It is the yardstick of the training and evaluation code, and stands above the agent: nothing that runs inside the agent
may import it.
"""

import numpy as np
import numpy.typing as npt

from omniagent.shapes.oracle.classify import colour_of, fill_of
from omniagent.shapes.oracle.fit import Fit, fit_shapes
from omniagent.shapes.oracle.segment import Blob, Cut, cut
from omniagent.shapes.scene.reading import UNKNOWN, Found, Reading, Unreadable
from omniagent.shapes.words.requirements import Judged, Wanted, judge_reading

# What a clear shape may leave unexplained grows with its edge, since that is where generators are least exact.
LEFT_OVER, LEFT_OVER_PER_EDGE, MOST_LEFT_OVER = 0.02, 0.4, 0.2
EDGE_PER_AREA = {"circle": 2.0, "square": 2.2, "triangle": 3.5, "star": 5.2, "ring": 4.0}
# Where the judge's sizes end, in px of radius: half-way into the gap that the world leaves between 12 and 17.
SMALL_TO, LARGE_FROM, LEAST = 13.5, 15.5, 6.0


def read(picture: npt.NDArray[np.uint8]) -> Reading | Unreadable:
    """The scene in a picture.

    Args:
        picture: RGB, (height, width, 3) uint8; sizes other than 128×128 are resized first.

    Raises:
        ValueError: The array is no such picture.
    """
    found = cut(picture)
    if isinstance(found, Unreadable):
        return found
    objects = sorted((_name(found, blob) for blob in found.blobs), key=lambda one: (one.y, one.x))
    return Reading(background=found.background, objects=tuple(objects))


def judge(picture: npt.NDArray[np.uint8], wanted: Wanted) -> list[Judged]:
    """Every requirement of `wanted` with whether the picture meets it; of an unreadable picture none holds."""
    return judge_reading(read(picture), wanted)


def right(judged: list[Judged]) -> bool:
    """Whether every requirement holds."""
    return all(one.holds for one in judged)


def size_word(radius: float) -> str | None:
    """small, large, or None between the two (and below 6 px)."""
    if radius < LEAST:
        return None
    return "small" if radius <= SMALL_TO else "large" if radius >= LARGE_FROM else None


def _name(found: Cut, blob: Blob) -> Found:
    first, *_ = fit_shapes(blob)
    fill = fill_of(found.pixels, found.base, blob, first)
    return Found(
        colour=colour_of(found.pixels, found.base, blob, first),
        shape=first.shape if _is_clear(first, patterned=fill != "solid") else UNKNOWN,
        fill=fill,
        x=first.x,
        y=first.y,
        radius=first.radius,
        size=size_word(first.radius),
    )


def _is_clear(fit: Fit, *, patterned: bool) -> bool:
    """Whether the shape explains the blob; dark dots and bands at the edge take bites out of it."""
    left = LEFT_OVER + LEFT_OVER_PER_EDGE * EDGE_PER_AREA[fit.shape] / fit.radius
    return 1 - fit.overlap <= min(left * (1.5 if patterned else 1), MOST_LEFT_OVER)
