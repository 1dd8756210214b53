"""Reads the text of a picture: by RapidOCR (PP-OCR models for Latin and Chinese, inside its wheel), where installed."""

from __future__ import annotations

import importlib
import importlib.util
import math
import statistics
import threading
import unicodedata
from collections.abc import Sequence
from typing import Any, Final, NamedTuple, Protocol, runtime_checkable

import numpy as np
from PIL import Image

from omniagent.model.errors import BadSetting

_PACKAGE: Final = "rapidocr_onnxruntime"
_SIDE: Final = 768
_MOST_ENLARGED: Final = 2
"""Smaller pictures are enlarged, by no more than this: single digits of small posters are not found otherwise."""

_UNCLIPPED: Final = 2.0
"""By how much found text is widened before it is read; with the package's 1.6 first letters on busy photos are lost."""

_SAME_ROW: Final = 0.5
"""Share of a line's height by which the middles of words of one row lie apart at most."""


class PlacedLine(NamedTuple):
    """A line of text, and the upright box around it in pixels of the picture."""

    text: str
    left: float
    top: float
    right: float
    bottom: float


class TextReader(Protocol):
    """Reads text."""

    def lines(self, image: Image.Image) -> tuple[str, ...]:
        """The lines of text that a picture shows, from top to bottom; none where it shows no text."""
        ...


@runtime_checkable
class Placing(Protocol):
    """A reader that also tells where it reads, and which texts are in its letters."""

    def placed(self, image: Image.Image) -> tuple[PlacedLine, ...]:
        """The lines with their places, in the order of `TextReader.lines`."""
        ...

    def knows(self, text: str) -> bool:
        """Whether it can read every letter of a text; of another alphabet it reads nonsense."""
        ...


class RapidReader:
    """A `TextReader` by RapidOCR, on the CPU. Its models are loaded when it reads for the first time. Thread-safe.

    Text that stands on its head is not turned round: NO would be read as ON.

    Raises:
        BadSetting: the extra `ocr` is not installed.
    """

    def __init__(self) -> None:
        if importlib.util.find_spec(_PACKAGE) is None:
            raise BadSetting("text is read by RapidOCR, which is not installed; pip install 'omniagent[ocr]'")
        self._lock = threading.Lock()
        self._engine: Any = None
        self._letters: frozenset[str] = frozenset()

    def lines(self, image: Image.Image) -> tuple[str, ...]:
        return tuple(line.text for line in self.placed(image))

    def placed(self, image: Image.Image) -> tuple[PlacedLine, ...]:
        factor = max(1.0, min(_MOST_ENLARGED, _SIDE / max(image.size)))
        if factor > 1:
            image = image.resize((round(image.width * factor), round(image.height * factor)), Image.Resampling.BICUBIC)
        # RapidOCR takes the channels in OpenCV's order.
        pixels = np.ascontiguousarray(np.asarray(image.convert("RGB"))[:, :, ::-1])
        with self._lock:
            self._load()
            found, _ = self._engine(pixels, use_cls=False, unclip_ratio=_UNCLIPPED)
        words = [_Word(str(text), [(float(x), float(y)) for x, y in corners]) for corners, text, _ in found or ()]
        return tuple(word.placed(factor) for word in _in_order(words))

    def knows(self, text: str) -> bool:
        with self._lock:
            self._load()
        letters = [sign for sign in unicodedata.normalize("NFKC", text) if sign.isalnum()]
        return all({sign, sign.lower(), sign.upper()} & self._letters for sign in letters)

    def _load(self) -> None:
        if self._engine is None:
            self._engine = importlib.import_module(_PACKAGE).RapidOCR()
            self._letters = frozenset(self._engine.text_rec.session.get_character_list())


class _Word(NamedTuple):
    """Text within four corners, clockwise from where it begins, in pixels."""

    text: str
    corners: list[tuple[float, float]]

    @property
    def turn(self) -> float:
        """By how much it leans, in radians."""
        (x, y), (right, down) = self.corners[0], self.corners[1]
        return math.atan2(down - y, right - x)

    @property
    def height(self) -> float:
        return math.dist(self.corners[0], self.corners[3])

    def middle(self, turn: float) -> tuple[float, float]:
        """(along, down) of its middle, with that lean taken out."""
        x, y = (sum(corner[at] for corner in self.corners) / 4 for at in (0, 1))
        return x * math.cos(turn) + y * math.sin(turn), y * math.cos(turn) - x * math.sin(turn)

    def placed(self, factor: float) -> PlacedLine:
        across, down = ([corner[at] / factor for corner in self.corners] for at in (0, 1))
        return PlacedLine(self.text, min(across), min(down), max(across), max(down))


def _in_order(words: Sequence[_Word]) -> list[_Word]:
    """Row by row, also where all of them lean."""
    if not words:
        return []
    turn = statistics.median(word.turn for word in words)
    rows: list[list[_Word]] = []
    for word in sorted(words, key=lambda one: one.middle(turn)[1]):
        first = rows[-1][0] if rows else None
        apart = math.inf if first is None else word.middle(turn)[1] - first.middle(turn)[1]
        if first is not None and apart <= _SAME_ROW * min(word.height, first.height):
            rows[-1].append(word)
        else:
            rows.append([word])
    return [word for row in rows for word in sorted(row, key=lambda one: one.middle(turn)[0])]


def installed_reader() -> TextReader | None:
    """RapidOCR where the extra `ocr` is installed, else None."""
    return RapidReader() if importlib.util.find_spec(_PACKAGE) is not None else None
