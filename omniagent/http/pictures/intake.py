"""Pictures that clients send: as files of a form, as data URIs or base64, and as URLs where those are allowed.

Nothing that a client sends is ever taken for the name of a file on this machine.
"""

import base64
import binascii
import re
from collections.abc import Sequence
from typing import Final

from PIL import Image

from omniagent.http.settings import HttpSettings
from omniagent.model.errors import BadImage
from omniagent.model.wording import shown
from omniagent.tools.intake.masks import read_mask
from omniagent.tools.intake.task import read_images

_DATA = re.compile(r"\s*data:[^,]{0,200};base64,", re.IGNORECASE)
_URL = re.compile(r"\s*https?://", re.IGNORECASE)
_BASE64 = re.compile(r"[A-Za-z0-9+/_\-\s]+={0,2}\s*")
_MARKUP: Final = (b"<svg", b"<html", b"<!doctype", b"<script", b"<?xml", b"<?php")


def bytes_of(text: str, name: str, settings: HttpSettings) -> bytes:
    """The bytes of a picture that stands in JSON; it may block while a URL is fetched.

    Raises:
        BadImage: it is neither base64, nor a data URI, nor a URL that may be fetched.
    """
    if _URL.match(text):
        if not settings.fetch_urls:
            raise BadImage(f"{name} is the URL {shown(text)}, and this server fetches none; send the picture itself")
        from omniagent.tools.intake.fetch import fetch

        return fetch(text.strip(), settings.picture_bytes, public_only=True)
    head = _DATA.match(text)
    body = text[head.end() :] if head else text
    plain = "".join(body.split()).translate(str.maketrans("-_", "+/")).rstrip("=")
    if not plain or not _BASE64.fullmatch(plain):
        raise BadImage(f"{name} is {shown(text)}; send data:image/png;base64,… with the bytes of a picture")
    try:
        return base64.b64decode(plain + "=" * (-len(plain) % 4), validate=True)
    except binascii.Error as error:
        raise BadImage(f"{name} is no whole base64 ({len(plain):,} characters); send all of it") from error


def pictures_of(given: Sequence[bytes], settings: HttpSettings) -> list[Image.Image]:
    """The pictures, upright RGB. It may take a second, so call it in a thread.

    Raises:
        BadImage: there are too many, or one is too large, broken or no picture.
    """
    if len(given) > settings.pictures:
        raise BadImage(f"{len(given)} pictures came with one request; send at most {settings.pictures}")
    for number, data in enumerate(given, start=1):
        _check(data, f"image {number}", settings)
    return read_images(given, max_pixels=settings.pixels)


def mask_of(data: bytes, pictures: Sequence[Image.Image], settings: HttpSettings) -> Image.Image:
    """The mask as gray pixels, white where image 1 may change. Call it in a thread.

    Raises:
        BadImage, BadSetting: see `read_mask`.
    """
    _check(data, "the mask", settings)
    return read_mask(data, pictures)


def _check(data: bytes, name: str, settings: HttpSettings) -> None:
    if len(data) > settings.picture_bytes:
        raise BadImage(f"{name} has {len(data):,} bytes; send at most {settings.picture_bytes:,}")
    if data[:512].lstrip(b"\xef\xbb\xbf \t\r\n").lower().startswith(_MARKUP):
        raise BadImage(f"{name} is a text with markup and no picture; send PNG, JPEG or WebP")
