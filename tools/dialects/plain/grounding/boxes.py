"""Boxes as grounding models write them, read and mapped to the pixels of the picture that was given.

Qwen2.5-VL tells pixels of the picture as it is sent, Qwen3-VL thousandths of its sides; both as JSON objects with
`bbox_2d` and `label`. One fault makes the whole reply unreadable: a count or a relation cannot rest on a part of it.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Final, NamedTuple

from PIL import Image
from pydantic import JsonValue

from omniagent.model.mllm.yes_no import without_thought
from omniagent.model.profile import CriticProfile
from omniagent.tools.dialects.base import Consultation, Touched, Unreadable
from omniagent.tools.dialects.pixels import size_within
from omniagent.tools.dialects.plain import prompts
from omniagent.tools.dialects.plain.grounding.labels import thing_named
from omniagent.tools.dialects.plain.reply.loose_json import values_in
from omniagent.tools.types import Box

_KEYS: Final = ("bbox_2d", "bbox", "box_2d", "box", "bounding_box", "coordinates")
_LABELS: Final = ("label", "name", "category", "object", "class")
_SLACK: Final = 0.02
"""Share of a side by which a box may reach out of the picture and is cut; beyond that the reply is at fault."""

_SAME: Final = 0.9
"""Share of overlap (intersection over union) from which two boxes of one label are one thing, written twice."""

_MOST: Final = 100
_NOTHING: Final = re.compile(
    r"\[\s*\]|^\W*(?:none|nothing|no objects|there are none|not present)\b|\bthere (?:is|are) no(?:ne)?\b",
    re.IGNORECASE,
)

Corners = tuple[float, float, float, float]


class _Found(NamedTuple):
    """One thing of a reply as it is written; its label may be the key that the numbers stand under."""

    label: str
    numbers: JsonValue


_TOUCHED: Final = ("change", "stays", "face")
"""Labels of what a change concerns, of the main things that stay, and of faces."""


def touched_by(image: Image.Image, change: str, critic: Consultation, *, done: bool) -> Touched | None:
    """Where a change takes place in a picture, before it or `done`; None where this critic cannot locate.

    Raises:
        Unreadable: the reply's boxes are at fault.
    """
    sent = sent_size(image, critic.profile)
    if sent is None or not change:
        return None
    prompt = prompts.touched_prompt(image, change, _TOUCHED, done=done)
    said = critic.write(prompt, max_tokens=critic.profile.plan_tokens)
    if said.cut:
        raise Unreadable("the list of boxes was cut at the token limit, so that boxes may be missing")
    found = read_boxes(said.text, sent=sent, size=image.size, things=_TOUCHED)
    changes, stays, faces = (tuple(box for box in found if box.label == label) for label in _TOUCHED)
    return Touched(changes, stays, faces)


def sent_size(image: Image.Image, profile: CriticProfile) -> tuple[int, int] | None:
    """What the numbers of this critic's boxes are of, (width, height); None where it cannot locate."""
    if profile.grounding == "thousandths":
        return 1000, 1000
    if profile.grounding != "pixels":
        return None
    return image.size if profile.plan_pixels is None else size_within(*image.size, profile.plan_pixels)


def read_boxes(text: str, *, sent: tuple[int, int], size: tuple[int, int], things: Sequence[str]) -> tuple[Box, ...]:
    """The boxes of a reply, in pixels of the picture itself.

    Args:
        text: The reply.
        sent: (width, height) that the reply's numbers are of: the picture as it was sent, or (1000, 1000).
        size: (width, height) of the picture in pixels.
        things: What was asked for; each box is of one of these, others are left out.

    Raises:
        Unreadable: a box is no four numbers, lies outside of the picture or has no area; the reply is cut short or
            holds no boxes; or no label says which boxes are of a thing that was asked for.
    """
    text = without_thought(text)
    found = [one for value in values_in(text) for one in _boxes(value, "")]
    if not found and _NOTHING.search(text) is None:
        raise Unreadable("the reply holds no boxes; it must be a JSON list of objects with bbox_2d and label")
    if len(found) > _MOST:
        raise Unreadable(f"the reply holds {len(found)} boxes, which is more than can be meant")
    if found and _cut_short(text):
        raise Unreadable("the reply ends inside its JSON, so that boxes may be missing; allow more tokens")
    made: list[Box] = []
    unknown: list[str] = []
    for label, numbers in found:
        corners = _mapped(numbers, sent, size)
        thing = thing_named(label, things)
        if thing is None:
            unknown.append(label)
        elif not any(one.label == thing and _overlap(_corners(one), corners) >= _SAME for one in made):
            made.append(Box(label=thing, left=corners[0], top=corners[1], right=corners[2], bottom=corners[3]))
    if unknown and {one.label for one in made} != set(things):
        raise Unreadable(
            f"the label {unknown[0][:60]!r} names none of {', '.join(things)}, and one of these has no box"
        )
    return tuple(made)


def _boxes(value: JsonValue, label: str) -> Iterator[_Found]:
    """Every object with a box, however deep it lies; four bare numbers are a box of the key that they stand under."""
    if isinstance(value, list):
        if len(value) == 4 and all(_is_number(each) for each in value):
            yield _Found(label, value)
            return
        for each in value:
            yield from _boxes(each, label)
    elif isinstance(value, Mapping):
        own = next((str(value[key]) for key in _LABELS if isinstance(value.get(key), str)), None)
        key = next((key for key in _KEYS if key in value), None)
        if key is not None:
            boxes = value[key]
            several = isinstance(boxes, list) and bool(boxes) and all(_is_box(each) for each in boxes)
            for each in boxes if isinstance(boxes, list) and several else (boxes,):
                yield _Found(own or label, each)
            return
        inner = [one for name, each in value.items() for one in _boxes(each, own or name)]
        # A thing that is told by a point or a number alone would be missed by counts.
        yield from inner if inner or own is None else (_Found(own, None),)


def _is_number(value: JsonValue) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _is_box(value: JsonValue) -> bool:
    return isinstance(value, list) and len(value) == 4 and all(_is_number(each) for each in value)


def _cut_short(text: str) -> bool:
    return text.count("[") > text.count("]") or text.count("{") > text.count("}")


def _mapped(numbers: JsonValue, sent: tuple[int, int], size: tuple[int, int]) -> Corners:
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
    if all(isinstance(number, int | float) and number <= 1 for number in numbers):
        raise Unreadable(f"the box {numbers} is told in shares of the sides, not in units of {sent[0]}x{sent[1]}")
    # Corners that were exchanged name the same box.
    left, right = sorted((values[0], values[2]))
    top, bottom = sorted((values[1], values[3]))
    if right <= left or bottom <= top:
        raise Unreadable(f"the box {numbers} has no area")
    return left, top, right, bottom


def _corners(box: Box) -> Corners:
    return box.left, box.top, box.right, box.bottom


def _overlap(one: Corners, other: Corners) -> float:
    """Intersection over union."""
    width = min(one[2], other[2]) - max(one[0], other[0])
    height = min(one[3], other[3]) - max(one[1], other[1])
    both = max(0.0, width) * max(0.0, height)
    return both / (_area(one) + _area(other) - both)


def _area(corners: Corners) -> float:
    return (corners[2] - corners[0]) * (corners[3] - corners[1])
