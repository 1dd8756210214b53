"""Pictures whose pixels are the truth: a tile for each line of the checklist.

Green tells which line a tile is of and how often the picture was edited, blue whether the line holds, red is chance:
it makes pictures differ, and it is what a critic's fixed noise hangs on. So a crop of a picture, a tile pasted into
another one, and a picture that was enlarged or has soft edges are read for what they show.
"""

from hashlib import shake_128
from typing import Final

import numpy as np
import numpy.typing as npt
from PIL import Image

SIDE: Final = 32
"""Pixels of a side of a picture; so small a picture is never called blank."""

GRID: Final = 8
"""Cells a side, the grid of the perceptual hash."""

MOST_LINES: Final = 16

_STEP: Final = 15
"""Levels of green between one line and the next."""

_WORN: Final = 2
"""Levels of green that an edit adds to all of a picture, as repeated edits wear all of it; six can be told apart."""

_HOLDS: Final = 128
"""Levels of blue from which a line holds."""

Cells = npt.NDArray[np.uint8]


def _places(lines: int) -> npt.NDArray[np.int64]:
    """Which line each cell belongs to: of 2x2 tiles up to four lines, else of 4x4; with fewer lines they repeat."""
    tiles = 2 if lines <= 4 else 4
    rows = np.arange(GRID) * tiles // GRID
    return (rows[:, None] * tiles + rows[None, :]) % lines


def paint(holds: tuple[bool, ...], chance: npt.NDArray[np.uint8]) -> Image.Image:
    """A picture in which those lines hold.

    Args:
        holds: By line, 1 to 16 of them.
        chance: (8, 8) levels of red.
    """
    places = _places(len(holds))
    blue = np.where(np.asarray(holds)[places], 224, 32)
    cells = np.stack([chance, places * _STEP + 1, blue], axis=-1).astype(np.uint8)
    return Image.fromarray(cells).resize((SIDE, SIDE), Image.Resampling.NEAREST)


def reds(seed: str) -> npt.NDArray[np.uint8]:
    """(8, 8) levels of red, fixed by the seed."""
    data = shake_128(seed.encode()).digest(GRID * GRID)
    return np.frombuffer(data, dtype=np.uint8).reshape(GRID, GRID)


class Seen:
    """A picture of this kind, read: which lines it has, which hold, and how each looks.

    Attributes:
        pixels: (height, width, 3) levels.
        lines: The line of each pixel, (height, width).
        wear: How often most of the picture was edited, 0 to 6.
        key: Equal for equal pictures.
    """

    def __init__(self, image: Image.Image) -> None:
        self.pixels: Cells = np.asarray(image.convert("RGB"), dtype=np.uint8)
        self.lines: npt.NDArray[np.uint8] = self.pixels[:, :, 1] // _STEP
        self.wear = int(np.median(self.pixels[:, :, 1] % _STEP)) // _WORN
        self.key = self.pixels.tobytes()
        self._tiles: dict[int, tuple[bool, bytes]] = {}

    def holds(self, line: int) -> bool:
        """Whether most of the line's tile says that it holds; a line that is not in the picture does not."""
        return self._tile(line)[0]

    def look(self, line: int) -> bytes:
        """How the line's tile looks inside, however worn: equal for equal red and blue."""
        return self._tile(line)[1]

    def has(self, line: int) -> bool:
        """Whether any of the line's tile is in the picture."""
        return bool(self._tile(line)[1])

    def changed(self, to: dict[int, bool], chance: npt.NDArray[np.uint8]) -> Image.Image:
        """The picture with other tiles for some lines, each holding or not; all else is as it was, but worn.

        `chance` are (8, 8) levels of red for the new tiles, stretched over the picture.
        """
        pixels = self.pixels.copy()
        if self.wear < _STEP // _WORN - 1:
            pixels[:, :, 1] += _WORN
        height, width = self.lines.shape
        red = chance[np.arange(height)[:, None] * GRID // height, np.arange(width)[None, :] * GRID // width]
        for line, holds in to.items():
            tile = self.lines == line
            pixels[:, :, 0][tile] = red[tile]
            pixels[:, :, 2][tile] = 224 if holds else 32
        return Image.fromarray(pixels)

    def box(self, line: int) -> tuple[int, int, int, int] | None:
        """Left, top, right and bottom of the line's tile in pixels; None where it is not in the picture."""
        rows, columns = np.nonzero(self.lines == line)
        if not rows.size:
            return None
        return int(columns.min()), int(rows.min()), int(columns.max()) + 1, int(rows.max()) + 1

    def _tile(self, line: int) -> tuple[bool, bytes]:
        if line not in self._tiles:
            tile = self.lines == line
            holds = bool(tile.any()) and float(self.pixels[:, :, 2][tile].mean()) >= _HOLDS
            self._tiles[line] = (holds, self.pixels[_core(tile)][:, ::2].tobytes())
        return self._tiles[line]


def _core(tile: npt.NDArray[np.bool_]) -> npt.NDArray[np.bool_]:
    """A tile without its margin, where edits of its neighbours end softly; all of a tile that is too thin."""
    for margin in (5, 3):
        core = tile.copy()
        core[margin:] &= tile[:-margin]
        core[:-margin] &= tile[margin:]
        core[:, margin:] &= tile[:, :-margin]
        core[:, :-margin] &= tile[:, margin:]
        if core.any():
            return core
    return tile
