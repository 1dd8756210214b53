"""What is kept of one evaluated task: one line of JSON, enough to compute every figure again."""

from collections.abc import Iterator
from pathlib import Path
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from omniagent.tools.types import StopReason

Stage = Literal["refused", "misread", "mispainted", "misjudged", "returned"]
STAGES: tuple[Stage, ...] = ("refused", "misread", "mispainted", "misjudged", "returned")
"""How far a task came: the first thing that went wrong with it, or `returned`, right and accepted."""


class _Line(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class JudgedAttempt(_Line):
    """One picture: how many requirements the oracle found to hold, those that do not, and what the critic said."""

    id: str
    held: int = Field(ge=0)
    of: int = Field(ge=0)
    wrong: tuple[str, ...] = ()
    accepted_by_critic: bool | None = None
    restored: bool = False

    @property
    def right(self) -> bool:
        """Whether every requirement holds."""
        return self.held == self.of


class Record(_Line):
    """One task of a suite as the agent did it.

    `told` is whether the plan of an edit or a reference task tells the generator what the task's own plan does; None
    elsewhere, since other layouts of a drawing are as good.
    `plan_right` is whether nothing was misread; None where no plan was made.
    `right` is the oracle's word on what was returned: the picture, the answer, or the refusal that was due.
    `new_word` is a word of the request that the agent's lexicon does not hold, `named` whether its reply names it.
    `error` names the class of an error that kept the agent from a result; such a task is tried again.
    """

    index: int = Field(ge=0)
    kind: str
    instruction: str
    right: bool = False
    stop_reason: StopReason | None = None
    accepted: bool = False
    mode: str | None = None
    expected_mode: str
    told: bool | None = None
    plan_right: bool | None = None
    new_word: str | None = None
    named: bool = False
    answer: str | None = None
    expected_answer: str | None = None
    attempts: tuple[JudgedAttempt, ...] = ()
    best: str | None = None
    pictures: int = 0
    generator_seconds: float = 0.0
    seconds: float = 0.0
    error: str | None = None

    @property
    def stage(self) -> Stage:
        """The first thing that went wrong, in the order of the work; `returned` when what was due came back."""
        if self.right and (self.accepted or self.kind == "outside"):
            return "returned"
        if self.kind != "outside" and (self.stop_reason == "refused" or self.plan_right is None):
            return "refused"
        if not self.plan_right:
            return "misread"
        if self.kind in ("question", "outside") or (self.first is not None and self.first.right):
            return "misjudged"
        return "mispainted"

    @property
    def first(self) -> JudgedAttempt | None:
        """The first picture."""
        return self.attempts[0] if self.attempts else None

    @property
    def returned(self) -> JudgedAttempt | None:
        """The picture that was handed back."""
        return next((attempt for attempt in self.attempts if attempt.id == self.best), None)


def read_records(path: Path) -> Iterator[Record]:
    """The finished lines of a results file; a line that was cut off while it was written is passed over."""
    if not path.is_file():
        return
    for line in path.read_text(encoding="utf-8").splitlines():
        try:
            yield Record.model_validate_json(line)
        except ValidationError:
            continue


def append_record(path: Path, record: Record) -> None:
    """Add one line to a results file, on a line of its own even after a line that was cut off."""
    cut_off = path.is_file() and path.stat().st_size > 0 and not path.read_bytes().endswith(b"\n")
    with path.open("a", encoding="utf-8") as file:
        file.write(("\n" if cut_off else "") + record.model_dump_json() + "\n")
