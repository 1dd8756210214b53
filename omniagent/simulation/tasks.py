"""Tasks of the simulation: a few named things, each a line of the checklist, and the words for them."""

import re
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Final, Literal

from omniagent.simulation.chance import share
from omniagent.simulation.tiles import MOST_LINES
from omniagent.tools.types import Plan, Requirement, RequirementKind, Stated

THINGS: Final = (
    "apple", "boat", "candle", "drum", "engine", "fountain", "guitar", "hammer",
    "igloo", "jacket", "kettle", "ladder", "mirror", "needle", "orchid", "piano",
)  # fmt: skip
"""What lines are about, so that a line is known by one word wherever it is written."""

KINDS: Final[tuple[RequirementKind, ...]] = ("presence", "attribute", "count", "relation")
"""The kinds of the lines, in turn."""

STRESSED: Final = ("Above all", "Most of all", "In particular", "Mind this first", "Be exact here", "Note well")
"""How words for a whole picture stress a thing."""

_THING: Final = re.compile(rf"\b({'|'.join(THINGS)})\b")
_STRESS: Final = re.compile(rf"(?:{'|'.join(STRESSED)}): (?P<things>[^.]*)")
_KEEP: Final = re.compile(r"\b[Kk]eep (?P<things>[^.]*)")

TaskMode = Literal["generate", "edit"]


def listed(lines: Iterable[int]) -> str:
    """Lines by name: "the apple, the boat"."""
    return ", ".join(f"the {THINGS[line]}" for line in lines)


def lines_in(words: str) -> tuple[int, ...]:
    """The lines that a text names, each once, in order."""
    return tuple(dict.fromkeys(THINGS.index(name) for name in _THING.findall(words)))


def stressed_in(words: str) -> frozenset[int]:
    """The lines that words for a picture stress."""
    return frozenset(line for part in _STRESS.finditer(words) for line in lines_in(part["things"]))


def asked_in(words: str) -> frozenset[int]:
    """The lines that words for a change want changed: those named, without those to be kept."""
    kept = frozenset(line for part in _KEEP.finditer(words) for line in lines_in(part["things"]))
    return frozenset(lines_in(words)) - kept


@dataclass(frozen=True, slots=True)
class SimulatedTask:
    """One task.

    Attributes:
        name: Tells tasks apart; chance hangs on it.
        lines: How many lines the checklist has, 1 to 16.
        kept: Of an edit, how many of the lines are about what must stay; the last ones.
        mode: What is asked for.
    """

    name: str
    lines: int = 4
    kept: int = 0
    mode: TaskMode = "generate"
    checklist: tuple[Requirement, ...] = field(init=False)

    def __post_init__(self) -> None:
        if not 1 <= self.lines <= MOST_LINES or not 0 <= self.kept < self.lines:
            raise ValueError(f"a task of {self.lines} lines with {self.kept} kept ones; give 1 to {MOST_LINES} lines")
        object.__setattr__(self, "checklist", tuple(self._requirement(line) for line in range(self.lines)))

    @property
    def words(self) -> str:
        """What the person says."""
        if self.mode == "edit":
            return f"Mend {listed(range(self.lines - self.kept))}."
        return f"Show {listed(range(self.lines))}."

    @property
    def plan(self) -> Plan:
        """The task, read without a fault."""
        return Plan(mode=self.mode, instruction=self.words, checklist=self.checklist, final=True)

    def kind(self, line: int) -> RequirementKind:
        """The kind of a line."""
        return self.checklist[line].kind

    def blocked_line(self, share_of_tasks: float) -> int | None:
        """The line that redrawing by the same words never brings; None of most tasks."""
        if share("blocked", self.name) >= share_of_tasks:
            return None
        return int(share("blocked line", self.name) * (self.lines - self.kept))

    def _requirement(self, line: int) -> Requirement:
        if line >= self.lines - self.kept:
            question = f"Is the {THINGS[line]} as it was?"
            return Requirement(id=f"r{line + 1}", kind="preservation", question=question, stated=Stated())
        question = f"Is the {THINGS[line]} as it was asked for?"
        return Requirement(id=f"r{line + 1}", kind=KINDS[line % len(KINDS)], question=question)
