"""What the pages of runs share: their templates, and the pictures within them."""

import base64
import io
from functools import cache
from pathlib import Path

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from PIL import Image


def rendered(template: str, **values: object) -> str:
    """A page by the name of its template; values are escaped, and one that is missing is an error."""
    return _templates().get_template(template).render(**values)


@cache
def _templates() -> Environment:
    """Read once a process: compiling the report's template takes longer than all else of a short run."""
    return Environment(
        loader=FileSystemLoader(Path(__file__).parents[1] / "templates"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )


def decoded(file: Path | io.BytesIO) -> Image.Image:
    """A picture as RGB.

    Raises:
        OSError: the file is gone or broken, in whichever way its decoder tells so.
    """
    try:
        with Image.open(file) as image:
            return image.convert("RGB")
    except (ValueError, SyntaxError, Image.DecompressionBombError) as error:
        raise OSError(f"the picture is broken: {error}") from error


def small_picture(path: Path, side: int, lossless: int = 0) -> str | None:
    """A picture within `side` pixels as a data URI; None when its file is gone or broken, which costs no page.

    Args:
        path: Its file.
        side: Longest side.
        lossless: Most bytes that a PNG of it may have; over that it is a JPEG.
    """
    try:
        small = decoded(path)
    except OSError:
        return None
    small.thumbnail((side, side))
    buffer = io.BytesIO()
    if lossless:
        small.save(buffer, "PNG", optimize=True)
        if buffer.tell() <= lossless:
            return data_uri(buffer.getvalue(), "png")
        buffer = io.BytesIO()
    small.save(buffer, "JPEG", quality=88)
    return data_uri(buffer.getvalue(), "jpeg")


def data_uri(data: bytes, kind: str) -> str:
    """A picture's bytes as the address of an `img`; `kind` as in its MIME type, for example `png`."""
    return f"data:image/{kind};base64,{base64.b64encode(data).decode()}"
