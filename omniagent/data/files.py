"""Items that are files: videos and pictures below a folder."""

import hashlib
from collections.abc import Callable
from pathlib import Path
from typing import Final

VIDEOS: Final = frozenset(
    [".mp4", ".m4v", ".mov", ".mkv", ".webm", ".avi", ".mpg", ".mpeg", ".ts", ".wmv", ".flv", ".ogv", ".3gp"]
)
PICTURES: Final = frozenset([".png", ".jpg", ".jpeg", ".webp", ".bmp", ".tif", ".tiff", ".gif", ".avif"])
_WINDOW: Final = 2**20


def finder(endings: frozenset[str]) -> Callable[[Path], list[str]]:
    """A function that finds all files with one of these endings below a folder, in the order of their paths."""

    def find(folder: Path) -> list[str]:
        found = (path for path in folder.rglob("*") if path.suffix.lower() in endings and not path.is_dir())
        return sorted(path.relative_to(folder).as_posix() for path in found)

    return find


def digest_of_file(folder: Path, name: str) -> str:
    """SHA-256 over the size of a file and its first, middle and last MiB: whole films would take long to read.

    Raises:
        OSError: it cannot be read.
    """
    path = folder / name
    size = path.stat().st_size
    told = hashlib.sha256(str(size).encode())
    with path.open("rb") as file:
        for start in (0, max(size // 2 - _WINDOW // 2, 0), max(size - _WINDOW, 0)):
            file.seek(start)
            told.update(file.read(_WINDOW))
    return told.hexdigest()
