"""Two readings of one task made one checklist: what both ask stands, and what only one asks needs the task's word."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final, NamedTuple

from omniagent.tools.audit.audit import covered, next_name
from omniagent.tools.audit.mention import Mention, Told
from omniagent.tools.types import Requirement

_ALIKE: Final = 0.5
"""The share of words that two lines have in common which ask the same of nothing that the task names."""


class Joined(NamedTuple):
    """The checklist of two readings.

    Attributes:
        checklist: Lines of the first reading that stand keep their name; those of the second follow.
        notes: What only one reading asks, and where the readings count otherwise, in sentences.
    """

    checklist: tuple[Requirement, ...]
    notes: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class _Line:
    """A line, what it tells, and the parts of the task that it asks for."""

    line: Requirement
    told: Told
    asks: frozenset[Mention]

    @property
    def numbers(self) -> frozenset[str]:
        return frozenset(form for form in self.told.forms if form.startswith("#"))

    def like(self, other: _Line) -> bool:
        """Whether two lines that ask for nothing the task names ask the same."""
        shared, both = self.told.meant & other.told.meant, self.told.meant | other.told.meant
        return bool(both) and len(shared) / len(both) >= _ALIKE


def joined(
    first: Sequence[Requirement],
    second: Sequence[Requirement],
    wanted: Sequence[Mention],
    told: Callable[[Requirement], Told],
) -> Joined:
    """What two readings ask together; where one asks more of the same thing, the stricter line stands.

    A line that asks for something the task names stands in either reading. A line that asks for nothing the task names,
    or for more than it, stands only if both readings have it.

    Args:
        first: The checklist as it is; that a change was made and the rest kept is never left out.
        second: The checklist of the second reading.
        wanted: The meaningful parts of the task.
        told: What a line tells, in the forms of the mentions.
    """
    mine, others = _lines(first, wanted, told), _lines(second, wanted, told)
    kept: list[_Line] = []
    notes: list[str] = []
    for one in mine:
        if one.told.keeps or _of_both(one, others) or (one.asks and not _adds(one, mine, others, wanted)):
            kept.append(one)
        else:
            notes.append(_only_one(one.line))
    if not kept:
        kept, notes = list(mine), []
    if _asks_at_once(kept, others):
        # Several narrow questions are harder to answer yes than one for the whole task.
        kept = [one for one in kept if one.told.keeps]
    names = list(first)
    for other in others:
        if not other.asks:
            if not other.told.keeps and not any(one.like(other) for one in mine):
                notes.append(_only_one(other.line))
            continue
        if (count := _counted_otherwise(other, kept)) is not None:
            notes.append(f"the two readings count otherwise: “{count.line.question}” and “{other.line.question}”")
            continue
        if other.asks <= frozenset[Mention]().union(*(one.asks for one in kept)):
            continue
        if other.told.pronoun:
            # Behind other lines it would be said of something else.
            notes.append(_only_one(other.line))
            continue
        names.append(other.line.model_copy(update={"id": next_name(names)}))
        stricter = _Line(names[-1], other.told, other.asks)
        looser = [one for one in kept if one.asks and one.asks < other.asks and one.line.kind == other.line.kind]
        kept = [one for one in kept if one not in looser[:1]] + [stricter]
    return Joined(tuple(one.line for one in kept), tuple(dict.fromkeys(notes)))


def _lines(
    lines: Sequence[Requirement], wanted: Sequence[Mention], told: Callable[[Requirement], Told]
) -> tuple[_Line, ...]:
    """Lines with what they ask for; one with a pronoun asks what it adds to the lines before it."""
    tellings = [told(one) for one in lines]
    found: list[_Line] = []
    for at, (line, tells) in enumerate(zip(lines, tellings, strict=True)):
        before, until = tellings[:at], tellings[: at + 1]
        if tells.pronoun:
            asks = (one for one in wanted if covered(one, until) and not covered(one, before))
        else:
            asks = (one for one in wanted if covered(one, [tells]))
        found.append(_Line(line, tells, frozenset(asks)))
    return tuple(found)


def _of_both(one: _Line, others: Sequence[_Line]) -> bool:
    """Whether the second reading has a line that asks the same."""
    return any(one.asks == other.asks if one.asks else one.like(other) for other in others)


def _adds(one: _Line, mine: Sequence[_Line], others: Sequence[_Line], wanted: Sequence[Mention]) -> bool:
    """Whether a line asks what others ask too and, besides, something that no other line says.

    "Is there a ship under the bridge?" of a task with a bridge and no ship.
    """
    rest = [each for each in (*mine, *others) if each is not one]
    if not one.asks <= frozenset[Mention]().union(*(each.asks for each in rest)):
        return False
    known = frozenset[str]().union(*(each.told.forms for each in rest), *(mention.forms for mention in wanted))
    return any(form.isalpha() and form not in known for form in one.told.meant)


def _asks_at_once(mine: Sequence[_Line], others: Sequence[_Line]) -> bool:
    """Whether one line stands for all that several of the second reading ask for."""
    asking = [one for one in mine if not one.told.keeps]
    narrow = [one for one in others if one.asks and not one.told.pronoun]
    asked = frozenset[Mention]().union(*(one.asks for one in narrow))
    return len(asking) == 1 and len(narrow) > 1 and asking[0].asks <= asked


def _counted_otherwise(other: _Line, kept: Sequence[_Line]) -> _Line | None:
    """A line about the same thing with another number, where the task says neither."""
    if not other.numbers or any(form in other.numbers for one in other.asks for form in one.forms):
        return None
    same = (one for one in kept if one.numbers and one.numbers != other.numbers and one.asks & other.asks)
    return next(same, None)


def _only_one(line: Requirement) -> str:
    return f"only one of two readings of the task asks “{line.question}”, so it is not asked"
