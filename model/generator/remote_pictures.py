"""The picture in the answer of an images API: in base64, as a data URL or behind a link, in any format Pillow reads."""

from __future__ import annotations

import base64
import io
import logging
from collections.abc import Callable
from typing import Any

import httpx
from PIL import Image, ImageOps

from omniagent.model.errors import GenerationFailed
from omniagent.model.generator.remote_request import Pixels
from omniagent.model.http.refusals import words_of

SAME_SHAPE = 1.05
"""Most that two aspect ratios may differ by, as a factor: the steps of 16 pixels that servers draw in make as much."""
MOST_BYTES = 128 * 2**20
log = logging.getLogger("omniagent.generator")


def picture_data(body: Any) -> bytes | str:
    """The encoded picture in an answer, or the http URL or path where it lies. Further pictures are left.

    Raises:
        ValueError, LookupError, TypeError: it holds none.
    """
    listed = next(body[name] for name in ("data", "images", "output") if body.get(name))
    first = listed[0] if isinstance(listed, list) else listed
    if isinstance(first, dict):
        first = next(first[name] for name in ("b64_json", "url", "image", "b64", "base64") if first.get(name))
    if isinstance(first, dict):
        first = first["url"]
    text = str(first).strip()
    if text.startswith(("http://", "https://", "/")) and not text.startswith("/9j/"):
        return text
    if text.startswith("data:"):
        text = text.partition(",")[2]
    bare = "".join(text.split()).translate(str.maketrans("-_", "+/")).rstrip("=")
    return base64.b64decode(bare + "=" * (-len(bare) % 4), validate=True)


async def encoded_picture(url: str, answer: httpx.Response, client_for: Callable[[str], httpx.AsyncClient]) -> bytes:
    """The encoded picture of an answer by the server at `url`, fetched where the answer has its address only.

    Args:
        url: The server's base URL.
        answer: A good one, by its status.
        client_for: Makes a client for an address. One without the server's key, which is for its API alone.

    Raises:
        GenerationFailed: there is none.
    """
    try:
        found = picture_data(answer.json())
        return found if isinstance(found, bytes) else await _fetched(httpx.URL(url).join(found), client_for)
    except (
        *(httpx.HTTPError, httpx.InvalidURL, ValueError, LookupError, TypeError),
        *(AttributeError, StopIteration, RecursionError),
    ) as error:
        # What is no picture may be the server's reason.
        reason = "" if "b64_json" in answer.text[:2000] else f": {words_of(answer.text)[:200]}"
        raise GenerationFailed(
            f"the images API at {url} answered without a picture ({error!r}{reason}); ask again"
        ) from error


async def _fetched(address: httpx.URL, client_for: Callable[[str], httpx.AsyncClient]) -> bytes:
    data = bytearray()
    async with client_for(str(address)) as client, client.stream("GET", address, follow_redirects=True) as answer:
        answer.raise_for_status()
        async for part in answer.aiter_bytes():
            data += part
            if len(data) > MOST_BYTES:
                raise ValueError(f"{address} is longer than {MOST_BYTES:,} bytes")
    return bytes(data)


def read_picture(data: bytes) -> Image.Image:
    """An encoded picture as RGB, upright, on white where it is transparent.

    Raises:
        Exception: whatever the decoder stumbles over.
    """
    with Image.open(io.BytesIO(data)) as opened:
        picture = ImageOps.exif_transpose(opened)
        if picture.has_transparency_data:
            picture = picture.convert("RGBA")
            picture = Image.alpha_composite(Image.new("RGBA", picture.size, "white"), picture)
        return picture.convert("RGB")


def brought_to(picture: Image.Image, wanted: Pixels | None, url: str) -> Image.Image:
    """The picture at the size that was asked for, if it has that shape; one of another shape as it is, which is logged.

    A picture that was paid for is worth more than its size.
    """
    if wanted is None or picture.size == wanted:
        return picture
    shape = picture.width * wanted[1] / (picture.height * wanted[0])
    if max(shape, 1 / shape) <= SAME_SHAPE:
        return picture.resize(wanted, Image.Resampling.LANCZOS)
    log.warning(
        "generator: %s was asked for %dx%d and drew %dx%d, which is another shape; it is kept as it is",
        url,
        *wanted,
        *picture.size,
    )
    return picture
