"""Evidence drawn: boxes of things and read text, and the map of what changed, laid over the picture they speak of."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final, Literal, NamedTuple

import numpy as np
from PIL import Image, ImageDraw, ImageFont

from omniagent.model.wording import cut
from omniagent.tools.types import Answer, Box, ChangeMap, Critique, Evidence

Line = Literal["solid", "dashed"]

COLOURS: Final[dict[Answer, str]] = {"yes": "#1a7f4b", "no": "#c4281b", "unsure": "#b26a00"}
"""Of a mark, by the verdict that it belongs to."""

SIGNS: Final[dict[Answer, str]] = {"yes": "✓", "no": "✗", "unsure": "?"}
CHANGED: Final = (214, 0, 201)
"""Red, green and blue of what changed; the more a cell changed, the less it lets through."""

MOST: Final = 40
"""Marks on one picture; more would hide it."""

_WORST: Final[dict[Answer, int]] = {"no": 0, "unsure": 1, "yes": 2}
_STRONGEST: Final = 150
"""Opacity, of 255, of a cell that changed all over."""

_LONGEST: Final = 24
_NOT_LATIN: Final = 0x250
_SIDES: Final = (512, 1536)
"""Longest side in pixels between which a picture is drawn: small ones have no room for words, large ones need none."""


_Area = tuple[float, float, float, float]
"""Left, top, right and bottom in pixels of the picture as it is drawn."""


class Mark(NamedTuple):
    """One box on a picture.

    Attributes:
        number: Counted from 1, in the order of the verdicts.
        label: What is in the box, in words; the text itself where it was read.
        box: Its corners in pixels of the picture.
        answer: The worst verdict that rests on it.
        line: Solid for what was located; dashed for what only lies in there somewhere: a ninth of the picture that a
            description names, or what an edit was to change.
    """

    number: int
    label: str
    box: Box
    answer: Answer
    line: Line

    @property
    def short(self) -> str:
        """Number and label, short enough to stand at the box."""
        return f"{self.number} {cut(self.label, _LONGEST)}".strip()

    @property
    def told(self) -> str:
        """The mark in words, for readers who do not see the picture."""
        corners = (self.box.left, self.box.top, self.box.right, self.box.bottom)
        return f"{self.number} {self.label}, {self.answer}, at " + ",".join(f"{corner:.0f}" for corner in corners)


def marks_of(critique: Critique | None) -> tuple[Mark, ...]:
    """The boxes that an attempt's verdicts rest on, each once; at most `MOST`."""
    answers: dict[tuple[str, int, int, int, int], Answer] = {}
    first: dict[tuple[str, int, int, int, int], tuple[Box, Line]] = {}
    for answer, evidence in _evidence(critique):
        line: Line = "dashed" if evidence.instrument in ("description", "pixels") else "solid"
        for box in evidence.boxes:
            key = (box.label, round(box.left), round(box.top), round(box.right), round(box.bottom))
            first.setdefault(key, (box, line))
            answers[key] = min(answers.get(key, answer), answer, key=_WORST.__getitem__)
    return tuple(
        Mark(number, box.label, box, answers[key], line)
        for number, (key, (box, line)) in enumerate(list(first.items())[:MOST], start=1)
    )


def change_of(critique: Critique | None) -> ChangeMap | None:
    """The map of what changed that an attempt's verdicts rest on; None where no edit was compared."""
    return next((one.changed for _, one in _evidence(critique) if one.changed is not None), None)


def change_layer(changed: ChangeMap) -> Image.Image:
    """The map as RGBA, one pixel a cell, to be enlarged over the picture without smoothing."""
    levels = np.array([[int(digit) for digit in row] for row in changed.rows], dtype=np.uint16)
    layer = np.zeros((*levels.shape, 4), dtype=np.uint8)
    layer[..., :3] = CHANGED
    layer[..., 3] = levels * _STRONGEST // 9
    return Image.fromarray(layer, "RGBA")


def marked(image: Image.Image, critique: Critique | None) -> Image.Image:
    """The picture with its evidence on it, RGB, its longest side within 512 to 1536 pixels.

    Labels in letters that the drawing font does not have are left to their numbers.
    """
    shortest, longest = _SIDES
    factor = min(max(1.0, shortest / max(image.size)), longest / max(image.size))
    size = (max(1, round(image.width * factor)), max(1, round(image.height * factor)))
    picture = image.convert("RGBA").resize(size, Image.Resampling.LANCZOS)
    changed = change_of(critique)
    if changed is not None:
        layer = change_layer(changed).resize(size, Image.Resampling.NEAREST)
        picture = Image.alpha_composite(picture, layer)
    picture = picture.convert("RGB")
    marks = marks_of(critique)
    for mark in reversed(marks):
        _outline(picture, mark, size[0] / image.width, size[1] / image.height)
    taken: list[_Area] = []
    for mark in marks:
        taken.append(_name(picture, mark, size[0] / image.width, size[1] / image.height, taken))
    return picture


def _evidence(critique: Critique | None) -> Iterator[tuple[Answer, Evidence]]:
    for verdict in critique.verdicts if critique is not None else ():
        for one in verdict.evidence:
            yield verdict.answer, one


def _area(picture: Image.Image, box: Box, across: float, down: float) -> _Area:
    left, right = (min(max(0.0, side * across), picture.width - 1.0) for side in (box.left, box.right))
    top, bottom = (min(max(0.0, side * down), picture.height - 1.0) for side in (box.top, box.bottom))
    return left, top, right, bottom


def _width(picture: Image.Image) -> int:
    return max(2, max(picture.size) // 256)


def _outline(picture: Image.Image, mark: Mark, across: float, down: float) -> None:
    draw, colour, width = ImageDraw.Draw(picture), COLOURS[mark.answer], _width(picture)
    area = _area(picture, mark.box, across, down)
    if mark.line == "dashed":
        _dashed(draw, area, colour, width)
        return
    draw.rectangle(area, outline="white", width=2 * width)
    draw.rectangle(area, outline=colour, width=width)


def _name(picture: Image.Image, mark: Mark, across: float, down: float, taken: list[_Area]) -> _Area:
    """Write a mark's label at its box, below the labels that stand there already; where it stands."""
    draw, width = ImageDraw.Draw(picture), _width(picture)
    font = ImageFont.load_default(max(14, max(picture.size) // 40))
    label = mark.short if all(ord(sign) < _NOT_LATIN or sign == "…" for sign in mark.short) else str(mark.number)
    words = draw.textbbox((0, 0), label, font=font)
    wide, high = words[2] + 2 * width, words[3] + 2 * width
    left, top, _, _ = _area(picture, mark.box, across, down)
    x = max(0.0, min(left, picture.width - wide))
    y = max(0.0, min(top - high if top >= high else top, picture.height - high))
    while y + 2 * high <= picture.height and any(_meet((x, y, x + wide, y + high), other) for other in taken):
        y += high
    draw.rectangle((x, y, x + wide, y + high), fill=COLOURS[mark.answer])
    draw.text((x + width, y + width), label, fill="white", font=font)
    return x, y, x + wide, y + high


def _meet(one: _Area, other: _Area) -> bool:
    return one[0] < other[2] and other[0] < one[2] and one[1] < other[3] and other[1] < one[3]


def _dashed(draw: ImageDraw.ImageDraw, area: _Area, colour: str, width: int) -> None:
    left, top, right, bottom = area
    sides = (((left, top), (right, top)), ((left, bottom), (right, bottom)))
    sides += (((left, top), (left, bottom)), ((right, top), (right, bottom)))
    for (x, y), (to_x, to_y) in sides:
        length = max(to_x - x, to_y - y)
        dashes = max(1, round(length / (8 * width)))
        for dash in range(dashes):
            start, end = dash / dashes, (dash + 0.6) / dashes
            points = [(x + (to_x - x) * share, y + (to_y - y) * share) for share in (start, end)]
            draw.line(points, fill=colour, width=width)
