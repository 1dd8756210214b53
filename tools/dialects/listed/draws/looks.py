"""What words say of things: their looks and numbers, and why a request cannot be read or drawn."""

from __future__ import annotations

import re
from dataclasses import replace

from omniagent.tools.dialects.listed.draws.parts import FILLS, LOOK, MOST, NOUN, SHAPES, SIZES, number_of
from omniagent.tools.dialects.listed.draws.scene import Asked, Link, Things


class NotRead(Exception):
    """The request cannot be read by these rules; `unknown` are the words that stopped them, if any did."""

    def __init__(self, why: str, unknown: tuple[str, ...] = ()) -> None:
        super().__init__(why)
        self.unknown = unknown


class NotDrawn(Exception):
    """The request was read, and it asks for nothing that can be drawn; the message says why."""


def check_number(objects: int | None) -> None:
    """Return if so many things can be drawn.

    Raises:
        NotDrawn: they cannot.
    """
    if objects is None or not 1 <= objects <= MOST:
        asked = "more than can be counted" if objects is None else str(objects)
        raise NotDrawn(f"the task asks for {asked} things; this model draws 1 to {MOST} in one picture")


def things_of(words: str, number: str | None, asked: Asked, *, the: bool) -> Things:
    noun = re.findall(NOUN, words)[-1]
    shape = noun.removesuffix("s")
    count = 1 if number is None else number_of(number.removeprefix("exactly "))
    if number is not None:
        check_number(count)
    elif noun.endswith("s"):
        count = 2
        if not the:
            asked.assumptions.append(f"“{noun}” is read as two {noun}")
    group = Things(count=count or 1, shape=shape if shape in SHAPES else None)
    for look in re.findall(LOOK, words):
        if said(group, look) not in (None, value(look)):
            raise NotRead("two looks of one thing")
        group = looking(group, look)
    for fill, way in (("striped", "with stripes"), ("dotted", "with dots")):
        group = replace(group, fill=fill) if words.endswith(way) else group
    return group


def value(look: str) -> str:
    return SIZES.get(look) or FILLS.get(look) or look


def _field(look: str) -> str:
    return "size" if look in SIZES else "fill" if look in FILLS else "colour"


def said(group: Things, look: str) -> str | None:
    return getattr(group, _field(look))


def looking(group: Things, looks: str) -> Things:
    for look in re.findall(LOOK, looks):
        group = replace(group, **{_field(look): value(look)})
    return group


def spare(group: Things, looks: str) -> bool:
    return all(said(group, look) in (None, value(look)) for look in re.findall(LOOK, looks))


def moved(link: Link, at: int) -> Link:
    return Link(link.first + (link.first >= at), link.name, link.second + (link.second >= at))


def relation_name(match: re.Match[str]) -> str:
    if across := (match["across"] or match["hand"]):
        return f"{across} of"
    if match.group().startswith("left from"):
        return "left of"
    if match["over"] or match["on"]:
        return "above"
    if match["under"]:
        return "below"
    return "around" if match["around"] else "inside"
