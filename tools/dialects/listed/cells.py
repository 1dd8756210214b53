"""The nine places of a picture in the listed notation: their words, their spots, and which are taken first."""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

CELLS: Final = (
    ("top left", "top", "top right"),
    ("left", "centre", "right"),
    ("bottom left", "bottom", "bottom right"),
)
"""The places, row by row."""

WHERE: Final[Mapping[str, tuple[int, int]]] = MappingProxyType(
    {cell: (column, row) for row, line in enumerate(CELLS) for column, cell in enumerate(line)}
)
"""Column and row of each place."""

_CORNERS: Final = ("top left", "top right", "bottom left", "bottom right")
_SIDES: Final = ("left", "right", "top", "bottom")


def preferred(objects: int) -> tuple[str, ...]:
    """The nine places in the order in which that many objects take them."""
    if objects == 1:
        return ("centre", *_SIDES, *_CORNERS)
    if objects == 2:
        return (*_SIDES, *_CORNERS, "centre")
    if objects <= 5:
        return (*_CORNERS, "centre", *_SIDES)
    return (*_CORNERS, "top", "bottom", "left", "right", "centre")


def middle_of(cell: str) -> str:
    """The fine grid's spot in the middle of a place: ``c h`` for left."""
    column, row = WHERE[cell]
    return f"{'chm'[column]} {'chm'[row]}"
