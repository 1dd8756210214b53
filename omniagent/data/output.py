"""The files of a build: one a shard and kind, written beside the old ones and put in their place at the end."""

import hashlib
import json
import os
from collections import Counter
from contextlib import ExitStack
from pathlib import Path
from types import TracebackType
from typing import BinaryIO, Final, Self

from omniagent.data.records import DataRecord, SetAside, Yielded
from omniagent.tools.record.files import write_whole, writing
from omniagent.tools.types import Word

KINDS: Final = ("train", "test", "rejected", "set-aside")


class Output:
    """A context manager; what was added counts only after `commit`.

    Args:
        out: The folder.
        shard: The name of the files without their ending.
    """

    def __init__(self, out: Path, shard: str) -> None:
        self._out, self._shard = out, shard
        self._stack = ExitStack()
        self._files: dict[str, BinaryIO] = {}
        self._seen: set[bytes] = set()
        self.counts: Counter[str] = Counter()

    def __enter__(self) -> Self:
        with writing(self._out):
            for kind in KINDS:
                path = self._part(kind)
                path.parent.mkdir(parents=True, exist_ok=True)
                self._files[kind] = self._stack.enter_context(path.open("wb"))
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stack.close()
        for name in KINDS:
            self._part(name).unlink(missing_ok=True)

    def add(self, given: Yielded | SetAside) -> None:
        """Add what became of one item.

        Raises:
            StorageFull, OutputUnwritable: the folder cannot be written.
        """
        self.counts["items"] += 1
        with writing(self._out):
            if isinstance(given, SetAside):
                self._line("set-aside", given)
                return
            for record in given.records:
                if (mark := _mark(record)) in self._seen:
                    self.counts["duplicates"] += 1
                else:
                    self._seen.add(mark)
                    self._line(record.split, record)
            for rejected in given.rejected:
                self._line("rejected", rejected)

    def commit(self, mix: str) -> None:
        """Put the files in their place, and a mix of the train split beside them.

        Raises:
            StorageFull, OutputUnwritable: the folder cannot be written.
        """
        with writing(self._out):
            for kind, file in self._files.items():
                file.flush()
                os.fsync(file.fileno())
                self._part(kind).replace(self._out / kind / f"{self._shard}.jsonl")
            told = {"data": [{"path": "train", "type": mix, "ratio": 1, "pictures": "."}]}
            write_whole(self._out / "mix.yml", json.dumps(told).encode())

    def _part(self, kind: str) -> Path:
        return self._out / kind / f".{self._shard}.part"

    def _line(self, kind: str, line: Word) -> None:
        self._files[kind].write(json.dumps(line.model_dump(mode="json"), ensure_ascii=False).encode() + b"\n")
        self.counts[kind] += 1


def _mark(record: DataRecord) -> bytes:
    told = "\n".join((record.task_type, record.instruction, *record.input_images, record.output_image))
    return hashlib.sha256(told.encode()).digest()[:12]
