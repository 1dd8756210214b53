"""What a critic said of known pictures, kept line by line, so that a measurement that was stopped goes on."""

import json
from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Literal

from pydantic import Field, ValidationError

from omniagent.model.critic.calibration.identity import Identity
from omniagent.model.files.disk import disk_faults
from omniagent.tools.types import Answer, RequirementKind, Word


class Piece(Word):
    """What one instrument said of one line."""

    instrument: str
    answer: Answer
    probability: float = Field(ge=0, le=1)


class JudgedLine(Word):
    """A line whose truth is known, the verdict, and its pieces; none where the picture was judged without asking."""

    kind: RequirementKind
    holds: bool
    answer: Answer
    pieces: tuple[Piece, ...] = ()


class JudgedPicture(Word):
    """A known picture with what was said of it; `digest` is of its pixels and lines, `group` as of `KnownPicture`."""

    name: str
    group: str = ""
    digest: str
    lines: tuple[JudgedLine, ...]
    calls: int = 0
    seconds: float = 0.0

    @property
    def right(self) -> bool:
        """Whether every line holds."""
        return all(line.holds for line in self.lines)


class JudgedBy(Word):
    """All that verdicts depend on, the pictures aside.

    Attributes:
        identity: Of the critic.
        program: Version of the program that asked.
        beside: What else measured the pictures: a reader of text, a detector.
        describe_first, description_tokens, plan_tokens: As the caller set them (`ToolConfig`).
    """

    format_version: Literal[2] = 2
    identity: Identity
    program: str = ""
    beside: tuple[str, ...] = ()
    describe_first: bool | None = None
    description_tokens: int | None = None
    plan_tokens: int | None = None


class Ledger:
    """A file of judged pictures, a line each; what is not whole, or was judged by anything else, is left out.

    Args:
        path: Where it lies; its folder is made. One process at a time may have it.
        by: What judges the pictures.
        fresh: Begin anew.

    Raises:
        OutputUnwritable, StorageFull: it cannot be written.
    """

    def __init__(self, path: Path, by: JudgedBy, *, fresh: bool = False) -> None:
        self.path = path
        kept = () if fresh else tuple(_read(path, by))
        self._known = {one.name: one for one in kept}
        with self._writing():
            path.parent.mkdir(parents=True, exist_ok=True)
            part = path.with_name(f".{path.name}")
            part.write_text("".join(f"{one.model_dump_json()}\n" for one in (by, *kept)), encoding="utf-8")
            part.replace(path)

    def find(self, name: str, digest: str) -> JudgedPicture | None:
        """The picture as it was judged before, if it still is the same one."""
        known = self._known.get(name)
        return known if known is not None and known.digest == digest else None

    def add(self, judged: JudgedPicture) -> None:
        """Keep a picture.

        Raises:
            OutputUnwritable, StorageFull: the file cannot be written.
        """
        self._known[judged.name] = judged
        with self._writing(), self.path.open("a", encoding="utf-8") as file:
            file.write(f"{judged.model_dump_json()}\n")

    def _writing(self) -> AbstractContextManager[None]:
        return disk_faults(
            self.path, when_full="free some space and run omniagent calibrate again, what was judged is kept"
        )


def _read(path: Path, by: JudgedBy) -> Iterator[JudgedPicture]:
    try:
        lines: Sequence[str] = path.read_text(encoding="utf-8", errors="replace").splitlines()
    except OSError:
        return
    if not lines or _head(lines[0]) != by:
        return
    for line in lines[1:]:
        try:
            yield JudgedPicture.model_validate_json(line)
        except ValidationError:
            # A line that a kill has torn.
            continue


def _head(line: str) -> JudgedBy | None:
    try:
        return JudgedBy.model_validate(json.loads(line))
    except ValueError:
        return None
