"""Keeps a plan's names true to what the plan itself says it sees.

A small planner that has read a picture rightly may still mix two things up when it names one of them again: the colour
of one with the place of the other. Names of the form ``ring (red small, centre)`` can be checked against the
descriptions they were copied from; text without such names is left alone.
"""

import re
from collections.abc import Sequence
from typing import NamedTuple

_NAME = re.compile(r"\b(\w+) \(([^(),]+)(?:, ([^()]+))?\)")


class Name(NamedTuple):
    """A thing by its noun, its properties, and its place, if that is told."""

    noun: str
    properties: frozenset[str]
    place: str | None
    text: str


def names_in(text: str) -> tuple[Name, ...]:
    """Every name of the checked form, in order."""
    return tuple(_name(found) for found in _NAME.finditer(text))


def _name(found: re.Match[str]) -> Name:
    return Name(found[1].lower(), frozenset(found[2].lower().split()), found[3], found[0])


def named_as_seen(text: str, seen: Sequence[str]) -> str:
    """The text with each placed name that nothing seen bears brought to the seen one that it is most like.

    Alike are things of one noun that share most properties, then the place; where two are equally like it, or none has
    that noun, the name stays. Names without a place may leave things out, and stay too.
    """
    known = tuple(name for description in seen for name in names_in(description))
    texts = {name.text for name in known}

    def nearest(found: re.Match[str]) -> str:
        name = _name(found)
        if name.place is None or name.text in texts:
            return name.text
        ranked = sorted({(_unlike(name, other), other.text) for other in known if other.noun == name.noun})
        if not ranked or (len(ranked) > 1 and ranked[0][0] == ranked[1][0]):
            return name.text
        return ranked[0][1]

    return _NAME.sub(nearest, text)


def _unlike(name: Name, other: Name) -> tuple[int, bool]:
    return len(name.properties ^ other.properties), name.place != other.place


def questions_as_seen(questions: Sequence[str], seen: Sequence[str], change: str) -> tuple[str, ...]:
    """The questions of a change's checklist, those for things that it leaves alone with the places that were seen.

    A name is corrected when just one seen thing has its noun and properties, the change does not name that thing, and
    no other question asks for it.
    """
    touched = {name.text for name in names_in(change)}
    left = [name for text in seen for name in names_in(text) if name.text not in touched]
    asked = {name.text for question in questions for name in names_in(question)}

    def settled(found: re.Match[str]) -> str:
        name = _name(found)
        alike = [one for one in left if (one.noun, one.properties) == (name.noun, name.properties)]
        if name.place is None or len(alike) != 1 or alike[0].text in asked:
            return name.text
        return alike[0].text

    return tuple(_NAME.sub(settled, question) for question in questions)
