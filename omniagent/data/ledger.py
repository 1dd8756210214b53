"""The ledger: what each stage gave for each item, so that work that was finished is never done again."""

import hashlib
import json
from collections.abc import Mapping
from pathlib import Path
from typing import TypeVar

from pydantic import ValidationError

from omniagent.tools.record.files import write_whole
from omniagent.tools.types import Word

B = TypeVar("B", bound=Word)


class Ledger:
    """A folder with one file an entry, written whole. Safe for several processes at once."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def recall(self, key: str, kind: type[B]) -> B | None:
        """The entry, or None where there is none or its file is damaged: then the work is done again."""
        try:
            return kind.model_validate_json(self._path(key).read_bytes())
        except (FileNotFoundError, ValidationError):
            return None

    def keep(self, key: str, entry: Word) -> None:
        """Write an entry.

        Raises:
            StorageFull, OutputUnwritable: the folder cannot be written.
        """
        write_whole(self._path(key), entry.model_dump_json().encode())

    def _path(self, key: str) -> Path:
        return self._folder / key[:2] / f"{key}.json"


def key_after(before: str, stage: str, version: int, settings: Word, models: Mapping[str, Word], seed: int) -> str:
    """Key of a stage's entry: SHA-256 over the key before it, its name and version, its settings, models and seed."""
    chosen = {role: choice.model_dump(mode="json") for role, choice in models.items()}
    told = json.dumps([before, stage, version, settings.model_dump(mode="json"), chosen, seed], sort_keys=True)
    return hashlib.sha256(told.encode()).hexdigest()
