"""Pictures as judges get them."""

import io
import math
from pathlib import Path

from PIL import Image

from omniagent.model.errors import BadImage, BadSetting
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


def given(path: Path) -> Image.Image:
    """A picture of the data as RGB.

    Raises:
        BadSetting: its file is gone or broken: then it is no fault of the picture that is judged.
    """
    try:
        return opened(path)
    except BadImage as error:
        raise BadSetting(
            f"{error}; it is of the data: give the whole folder of the data, as it was published"
        ) from error


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
