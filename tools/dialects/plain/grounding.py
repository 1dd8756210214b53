"""Boxes as grounding models write them, read and mapped to the pixels of the picture that was given.

Qwen2.5-VL tells pixels of the picture as it is sent, Qwen3-VL thousandths of its sides; both as JSON objects with
`bbox_2d` and `label`.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Final

from pydantic import JsonValue

from omniagent.tools.dialects.base import Unreadable
from omniagent.tools.dialects.plain.language.vocabulary import bases, canonical, words_of
from omniagent.tools.dialects.plain.loose_json import values_in
from omniagent.tools.types import Box

_KEYS: Final = ("bbox_2d", "bbox", "box_2d", "box", "bounding_box", "coordinates")
_LABELS: Final = ("label", "name", "category", "object", "class")
_SLACK: Final = 0.02
"""Share of a side by which a box may reach out of the picture and is cut; beyond that the reply is at fault."""

_MOST: Final = 100
_NOTHING: Final = ("[]", "none", "no objects", "there are none", "not present")


def read_boxes(text: str, *, sent: tuple[int, int], size: tuple[int, int], things: Sequence[str]) -> tuple[Box, ...]:
    """The boxes of a reply, in pixels of the picture itself.

    Args:
        text: The reply.
        sent: (width, height) that the reply's numbers are of: the picture as it was sent, or (1000, 1000).
        size: (width, height) of the picture in pixels.
        things: What was asked for; each box is of one of these, others are left out.

    Raises:
        Unreadable: a box is no four numbers, lies outside of the picture or has no area, or there are none to read.
    """
    found = [box for value in values_in(text) for box in _boxes(value, "")]
    if not found and not any(mark in text.lower() for mark in _NOTHING):
        raise Unreadable("the reply holds no boxes; it must be a JSON list of objects with bbox_2d and label")
    if len(found) > _MOST:
        raise Unreadable(f"the reply holds {len(found)} boxes, which is more than can be meant")
    made: list[Box] = []
    for label, numbers in found:
        thing = things[0] if len(things) == 1 and not label else _meant(label, things)
        box = _mapped(numbers, sent, size)
        if thing is not None and (thing, box) not in [(one.label, _corners(one)) for one in made]:
            made.append(Box(label=thing, left=box[0], top=box[1], right=box[2], bottom=box[3]))
    return tuple(made)


def _boxes(value: JsonValue, label: str) -> Iterator[tuple[str, JsonValue]]:
    """(label, numbers) of every object with a box, however deep it lies."""
    if isinstance(value, list):
        for each in value:
            yield from _boxes(each, label)
    elif isinstance(value, Mapping):
        own = next((str(value[key]) for key in _LABELS if isinstance(value.get(key), str)), label)
        key = next((key for key in _KEYS if key in value), None)
        if key is not None:
            yield own, value[key]
            return
        for name, each in value.items():
            yield from _boxes(each, own or name)


def _mapped(numbers: JsonValue, sent: tuple[int, int], size: tuple[int, int]) -> tuple[float, float, float, float]:
    if not isinstance(numbers, list) or len(numbers) != 4:
        raise Unreadable(f"the box {str(numbers)[:60]} must be four numbers")
    values: list[float] = []
    for at, number in enumerate(numbers):
        if isinstance(number, bool) or not isinstance(number, int | float):
            raise Unreadable(f"the box {str(numbers)[:60]} must be four numbers")
        side = sent[at % 2]
        if not -_SLACK * side <= number <= (1 + _SLACK) * side:
            raise Unreadable(f"the box {numbers} lies outside of the picture of {sent[0]}x{sent[1]}")
        values.append(min(max(number / side, 0.0), 1.0) * size[at % 2])
    # Corners that were exchanged name the same box.
    left, right = sorted((values[0], values[2]))
    top, bottom = sorted((values[1], values[3]))
    if right <= left or bottom <= top:
        raise Unreadable(f"the box {numbers} has no area")
    return left, top, right, bottom


def _corners(box: Box) -> tuple[float, float, float, float]:
    return box.left, box.top, box.right, box.bottom


def _meant(label: str, things: Sequence[str]) -> str | None:
    """The thing that a label names: the same words, else a shared noun, if of one thing only."""
    plain = " ".join(label.lower().split())
    if (same := next((thing for thing in things if thing.lower() == plain), None)) is not None:
        return same
    told = _stems(plain)
    shared = [thing for thing in things if _stems(thing.lower().split()[-1]) & told]
    return shared[0] if len(shared) == 1 else None


def _stems(text: str) -> frozenset[str]:
    return frozenset(base for word in words_of(text) for base in bases(canonical(word)))
