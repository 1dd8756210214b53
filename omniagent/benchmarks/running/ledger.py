"""Append-only files with a line for each finished piece of work, by key, synced line by line."""

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Generic, TypeVar

from pydantic import ValidationError

from omniagent.model.errors import BadSetting
from omniagent.model.wording import cut
from omniagent.tools.record.files import writing
from omniagent.tools.types import Word


class Line(Word):
    """What all lines have: the key of the piece of work."""

    key: str


L = TypeVar("L", bound=Line)


class LineFile(Generic[L]):
    """One file of one process, which holds its folder's lock. Its last line may be torn by a kill and is cut off then.

    Args:
        path: The file; it is made when the first line is added.
        kind: What its lines are.
    """

    def __init__(self, path: Path, kind: type[L]) -> None:
        self._path = path
        self._kind = kind

    def mend(self) -> None:
        """Cut off a line that was torn by a kill.

        Raises:
            OutputUnwritable, StorageFull: the file cannot be written.
        """
        if not self._path.is_file():
            return
        with writing(self._path), self._path.open("r+b") as file:
            data = file.read()
            whole = data.rfind(b"\n") + 1
            if whole < len(data):
                file.truncate(whole)
                file.flush()
                os.fsync(file.fileno())

    def add(self, line: L) -> None:
        """Write one line and wait until it is on the disk.

        Raises:
            OutputUnwritable, StorageFull: it cannot be written.
        """
        with writing(self._path):
            self._path.parent.mkdir(parents=True, exist_ok=True)
            with self._path.open("ab") as file:
                file.write(line.model_dump_json().encode() + b"\n")
                file.flush()
                os.fsync(file.fileno())

    def lines(self) -> Iterator[L]:
        """The whole lines, in order.

        Raises:
            BadSetting: a line is not one of these.
        """
        if not self._path.is_file():
            return
        *whole, _ = self._path.read_bytes().split(b"\n")
        for number, line in enumerate(whole, start=1):
            try:
                yield self._kind.model_validate_json(line)
            except ValidationError as error:
                raise BadSetting(
                    f"line {number} of {cut(str(self._path))} is damaged or of another version; take the line out, "
                    "and its work is done again"
                ) from error


def by_key(paths: list[Path], kind: type[L]) -> dict[str, L]:
    """The lines of several files by key.

    Raises:
        BadSetting: a file is damaged, or a key comes twice.
    """
    found: dict[str, L] = {}
    for path in paths:
        for line in LineFile(path, kind).lines():
            if line.key in found:
                raise BadSetting(f"{cut(str(path))} holds the key {line.key!r}, which was there already; take one out")
            found[line.key] = line
    return found
