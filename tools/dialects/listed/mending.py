"""The repair of a picture that was described in the listed notation, by comparing what was seen with what is asked for.

A small critic that is to write a repair of several things may add changes that were not asked for; what it saw and the
lines that failed tell the repair by themselves.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Final

from omniagent.tools.dialects.listed.cells import WHERE, middle_of
from omniagent.tools.dialects.listed.changes.pictures import Seen, differing, picture_of, seen_of
from omniagent.tools.dialects.listed.notation import (
    article,
    names_in,
    read_asked_background,
    read_count,
    read_presence,
)

_APART: Final = {"shape": 3, "colour": 2, "fill": 1, "size": 1}
"""How much a look that differs speaks against a seen thing being the one that is asked for."""
_MOST_APART: Final = 4


def mended(lines: Sequence[tuple[str, str]], seen: str) -> str | None:
    """What to change in a picture so that the lines that failed hold, in the notation.

    Nothing, an empty text, where all is described as it is asked for. None where that cannot be told: a line is of
    another kind than things at places, the background and the number of all things, or the description is prose.

    Args:
        lines: Every line of the checklist with its answer, yes, no or unsure.
        seen: The critic's description of the picture.
    """
    picture = picture_of(seen)
    if picture is None:
        return None
    failed: list[Seen] = []
    held: list[Seen] = []
    steps: list[str] = []
    total: int | None = None
    for question, answer in lines:
        if (name := read_presence(question)) is not None:
            thing = seen_of(names_in(name)[0])
            if thing is None:
                return None
            (held if answer == "yes" else failed).append(thing)
        elif (ground := read_asked_background(question)) is not None:
            if answer != "yes" and ground != picture.ground:
                steps.append(f"make the background {ground}")
        elif (counted := read_count(question)) is not None and counted.total:
            total = counted.number
        else:
            return None
    if not any(one.cell for one in (*held, *failed)):
        # Without places nothing tells which of the seen things is which.
        return None
    free = _without(held, list(picture.things))
    for thing in failed:
        near = _nearest(free, thing)
        if near is None or _apart(near, thing) > _MOST_APART:
            if thing.cell is None:
                return None
            steps.append(f"add {article(thing.words)} at {middle_of(thing.cell)}")
            continue
        free.remove(near)
        steps += _changes(near, thing)
    if total is not None and total == len(held) + len(failed):
        steps += [f"remove the {one.name}" for one in free]
    return " and ".join(steps)


def _without(held: Sequence[Seen], things: list[Seen]) -> list[Seen]:
    """The seen things but for those that lines which hold ask for, the likest of each."""
    for thing in held:
        near = _nearest(things, thing)
        if near is not None:
            things.remove(near)
    return things


def _nearest(things: Sequence[Seen], asked: Seen) -> Seen | None:
    return min(things, key=lambda one: _apart(one, asked), default=None)


def _apart(one: Seen, asked: Seen) -> int:
    looks = sum(_APART[look] for look in differing(one, asked))
    if one.cell is None or asked.cell is None:
        return looks
    (x, y), (a, b) = WHERE[one.cell], WHERE[asked.cell]
    return looks + min(3, abs(x - a) + abs(y - b))


def _changes(one: Seen, asked: Seen) -> list[str]:
    """The changes that make a seen thing the one that is asked for, each named as the ones before it leave it."""
    steps: list[str] = []
    if one.cell is not None and asked.cell is not None and one.cell != asked.cell:
        steps.append(f"move the {one.name} to {middle_of(asked.cell)}")
        one = replace(one, cell=asked.cell)
    for look in differing(one, asked):
        new = getattr(asked, look) or "solid"
        steps.append(f"turn the {one.name} into {article(new)}" if look == "shape" else f"make the {one.name} {new}")
        one = replace(one, **{look: getattr(asked, look)})
    return steps
