"""Picture files as containers: what they are by their first bytes, and how to read the pixels without the rest."""

import struct
import zlib
from collections.abc import Iterator

_PNG = b"\x89PNG\r\n\x1a\n"
_PIXELS = (b"IHDR", b"PLTE", b"IDAT", b"IEND")
# What else shows: transparency, the camera's orientation, and the marks of an animation.
_SHOWN = (b"tRNS", b"eXIf", b"acTL", b"fcTL", b"fdAT")
_ADOBE = 12

_CONVERT = "convert it to PNG or JPEG"
_HEIC = f"{_CONVERT}, or install pillow-heif (pip install 'omniagent[heic]'), which is used where it is there"
_VIDEO = "give one frame of it as PNG or JPEG"
_BRANDS = {
    **dict.fromkeys((b"heic", b"heix", b"heim", b"heis", b"hevc", b"hevx", b"mif1", b"msf1"), ("HEIC (HEIF)", _HEIC)),
    **dict.fromkeys((b"avif", b"avis"), ("AVIF that this Pillow cannot decode", _CONVERT)),
    b"crx ": ("a camera's RAW file (CR3)", "develop it to PNG or JPEG"),
    **dict.fromkeys((b"isom", b"iso2", b"mp41", b"mp42", b"avc1", b"qt  ", b"M4V ", b"3gp4"), ("a video", _VIDEO)),
}
_RAW = ("a camera's RAW file", "develop it to PNG or JPEG")
_KINDS: tuple[tuple[bytes, tuple[str, str]], ...] = (
    (b"\xff\x0a", ("JPEG XL", _CONVERT)),
    (b"\x00\x00\x00\x0cJXL ", ("JPEG XL", _CONVERT)),
    (b"\x00\x00\x00\x0cjP  ", ("JPEG 2000", _CONVERT)),
    (b"\xff\x4f\xff\x51", ("JPEG 2000", _CONVERT)),
    (b"%PDF", ("a PDF document", "give the page you mean as PNG or JPEG")),
    (b"%!PS", ("PostScript", "give it as PNG or JPEG")),
    (b"8BPS", ("a Photoshop document", "export it as PNG or JPEG")),
    (b"gimp xcf", ("a GIMP document", "export it as PNG or JPEG")),
    (b"\x00\x00\x01\x00", ("an icon file (ICO)", _CONVERT)),
    (b"\x1aE\xdf\xa3", ("a video", _VIDEO)),
    (b"PK\x03\x04", ("a ZIP archive", "unpack it and give the picture inside")),
    (b"\x1f\x8b", ("a gzip archive", "unpack it and give the picture inside")),
    (b"FUJIFILMCCD-RAW", _RAW),
    (b"IIRO", _RAW),
    (b"IIRS", _RAW),
    (b"MMOR", _RAW),
    (b"IIU\x00", _RAW),
    (b"FOVb", _RAW),
    (b"version https://git-lfs", ("a pointer of Git LFS", "fetch the file itself: git lfs pull")),
)


def foreign_kind(data: bytes) -> tuple[str, str] | None:
    """What a file that is no readable picture is, and what to do with it; None: nothing known."""
    if data[8:10] == b"CR" and data[:4] in (b"II*\x00", b"MM\x00*"):
        return _RAW
    if data[4:8] == b"ftyp":
        # The major brand may be a general one; the compatible ones that follow say more.
        listed = [data[8:12], *(data[at : at + 4] for at in range(16, min(64, len(data)), 4))]
        return next((_BRANDS[brand] for brand in listed if brand in _BRANDS), None)
    for start, kind in _KINDS:
        if data.startswith(start):
            return kind
    head = data[:4096].lstrip(b"\xef\xbb\xbf \t\r\n").lower()
    if head.startswith((b"<!doctype html", b"<html")):
        return "a web page", "open it in a browser and save the picture itself"
    if head.startswith(b"<svg") or (head.startswith((b"<?xml", b"<!")) and b"<svg" in head):
        return "an SVG drawing", "export it as PNG"
    return None


def is_heif(data: bytes) -> bool:
    """Whether this is a HEIC or HEIF picture, as telephones take them."""
    kind = foreign_kind(data)
    return kind is not None and kind == _BRANDS[b"heic"]


def barer(data: bytes) -> Iterator[bytes]:
    """The same PNG or JPEG with less and less beside its pixels, for a decoder that fails at the rest."""
    if data.startswith(_PNG):
        yield _PNG + b"".join(_chunks(data, (*_PIXELS, *_SHOWN)))
        yield _PNG + b"".join(_chunks(data, _PIXELS))
    elif data.startswith(b"\xff\xd8"):
        yield _bare_jpeg(data)


def _chunks(data: bytes, kept: tuple[bytes, ...]) -> Iterator[bytes]:
    """The chunks of a PNG of these kinds, as they are; those beside the pixels only if their checksum is right."""
    at = len(_PNG)
    while at + 8 <= len(data):
        length, kind = struct.unpack_from(">I4s", data, at)
        whole = data[at : at + 12 + length]
        if kind in _PIXELS or (kind in kept and zlib.crc32(whole[4:-4]) == int.from_bytes(whole[-4:])):
            yield whole
        at += 12 + length


def _bare_jpeg(data: bytes) -> bytes:
    """A JPEG with no application segments but EXIF and a whole Adobe one, which says how colours are stored."""
    kept, at = [data[:2]], 2
    while at + 4 <= len(data) and data[at] == 0xFF:
        marker, length = data[at + 1], int.from_bytes(data[at + 2 : at + 4])
        if marker == 0xDA:
            break
        segment = data[at : at + 2 + length]
        beside = 0xE0 <= marker <= 0xEF or marker == 0xFE
        exif = marker == 0xE1 and segment[4:8] == b"Exif"
        adobe = marker == 0xEE and segment[4:9] == b"Adobe" and length >= 2 + _ADOBE
        if not beside or exif or adobe:
            kept.append(segment)
        at += 2 + length
    return b"".join(kept) + data[at:]
