"""Whether a question holds of a picture as the critic described it, by arithmetic on counts, things and places."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Final

from omniagent.tools.dialects.listed.cells import WHERE
from omniagent.tools.dialects.listed.changes.pictures import Picture, Seen, differing, picture_of, seen_of
from omniagent.tools.dialects.listed.draws.parts import FILLS, SHAPES, SIZES
from omniagent.tools.dialects.listed.notation import names_in, read_asked_background, read_count, read_presence
from omniagent.tools.types import Box

_RELATION: Final = re.compile(r"(?:Is|Are) the (.+?) (left of|right of|above|below) the (.+?)\?")
_STEP: Final = {"left of": (-1, 0), "right of": (1, 0), "above": (0, -1), "below": (0, 1)}


def holds_as_described(question: str, seen: str) -> bool | None:
    """True or False where description and question are both in the notation, else None.

    Places are told by nine words, so things in neighbouring ones count as at either, and things side by side in one
    row contradict no "above".
    """
    picture = picture_of(seen)
    if picture is None:
        return None
    if (counted := read_count(question)) is not None:
        if counted.total:
            return len(picture.things) == counted.number
        return counted.number in _counts(picture, counted.phrase.split())
    if (name := read_presence(question)) is not None:
        told = names_in(name)[0]
        fits = _fitting(picture, (told.noun, *told.properties))
        return any(told.place is None or _near(one, told.place) for one in fits)
    if (ground := read_asked_background(question)) is not None:
        return picture.ground == ground
    if (relation := _RELATION.fullmatch(question)) is not None:
        return _stand(picture, relation)
    return None


def places_of(question: str, seen: str, size: tuple[int, int]) -> tuple[Box, ...]:
    """Where the things that a question names are, as the critic described them: each in a ninth of the picture.

    Args:
        question: A line of the checklist.
        seen: The critic's description; one in prose tells no places.
        size: (width, height) of the picture in pixels.
    """
    picture = picture_of(seen)
    if picture is None:
        return ()
    if (counted := read_count(question)) is not None:
        things = picture.things if counted.total else _fitting(picture, counted.phrase.split())
    elif (name := read_presence(question)) is not None:
        told = names_in(name)[0]
        things = _fitting(picture, (told.noun, *told.properties))
    elif (relation := _RELATION.fullmatch(question)) is not None:
        things = [one for side in (1, 3) for one in _fitting(picture, relation[side].split())]
    else:
        things = ()
    return tuple(_ninth(one.words, one.cell, size) for one in things if one.cell is not None)


def asked_place(question: str, size: tuple[int, int]) -> Box | None:
    """The ninth of a picture in which a question asks for one thing; None where it names no place."""
    name = read_presence(question)
    place = None if name is None else names_in(name)[0].place
    return None if name is None or place is None or place not in WHERE else _ninth(name, place, size)


def changed_places(questions: Sequence[str], seen: str, size: tuple[int, int]) -> tuple[Box, ...] | None:
    """The ninths of a picture where something must change, or go, so that a checklist holds of it.

    None where that cannot be told: the description is prose, or a thing has no place. The background has none, so that
    nothing is told of it.

    Args:
        questions: The checklist of the changed picture, which asks for every thing of it.
        seen: The critic's description of the given picture.
        size: (width, height) of the picture in pixels.
    """
    picture = picture_of(seen)
    if picture is None:
        return None
    changed: list[Seen] = []
    left = list(picture.things)
    for question in questions:
        name = read_presence(question)
        if name is None:
            if not _leaves_places(question):
                return None
            continue
        asked = seen_of(names_in(name)[0])
        if asked is None:
            return None
        same = next((one for one in left if one.cell == asked.cell and not differing(one, asked)), None)
        if same is None:
            changed.append(asked)
        else:
            left.remove(same)
    changed += left
    boxes = [_ninth(one.words, one.cell, size) for one in changed if one.cell is not None]
    return tuple(boxes) if len(boxes) == len(changed) else None


def _leaves_places(question: str) -> bool:
    """Whether a line that names no place asks for no thing, but for those that other lines name at their places."""
    if (counted := read_count(question)) is not None:
        return counted.total
    return read_asked_background(question) is not None or _RELATION.fullmatch(question) is not None


def _ninth(label: str, cell: str, size: tuple[int, int]) -> Box:
    column, row = WHERE[cell]
    width, height = size[0] / 3, size[1] / 3
    return Box(
        label=label,
        left=column * width,
        top=row * height,
        right=(column + 1) * width,
        bottom=(row + 1) * height,
    )


def _counts(picture: Picture, words: Sequence[str]) -> set[int]:
    """How many there are: "two stars" may stand beside a striped or a small one, which would be called so."""
    fits = _fitting(picture, words)
    plain = [one for one in fits if one.fill is None]
    medium = [one for one in fits if one.size is None]
    return {len(fits), len(plain), len(medium), len([one for one in plain if one.size is None])}


def _fitting(picture: Picture, words: Sequence[str]) -> list[Seen]:
    return [one for one in picture.things if all(_is(one, word) for word in words)]


def _is(one: Seen, word: str) -> bool:
    shape = word.removesuffix("s")
    if shape in SHAPES or shape == "object":
        return shape in (one.shape, "object")
    if word == "medium":
        return one.size is None
    if word in SIZES:
        return one.size == SIZES[word]
    if word in FILLS:
        return (one.fill or "solid") == FILLS[word]
    return one.colour == word


def _near(one: Seen, place: str) -> bool:
    if one.cell is None or place not in WHERE:
        return True
    (x, y), (a, b) = WHERE[one.cell], WHERE[place]
    return max(abs(x - a), abs(y - b)) <= 1


def _stand(picture: Picture, relation: re.Match[str]) -> bool:
    first, second = (_fitting(picture, relation[side].split()) for side in (1, 3))
    across, down = _STEP[relation[2]]
    for one in first:
        for other in second:
            if one.cell is None or other.cell is None:
                continue
            (x, y), (a, b) = WHERE[one.cell], WHERE[other.cell]
            if (x - a) * across + (y - b) * down < 0:
                return False
    return bool(first and second)
