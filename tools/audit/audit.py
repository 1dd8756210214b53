"""The audit of a plan: what its task says and its checklist does not ask is added, or named as not checked."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Final, NamedTuple

from omniagent.tools.audit.mention import Mention, MentionKind, Told
from omniagent.tools.types import Requirement, RequirementKind

MOST_ADDED: Final = 6
"""Lines that an audit adds at most; what is beyond them is named as not checked."""

_ORDER: Final[dict[MentionKind, int]] = {"quote": 0, "keep": 1, "number": 2, "colour": 3, "relation": 4, "word": 5}
_LONGEST_PREFIX: Final = 4


class Audited(NamedTuple):
    """A checklist that was held against its task.

    Attributes:
        checklist: The lines with what was added; those that stood are neither moved nor reworded, but one that asked
            for another number or colour than the task is replaced.
        notes: What was replaced, in sentences.
        unchecked: The parts of the task that nothing asks for, in the person's words.
    """

    checklist: tuple[Requirement, ...]
    notes: tuple[str, ...] = ()
    unchecked: tuple[str, ...] = ()


def audited(
    wanted: Sequence[Mention],
    checklist: Sequence[Requirement],
    told: Callable[[Requirement], Told],
    assumptions: Sequence[str] = (),
) -> Audited:
    """The checklist with a line for each part of the task that it did not ask for.

    Args:
        wanted: The meaningful parts of the task.
        checklist: As the critic wrote it.
        told: What a line tells, in the forms of the mentions.
        assumptions: What is said to be left out or read otherwise; a part that one quotes is accounted for.
    """
    lines, notes, unchecked = list(checklist), list[str](), list[str]()
    accounted, tellings = " ".join(assumptions).casefold(), [told(line) for line in checklist]
    for mention in sorted(wanted, key=lambda one: _ORDER[one.kind]):
        if covered(mention, tellings) or f"“{mention.said.casefold()}”" in accounted:
            continue
        wrong = _says_otherwise(mention, wanted, lines, tellings)
        if wrong is not None and mention.line is not None:
            notes.append(f"the task says “{mention.said}”, so the line “{lines[wrong].question}” was put right")
            lines[wrong] = _line(lines[wrong].id, mention.line)
            tellings[wrong] = told(lines[wrong])
        elif mention.line is not None and len(lines) - len(checklist) < MOST_ADDED:
            lines.append(_line(next_name(lines), mention.line))
            tellings.append(told(lines[-1]))
        else:
            unchecked.append(mention.said)
    return Audited(tuple(lines), tuple(notes), tuple(dict.fromkeys(unchecked)))


def next_name(lines: Sequence[Requirement]) -> str:
    """The name of a line that is added: r1, r2, …, behind the last number in use."""
    return f"r{max((int(one.id[1:]) for one in lines if one.id[1:].isdecimal()), default=0) + 1}"


def _line(name: str, line: tuple[RequirementKind, str]) -> Requirement:
    return Requirement(id=name, kind=line[0], question=line[1])


def alike(first: str, second: str) -> bool:
    """Whether two forms are one word, or one the other with an ending: "snow" and "snowy"."""
    if first == second:
        return True
    short, long = sorted((first, second), key=len)
    return len(short) >= _LONGEST_PREFIX and long.startswith(short) and len(long) - len(short) <= 3 and short.isalpha()


def covered(mention: Mention, tellings: Sequence[Told]) -> bool:
    """Whether a line says it, of what it is said of; a pronoun may stand for what an earlier line named."""
    named = False
    for each in tellings:
        here = not mention.of or _shares(mention.of, each.forms)
        named = named or here
        says = _shares(mention.forms, each.forms)
        if mention.kind == "quote":
            says = any(form in each.text for form in mention.forms)
        elif mention.kind == "keep":
            says = each.keeps or says
        if says and (here or (named and each.pronoun)):
            return True
    return False


def _shares(first: frozenset[str], second: frozenset[str]) -> bool:
    return bool(first & second) or any(alike(one, other) for one in first for other in second)


def _says_otherwise(
    mention: Mention, wanted: Sequence[Mention], lines: Sequence[Requirement], tellings: Sequence[Told]
) -> int | None:
    """The one line that asks of the same thing for a number or a colour that the task nowhere says; None if several do.

    "Two cats on the left, three on the right" says two numbers of cats, and neither is wrong.
    """
    if mention.kind not in ("number", "colour") or not mention.of:
        return None
    said = frozenset(form for one in wanted if one.kind == mention.kind for form in one.forms)
    found = [
        at
        for at, (line, each) in enumerate(zip(lines, tellings, strict=True))
        if _shares(mention.of, each.forms)
        and not each.keeps
        and (says := _of_kind(mention.kind, line, each))
        and not _shares(said, says)
    ]
    return found[0] if len(found) == 1 else None


def _of_kind(kind: MentionKind, line: Requirement, told: Told) -> frozenset[str]:
    """The numbers, or the colours, that a line asks for; none of a line of another kind."""
    if kind == "number":
        return frozenset(form for form in told.forms if form.startswith("#")) if line.kind == "count" else frozenset()
    return told.colours if line.kind in ("attribute", "presence") else frozenset()
