"""Threads: what a visitor sent and which runs came of it, as small files of their own folder."""

import hashlib
import re
import secrets
import shutil
import time
from collections.abc import Iterable
from pathlib import Path
from typing import Final, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from omniagent.demo.state.places import Mark
from omniagent.tools.record.files import write_whole

HOME: Final = ".chat"
"""The folder of all visitors, inside the runs folder."""
_ID: Final = re.compile(r"[0-9a-f]{12}")
_SUFFIXES: Final = (".png", ".jpg", ".jpeg", ".webp", ".gif", ".bmp", ".tif", ".tiff", ".avif", ".heic")


class Record(BaseModel):
    """Base of what is kept: frozen, and no unknown fields."""

    model_config = ConfigDict(frozen=True, extra="forbid")


class Given(Record):
    """A picture that a message came with: an attempt of an earlier run, or a file that was sent.

    Attributes:
        run: The run of the attempt; empty for a file.
        name: The attempt's id, or the name under which the file is kept.
        label: What the person calls it.
    """

    run: str = ""
    name: str
    label: str = ""


class Wishes(Record):
    """What the settings said when a message was sent; None leaves it to the agent."""

    seed: int = Field(ge=0)
    size: str | None = None
    max_rounds: int | None = None
    max_images: int | None = None
    candidates: int | None = None
    time_limit: float | None = None


class Turn(Record):
    """One message and its run. `words` are what was typed, `task` is what the agent is asked."""

    id: str
    words: str
    task: str
    pictures: tuple[Given, ...] = ()
    run: str
    wishes: Wishes
    mark: Mark | None = Field(default=None, description="the part of the first picture that alone may change")
    afresh: bool = Field(default=False, description="the words did not speak of the picture that was at hand")
    error: str = Field(default="", description="why there is no run")


class Talk(Record):
    """A thread: its messages in order."""

    format_version: Literal[1] = 1
    id: str
    title: str = ""
    changed: float = 0.0
    turns: tuple[Turn, ...] = ()

    def with_turn(self, turn: Turn) -> "Talk":
        """This thread with one more message."""
        title = self.title or turn.words.strip()[:80]
        return self.model_copy(update={"turns": (*self.turns, turn), "title": title, "changed": time.time()})

    def replaced(self, turn: Turn) -> "Talk":
        """This thread with a message in place of the one of the same id."""
        turns = tuple(turn if one.id == turn.id else one for one in self.turns)
        return self.model_copy(update={"turns": turns, "changed": time.time()})

    def until(self, turn: str, *, inclusive: bool) -> "Talk":
        """A new thread of the messages up to one of them."""
        at = next((number for number, one in enumerate(self.turns) if one.id == turn), len(self.turns))
        kept = self.turns[: at + 1 if inclusive else at]
        title = f"↳ {self.title.removeprefix('↳ ')}" if kept else ""
        return Talk(id=new_id(), title=title, changed=time.time(), turns=kept)

    def turn(self, name: str) -> Turn | None:
        """The message of that id."""
        return next((one for one in self.turns if one.id == name), None)


def new_id() -> str:
    """A name that cannot be guessed."""
    return secrets.token_hex(6)


def visitor_of(name: str) -> str:
    """The folder's name of a visitor: no cookie and no login can be read off it."""
    return hashlib.sha256(name.encode()).hexdigest()[:32]


class Shelf:
    """The threads of one visitor on disk. A file that cannot be read is left out, and never written over."""

    def __init__(self, runs: Path, visitor: str) -> None:
        self._folder = runs / HOME / visitor
        self._runs: set[str] | None = None

    def talks(self) -> list[Talk]:
        """All threads, the last one first."""
        found = [talk for path in self._folder.glob("*.json") if (talk := _read(path)) is not None]
        return sorted(found, key=lambda talk: -talk.changed)

    def talk(self, name: str) -> Talk | None:
        """The thread of that id."""
        return _read(self._folder / f"{name}.json") if _ID.fullmatch(name) else None

    def keep(self, talk: Talk) -> None:
        """Write a thread.

        Raises:
            OutputUnwritable, StorageFull: its file cannot be written.
        """
        write_whole(self._folder / f"{talk.id}.json", talk.model_dump_json(exclude_defaults=True).encode())
        self._own(talk.turns)

    def forget(self, name: str) -> None:
        """Take a thread out of the history; its runs stay in the runs folder."""
        if _ID.fullmatch(name):
            (self._folder / f"{name}.json").unlink(missing_ok=True)
            self._runs = None

    def owns(self, run: str) -> bool:
        """Whether a run is part of one of this visitor's threads."""
        self._own(())
        return self._runs is not None and run in self._runs

    def keep_file(self, path: Path) -> Given:
        """Copy a file that was sent; equal files are kept once.

        Raises:
            OSError: it is gone, or there is no room.
        """
        suffix = path.suffix.lower() if path.suffix.lower() in _SUFFIXES else ".bin"
        with path.open("rb") as file:
            name = hashlib.file_digest(file, "sha256").hexdigest()[:32] + suffix
        target = self._folder / "sent" / name
        if not target.is_file():
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(path, target)
        return Given(name=name, label=path.name)

    def file(self, name: str) -> Path | None:
        """A kept file by its name."""
        path = self._folder / "sent" / name
        return path if re.fullmatch(r"[0-9a-f]{32}\.[a-z]{3,4}", name) and path.is_file() else None

    def _own(self, turns: Iterable[Turn]) -> None:
        if self._runs is None:
            self._runs = set()
            self._own(turn for talk in self.talks() for turn in talk.turns)
        self._runs |= {name for turn in turns for name in (turn.run, *(one.run for one in turn.pictures)) if name}


class Shelves:
    """The shelf of each visitor, made when it is first asked for."""

    def __init__(self, runs: Path) -> None:
        self._runs = runs
        self._shelves: dict[str, Shelf] = {}

    def of(self, visitor: str) -> Shelf:
        """The visitor's own."""
        return self._shelves.setdefault(visitor, Shelf(self._runs, visitor))


def _read(path: Path) -> Talk | None:
    try:
        return Talk.model_validate_json(path.read_bytes())
    except (OSError, ValidationError):
        return None
