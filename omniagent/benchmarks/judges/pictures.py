"""Pictures as judges get them, and scores as they write them."""

import io
import json
import math
import re
from pathlib import Path
from typing import Any, cast

from PIL import Image

from omniagent.model.errors import BadImage
from omniagent.model.wording import cut
from omniagent.runs.pages import decoded


def opened(path: Path) -> Image.Image:
    """A picture as RGB.

    Raises:
        BadImage: its file is gone or broken.
    """
    try:
        return decoded(path)
    except OSError as error:
        raise BadImage(f"the picture {cut(str(path))} cannot be read: {error}") from error


def jpeg(image: Image.Image, quality: int = 75) -> bytes:
    """The bytes of a JPEG; `quality` as PIL's default, which the official scripts leave."""
    buffer = io.BytesIO()
    image.convert("RGB").save(buffer, "JPEG", quality=quality)
    return buffer.getvalue()


def within(image: Image.Image, pixels: int, multiple: int = 1) -> Image.Image:
    """The picture shrunk to at most so many pixels, its sides then cut down to a multiple; itself where it fits."""
    width, height = image.size
    if width * height > pixels:
        ratio = math.sqrt(pixels / (width * height))
        width, height = int(width * ratio), int(height * ratio)
    size = max(width // multiple, 1) * multiple, max(height // multiple, 1) * multiple
    return image if size == image.size else image.resize(size)


def json_in(answer: str) -> dict[str, Any] | None:
    """The first object of JSON in an answer, whatever stands around it; None where there is none."""
    decoder = json.JSONDecoder(strict=False)
    for found in re.finditer(r"\{", answer):
        try:
            value, _ = decoder.raw_decode(answer, found.start())
        except (ValueError, RecursionError):
            continue
        if isinstance(value, dict):
            return cast("dict[str, Any]", value)
    return None


def number_in(value: object, low: float, high: float) -> float | None:
    """A number within its range, also as text or as the only one of a list; None for anything else."""
    if isinstance(value, list):
        given = cast("list[object]", value)
        return number_in(given[0], low, high) if len(given) == 1 else None
    if isinstance(value, bool) or not isinstance(value, int | float | str):
        return None
    try:
        number = float(value)
    except ValueError:
        return None
    return number if low <= number <= high else None
