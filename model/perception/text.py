"""Reads the text of a picture: by RapidOCR (PP-OCR models for Latin and Chinese, inside its wheel), where installed."""

from __future__ import annotations

import importlib
import importlib.util
import threading
from typing import Any, Final, Protocol

import numpy as np
from PIL import Image

from omniagent.model.errors import BadSetting

_PACKAGE: Final = "rapidocr_onnxruntime"
_SIDE: Final = 1024
_MOST_ENLARGED: Final = 2
"""Smaller pictures are enlarged, by no more than this: single digits of small posters are not found otherwise."""


class TextReader(Protocol):
    """Reads text."""

    def lines(self, image: Image.Image) -> tuple[str, ...]:
        """The lines of text that a picture shows, from top to bottom; none where it shows no text."""
        ...


class RapidReader:
    """A `TextReader` by RapidOCR, on the CPU. Its models are loaded when it reads for the first time. Thread-safe.

    Raises:
        BadSetting: the extra `ocr` is not installed.
    """

    def __init__(self) -> None:
        if importlib.util.find_spec(_PACKAGE) is None:
            raise BadSetting("text is read by RapidOCR, which is not installed; pip install 'omniagent[ocr]'")
        self._lock = threading.Lock()
        self._engine: Any = None

    def lines(self, image: Image.Image) -> tuple[str, ...]:
        factor = min(_MOST_ENLARGED, _SIDE / max(image.size))
        if factor > 1:
            image = image.resize((round(image.width * factor), round(image.height * factor)), Image.Resampling.BICUBIC)
        # RapidOCR takes the channels in OpenCV's order.
        pixels = np.ascontiguousarray(np.asarray(image.convert("RGB"))[:, :, ::-1])
        with self._lock:
            if self._engine is None:
                self._engine = importlib.import_module(_PACKAGE).RapidOCR()
            found, _ = self._engine(pixels)
        return tuple(str(text) for _, text, _ in found or ())


def installed_reader() -> TextReader | None:
    """RapidOCR where the extra `ocr` is installed, else None."""
    return RapidReader() if importlib.util.find_spec(_PACKAGE) is not None else None
