"""Pictures on their way out: PNG with its lineage as the run wrote it, or JPEG and WebP drawn from that."""

import io
from pathlib import Path
from typing import Final, Literal

from PIL import Image

from omniagent.http.guard.errors import missing

OutputFormat = Literal["png", "jpeg", "webp"]
MEDIA: Final[dict[OutputFormat, str]] = {"png": "image/png", "jpeg": "image/jpeg", "webp": "image/webp"}


def encoded(path: Path, form: OutputFormat, compression: int | None) -> bytes:
    """The picture of that file in a format.

    Args:
        path: A PNG of a run.
        form: How to give it.
        compression: 0 to 100, the quality of JPEG and WebP; None is 100, for WebP lossless.

    Raises:
        ApiError: 404; the file is gone.
    """
    try:
        data = path.read_bytes()
    except OSError as error:
        raise missing("the picture is gone; run the task again") from error
    if form == "png":
        return data
    buffer = io.BytesIO()
    with Image.open(io.BytesIO(data)) as image:
        rgb = image.convert("RGB")
    if form == "webp" and compression is None:
        rgb.save(buffer, "WEBP", lossless=True)
    else:
        rgb.save(buffer, form.upper(), quality=100 if compression is None else compression)
    return buffer.getvalue()
