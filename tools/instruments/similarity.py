"""Whether two pictures look the same, by the mean colours of a coarse grid of cells.

Not by the signs of DCT frequencies or of differences between cells, as common perceptual hashes go: those say nothing
of levels, so that all flat pictures are one whatever their colour, and signs next to zero turn when a picture is only
encoded again. A mean moves with what is seen and hardly with anything else.
"""

import numpy as np
import numpy.typing as npt
from PIL import Image

CELLS = 8
CELL_STEP = 8
"""Levels, of 255, that the colour of one cell moves in a step of `distance`; encoding again moves some at contours."""
WHOLE_STEP = 2
"""The same for the mean colour of the whole picture, which encoding again hardly moves."""

BITS = 192
_DIGITS = 2 * 3 * CELLS * CELLS
_EARLIER = BITS // 4
_FAR = 255 // WHOLE_STEP


def perceptual_hash(image: Image.Image) -> str:
    """The mean red, green and blue of 8x8 cells, row by row, as 384 hexadecimal digits; the picture's size is lost."""
    small = image.convert("RGB").resize((CELLS, CELLS), Image.Resampling.BOX)
    return np.asarray(small, dtype=np.uint8).tobytes().hex()


def distance(first: str, second: str) -> int:
    """By how many steps the colours differ, 0 to 127: of 8 levels in the worst cell, or of 2 in the mean of all cells.

    Two hashes of 192 bits, as runs of earlier versions hold them, are compared bit by bit, 0 to 192; one of them and
    one of this version are far apart.

    Raises:
        ValueError: a hash that `perceptual_hash` did not make.
    """
    for one in (first, second):
        if len(one) not in (_DIGITS, _EARLIER):
            raise ValueError(f"a hash of {len(one)} digits cannot be compared; it has {_DIGITS}, or {_EARLIER}")
    if len(first) != len(second):
        return _FAR
    if len(first) == _EARLIER:
        return (int(first, 16) ^ int(second, 16)).bit_count()
    difference = _colours(first) - _colours(second)
    cell, whole = np.abs(difference).max(), np.abs(difference.mean(axis=0)).max()
    return max(int(cell // CELL_STEP), int(whole // WHOLE_STEP))


def _colours(digest: str) -> npt.NDArray[np.int64]:
    return np.frombuffer(bytes.fromhex(digest), dtype=np.uint8).reshape(-1, 3).astype(np.int64)
