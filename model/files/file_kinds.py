"""Tells what a file is by its first bytes, so that one that holds no safetensors weights is named for what it is."""

from __future__ import annotations

import zipfile
from collections.abc import Iterable
from pathlib import Path

from omniagent.model.errors import BadCheckpoint

PICKLE = (
    "a pickle (pickled weights can run code when they are read) and is refused; "
    "convert it to safetensors where you trust it"
)
GGUF = "a GGUF file, the weights of another family of programs; take the model's safetensors instead"
POINTER = (
    "a pointer of a large file storage and not the file itself; "
    "fetch the real one (git lfs pull, or download it from the model's page)"
)
WEB_PAGE = "a web page and no weights, such as an error or a login that was saved; download the file itself again"
OTHER_FRAMEWORK = "weights of another framework; take the model's safetensors instead"
PICKLE_SUFFIXES = (".bin", ".pt", ".pth", ".ckpt", ".pkl", ".pickle")
_BY_SUFFIX = {
    ".gguf": GGUF,
    ".msgpack": OTHER_FRAMEWORK,
    ".h5": OTHER_FRAMEWORK,
    ".onnx": OTHER_FRAMEWORK,
} | dict.fromkeys(PICKLE_SUFFIXES, PICKLE)
_POINTERS = (b"version https://git-lfs", b"# xet version", b"/annex/objects/", b"../.git/annex/", b".git/annex/")
_PAGES = (b"<!doctype html", b"<html", b"<head", b"<?xml", b"<!--")
_HEAD = 512


def kind_of(path: Path) -> str | None:
    """What an existing file is and what to do about it, as the end of a sentence; None for safetensors or unknown."""
    try:
        with path.open("rb") as file:
            head = file.read(_HEAD)
    except OSError:
        return None
    if not head:
        return "empty; download it again"
    # The header's length comes first, of which any byte may look like the start of something else.
    if head[8:9] == b"{" and int.from_bytes(head[:8], "little") < 2**32:
        return None
    start = head.lstrip(b"\xef\xbb\xbf \t\r\n")
    if start.startswith(_POINTERS):
        return POINTER
    if start.lower().startswith(_PAGES):
        return WEB_PAGE
    return _binary_kind(path, head)


def _binary_kind(path: Path, head: bytes) -> str | None:
    if head.startswith(b"GGUF"):
        return GGUF
    if head.startswith(b"\x89HDF\r\n"):
        return OTHER_FRAMEWORK
    if head.startswith(b"PK\x03\x04"):
        return PICKLE if _is_torch_archive(path) else "a zip archive; unpack it first"
    # Protocols 2 to 5, and the tar archives of the oldest torch.
    if (head[0] == 0x80 and head[1:2] in (b"\x02", b"\x03", b"\x04", b"\x05")) or head[257:262] == b"ustar":
        return PICKLE
    if head.startswith((b"\x1f\x8b", b"BZh", b"\xfd7zXZ", b"7z\xbc\xaf", b"\x28\xb5\x2f\xfd")):
        return "a packed archive; unpack it first"
    return None


def _is_torch_archive(path: Path) -> bool:
    try:
        with zipfile.ZipFile(path) as archive:
            names = archive.namelist()
    except (OSError, zipfile.BadZipFile):
        # Cut short: what torch writes begins with a folder that holds data.pkl.
        return path.suffix in PICKLE_SUFFIXES
    return any(name.endswith(".pkl") for name in names)


def refuse_stand_in(path: Path) -> None:
    """Refuse a file that is plainly something else than what its place calls for.

    Raises:
        BadCheckpoint: naming the file, what it is, and what to do.
    """
    kind = kind_of(path)
    if kind is not None:
        raise BadCheckpoint(f"{path} is {kind}")


def stand_ins(files: Iterable[Path]) -> list[str]:
    """Files that hold weights in another form, each with what it is, for a folder without safetensors."""
    found: list[str] = []
    for file in sorted(files):
        if file.is_file() and file.suffix not in (".json", ".txt", ".md", ".safetensors"):
            kind = kind_of(file) or _BY_SUFFIX.get(file.suffix)
            found += [f"{file.name} is {kind}"] if kind is not None else []
    return found
