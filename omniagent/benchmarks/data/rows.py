"""Rows of data sets as the hub has them: Parquet files with pictures inside, or JSON lines with paths of pictures."""

import hashlib
import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

from omniagent.model.errors import BadSetting
from omniagent.model.wording import cut, shown
from omniagent.tools.record.files import write_whole

_TYPES = {b"\x89PNG": ".png", b"\xff\xd8\xff": ".jpg", b"RIFF": ".webp", b"GIF8": ".gif", b"BM": ".bmp"}


@dataclass(frozen=True)
class Row:
    """A row of a data set. `where` says in which file it stands, and as which row, for messages."""

    values: Mapping[str, Any]
    where: str

    def __getitem__(self, name: str) -> Any:
        return self.values[name]

    def get(self, name: str, default: Any = None) -> Any:
        """A field; the default where the row has none of that name."""
        return self.values.get(name, default)

    def words(self, name: str) -> str:
        """A field that must hold words. Raises: BadSetting as `words_of`."""
        return words_of(self.values[name], name, self.where)


def words_of(value: object, what: str, where: str) -> str:
    """A text of the data, such as an instruction, as it is.

    Args:
        value: What stands there.
        what: The name of the field.
        where: The file and the row.

    Raises:
        BadSetting: it is no text, or an empty one.
    """
    if not isinstance(value, str) or not value.strip():
        raise BadSetting(f"{where}: the {what} is {shown(value)}; give data in which it holds words")
    return value


def row_files(folder: Path, split: str = "") -> list[Path]:
    """Files of rows below a folder, in order: `*.parquet`, else `*.jsonl`; those named after the split, where any are.

    A file is of a split where its name, or the folder that it lies in, begins with it, as the hub has it.
    """
    for ending in ("parquet", "jsonl"):
        found = sorted(folder.rglob(f"*.{ending}"))
        named = [path for path in found if _of_split(path.relative_to(folder), split)]
        if found:
            return named or found
    return []


def read_rows(folder: Path, needed: tuple[str, ...], split: str = "") -> Iterator[Row]:
    """The rows of a folder's files.

    Raises:
        BadSetting: there are none, a file is broken, or a row lacks a needed field.
    """
    if not (files := row_files(folder, split)):
        raise BadSetting(f"{cut(str(folder))} holds no .parquet or .jsonl file; give the folder of the data set")
    for path in files:
        for number, row in enumerate(_rows(path), start=1):
            where = f"row {number} of {cut(str(path))}"
            if lacking := [name for name in needed if name not in row]:
                raise BadSetting(f"{where} has no field {lacking[0]}; it has {', '.join(sorted(row))}")
            yield Row(row, where)


def picture_of(value: object, folder: Path, work: Path) -> Path:
    """A row's picture as a file: a path relative to the data, or bytes, which are written into `work` as they are.

    Raises:
        BadSetting: it is neither.
        OutputUnwritable, StorageFull: it cannot be written.
    """
    if isinstance(value, str):
        path = folder / value
        if not path.resolve().is_relative_to(folder.resolve()):
            raise BadSetting(f"the picture {shown(value)} lies outside of the data; give paths within their folder")
        return path
    held: Any = cast("Mapping[str, Any]", value).get("bytes") if isinstance(value, Mapping) else value
    if isinstance(held, bytes):
        kind = next((kind for start, kind in _TYPES.items() if held.startswith(start)), ".img")
        path = work / f"{hashlib.sha256(held).hexdigest()[:32]}{kind}"
        if not path.is_file():
            write_whole(path, held)
        return path
    inner: Any = cast("Mapping[str, Any]", value).get("path") if isinstance(value, Mapping) else None
    if isinstance(inner, str):
        return picture_of(inner, folder, work)
    raise BadSetting(f"{shown(value)} is no picture; give a path, or the bytes of a file")


def safe_name(name: str, what: str) -> str:
    """A name from the data as part of a path.

    Raises:
        BadSetting: it would lead to another folder, or no file can be called so.
    """
    if not re.fullmatch(r"[^/\\\0]{1,200}", name) or name.strip(". ") == "":
        raise BadSetting(f"{what} {shown(name)} cannot name a file; give data whose names have no slashes")
    return name


def _of_split(path: Path, split: str) -> bool:
    return bool(split) and any(part.startswith(split) for part in path.parts[-2:])


def numbered_lines(path: Path) -> Iterator[tuple[int, str]]:
    """The lines of a text file that hold something, counted from 1. Raises: BadSetting: it cannot be read."""
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise BadSetting(f"{cut(str(path))} cannot be read: {error}") from error
    yield from ((number, line) for number, line in enumerate(text.splitlines(), start=1) if line.strip())


def _rows(path: Path) -> Iterator[Mapping[str, Any]]:
    if path.suffix == ".parquet":
        yield from _parquet(path)
        return
    for number, line in numbered_lines(path):
        try:
            row = json.loads(line)
        except (ValueError, RecursionError) as error:
            raise BadSetting(f"line {number} of {cut(str(path))} is no JSON: {error}") from error
        if not isinstance(row, dict):
            raise BadSetting(f"line {number} of {cut(str(path))} is no object of JSON")
        yield cast("Mapping[str, Any]", row)


def _parquet(path: Path) -> Iterator[Mapping[str, Any]]:
    try:
        import pyarrow.parquet as parquet  # pyright: ignore[reportMissingTypeStubs]
    except ModuleNotFoundError as error:
        raise BadSetting("this data set is in Parquet files; pip install 'omniagent[bench]'") from error
    read = cast(Any, parquet)
    try:
        for batch in read.ParquetFile(path).iter_batches(batch_size=16):
            yield from cast("list[Mapping[str, Any]]", batch.to_pylist())
    except (OSError, ValueError) as error:
        raise BadSetting(f"{cut(str(path))} is no whole Parquet file: {error}") from error
