"""The listed notation, printed and read back.

    description   white background; ring (red small, centre); star (yellow, left)
    layout        draw on a white background: small red ring at c c; yellow star inside it
    questions     Is there exactly 1 red ring?   Are there exactly 3 objects in total?   Is the background white?
                  Is there a ring (red small, centre)?

A name is a noun with its properties and, where it is told, its place. Prose of any other form is read as None.
"""

import re
from collections.abc import Sequence
from typing import NamedTuple

NAME = re.compile(r"\b(\w+) \(([^(),]+)(?:, ([^()]+))?\)")
NAME_FROM_IMAGE = re.compile(rf"{NAME.pattern}(?= from image (\d))")
IMAGE_KEPT = re.compile(r"(?<!from )image (\d)")
_ASKED_BACKGROUND = re.compile(r"Is the background (\w+)\?")
_PRESENCE = re.compile(r"Is there an? (\w+ \([^()]+\))\?")
_COUNT = re.compile(r"(?:Is|Are) there exactly (\d+) ([\w ]+?)\?")
_PART = re.compile(r"(?P<phrase>[\w ]+?) (?P<spot>at [a-z] [a-z]|inside it)")
_BACKGROUND = " background"
_TOTAL = " in total"
INSIDE = "inside it"


class Name(NamedTuple):
    """A thing by its noun, its properties, and its place, if that is told."""

    noun: str
    properties: frozenset[str]
    place: str | None
    text: str


class Counted(NamedTuple):
    """How many of what a count question asks for; `total`: of all things together."""

    number: int
    phrase: str
    total: bool


class Spot(NamedTuple):
    """One thing of a layout: its words, the noun last, and where it goes (``at c m`` or ``inside it``)."""

    words: tuple[str, ...]
    place: str


class Layout(NamedTuple):
    """A layout: what comes before the colon, and its things."""

    head: str
    spots: tuple[Spot, ...]


def article(noun: str) -> str:
    """The noun phrase with its indefinite article."""
    return f"{'an' if noun[0] in 'aeiou' else 'a'} {noun}"


def plural(noun: str, count: int) -> str:
    """The noun in the number that fits the count."""
    return noun if count == 1 else f"{noun}s"


def print_name(noun: str, properties: str, place: str | None = None) -> str:
    """``star (blue striped small, top left)``: the noun first, so that the rest can be copied word by word."""
    return f"{noun} ({', '.join(part for part in (properties, place) if part)})"


def name_of(found: re.Match[str]) -> Name:
    """The name that a match of `NAME` holds."""
    return Name(found[1].lower(), frozenset(found[2].lower().split()), found[3], found[0])


def names_in(text: str) -> tuple[Name, ...]:
    """Every name in a text, in order."""
    return tuple(name_of(found) for found in NAME.finditer(text))


def print_description(background: str, names: Sequence[str]) -> str:
    """A whole picture in words: background, then each thing."""
    return "; ".join([f"{background}{_BACKGROUND}", *names])


def read_description(text: str) -> tuple[Name, ...] | None:
    """The names of a description; None for prose."""
    first, *rest = text.split("; ")
    if not first.endswith(_BACKGROUND) or not all(NAME.fullmatch(one) for one in rest):
        return None
    return tuple(name for one in rest for name in names_in(one))


def read_background(text: str) -> str | None:
    """The background that a description says; None for prose."""
    first = text.split("; ")[0]
    return first.removesuffix(_BACKGROUND) if first.endswith(_BACKGROUND) else None


def print_layout(background: str | None, spots: Sequence[tuple[str, str]]) -> str:
    """The instruction for a whole picture: each thing in words, with where it goes.

    The letters of ``at c h`` are a column and a row of a fine grid.
    """
    canvas = f"draw on a {background}{_BACKGROUND}" if background else "draw"
    return f"{canvas}: {'; '.join(f'{words} {place}' for words, place in spots)}"


def read_layout(text: str) -> Layout | None:
    """The things of a layout; None for an instruction of another form."""
    head, colon, body = text.partition(": ")
    matches = [_PART.fullmatch(part) for part in body.split("; ")]
    spots = tuple(Spot(tuple(m["phrase"].split()), m["spot"]) for m in matches if m)
    return Layout(head, spots) if colon and len(spots) == len(matches) else None


def print_count(number: int, phrase: str) -> str:
    """The question for a number of things; `phrase` is singular."""
    return f"{'Is' if number == 1 else 'Are'} there exactly {number} {plural(phrase, number)}?"


def print_total(number: int) -> str:
    """The question for the number of all things."""
    return f"{'Is' if number == 1 else 'Are'} there exactly {number} {plural('object', number)}{_TOTAL}?"


def read_count(question: str) -> Counted | None:
    """What a count question asks for; None for another question."""
    found = _COUNT.fullmatch(question)
    if found is None:
        return None
    return Counted(int(found[1]), found[2], found[2].endswith(_TOTAL))


def print_presence(name: str) -> str:
    """The question for one thing by its name."""
    return f"Is there {article(name)}?"


def print_place(named: str, place: str, count: int) -> str:
    """The question whether things, by their name with its article, are at a place."""
    return f"{'Is' if count == 1 else 'Are'} {named} at the {place}?"


def print_relation(first: str, name: str, second: str, count: int) -> str:
    """The question for a relation of two named groups; `count` is the first one's number."""
    return f"{'Is' if count == 1 else 'Are'} {first} {name} {second}?"


def read_presence(question: str) -> str | None:
    """The name that a presence question asks for; None for another question."""
    found = _PRESENCE.fullmatch(question)
    return None if found is None else found[1]


def print_background(background: str) -> str:
    """The question for the background."""
    return f"Is the background {background}?"


def read_asked_background(question: str) -> str | None:
    """The background that a question of `print_background` asks for; None for another question."""
    found = _ASKED_BACKGROUND.fullmatch(question)
    return None if found is None else found[1]
