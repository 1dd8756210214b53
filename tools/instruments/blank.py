"""Blank pictures: one flat colour from edge to edge. What such a picture cannot show is arithmetic, not an opinion."""

import re

import numpy as np
from PIL import Image

from omniagent.tools.types import Requirement

GRID = 64
FLAT = 8
"""Levels, of 255, within which every cell of a blank picture lies around the middle one."""

# A number of things, one beside another and letters all take contours, however they are asked for.
_CONTOURS = ("count", "relation", "text")
_ASKS_FOR_SOMETHING = re.compile(
    r"^\s*(?:is there|are there|do you see|does (?:the|this) (?:picture|image|photo) (?:show|have|contain))\b",
    re.IGNORECASE,
)
# What a flat picture may show all the same: nothing, few things, or one surface that fills it.
_SURFACE_OR_NOTHING = re.compile(
    r"\b(?:no|not|none|nothing|never|without|neither|zero|0|fewer|less|at most|empty|blank|bare|plain|flat|uniform|"
    r"colou?rs?|shade|tone|backgrounds?|backdrops?|ground|surface|wall|sky|fog|mist|haze|snow|sand|water|sea|ocean|"
    r"darkness|night|canvas|paper|page|sheet|screen|everything|entire(?:ly)?|whole)\b",
    re.IGNORECASE,
)
_WHERE_IT_IS = re.compile(
    r"\b(?:on|against|over|above|in front of)\s+(?:\w+\s+){0,4}(?:background|backdrop|ground|surface|wall|canvas)\b",
    re.IGNORECASE,
)


def is_blank(image: Image.Image) -> bool:
    """Whether the picture is nearly one colour: no cell of a 64x64 grid is 9 levels away from the middle one.

    A picture of at most 64 pixels on a side is never called blank: in one so small, a thing may fill all of it.
    """
    if min(image.size) <= GRID:
        return False
    cells = np.asarray(image.convert("RGB").resize((GRID, GRID), Image.Resampling.BOX), dtype=np.int32).reshape(-1, 3)
    return int(np.abs(cells - np.median(cells, axis=0)).max()) <= FLAT


def blank_fails(need: Requirement) -> bool:
    """Whether no blank picture can fulfil this: it asks for a thing, a number of things or text, and for no surface.

    In doubt False: the critic's word stands then.
    """
    asks = need.kind in _CONTOURS or _ASKS_FOR_SOMETHING.match(need.question) is not None
    return asks and _SURFACE_OR_NOTHING.search(_WHERE_IT_IS.sub("", need.question)) is None
