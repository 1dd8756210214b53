"""What is in a picture of the shapes world as words and places, and what differs between two of them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import product
from typing import Final

from PIL import Image

from omniagent.shapes.perception.naming import named
from omniagent.shapes.perception.segments import ground_of, pixels_of
from omniagent.shapes.scene.world import CANVAS
from omniagent.shapes.words.phrases import listed
from omniagent.tools.dialects.listed.cells import WHERE
from omniagent.tools.dialects.listed.notation import article

_MOVED: Final = 9.0
"""Pixels of the canvas from which an object counts as moved."""
_GROWN: Final = 1.22
_SAME_SPOT: Final = 7.0


@dataclass(frozen=True)
class Thing:
    """An object: its look (`striped blue star`), its place word, and where it is known its middle and radius."""

    look: str
    cell: str
    size: str | None = None
    x: float | None = None
    y: float | None = None
    radius: float | None = None

    def apart(self, other: Thing) -> float:
        """How far two are apart, in pixels of the canvas; by place words where no more is known."""
        if None in (self.x, self.y, other.x, other.y):
            (a, b), (c, d) = WHERE[self.cell], WHERE[other.cell]
            return CANVAS / 3 * max(abs(a - c), abs(b - d))
        assert self.x is not None and self.y is not None and other.x is not None and other.y is not None
        return ((self.x - other.x) ** 2 + (self.y - other.y) ** 2) ** 0.5


@dataclass(frozen=True)
class View:
    """A picture's background and its objects."""

    ground: str
    things: tuple[Thing, ...]


@dataclass(frozen=True)
class Difference:
    """What differs: an instruction, the objects that must be there afterwards, and the looks that must be gone."""

    instruction: str
    there: tuple[Thing, ...]
    gone: tuple[str, ...]
    ground: str | None


def view(picture: Image.Image) -> View:
    """A picture as rules see it; what is cut off by an edge is left out, as its shape cannot be told."""
    ground, _ = ground_of(pixels_of(picture))
    edge = 1.0
    things = tuple(
        Thing(one.words, one.cell, one.size, one.x, one.y, one.radius)
        for one in named(picture)
        if edge < one.segment.box[0] and edge < one.segment.box[1]
        and one.segment.box[2] < picture.width - edge and one.segment.box[3] < picture.height - edge
    )  # fmt: skip
    return View(ground, things)


def difference(before: View, after: View) -> Difference:
    """What turns one picture into the other; an empty instruction where nothing does."""
    said: list[str] = []
    there: list[Thing] = []
    gone: list[str] = []
    pairs, removed, added = _matched(before.things, after.things)
    for one, other in pairs:
        if change := _change(one, other, before.things):
            said.append(change)
            there.append(other)
    for one in list(removed):
        other = min(added, key=one.apart, default=None)
        if other is not None and one.apart(other) <= _SAME_SPOT:
            said.append(f"replace {_the(one, before.things)} with {article(other.look)}")
            removed.remove(one)
            added.remove(other)
            there.append(other)
            gone.append(one.look)
    for one in removed:
        said.append(f"remove {_the(one, before.things)}")
        gone.append(one.look)
    for other in added:
        said.append(f"add {article(other.look)} at the {other.cell}")
        there.append(other)
    ground = after.ground if after.ground != before.ground else None
    if ground is not None:
        said.append(f"make the background {ground}")
    return Difference(listed(said) if said else "", tuple(there), tuple(gone), ground)


def _matched(
    before: Sequence[Thing], after: Sequence[Thing]
) -> tuple[list[tuple[Thing, Thing]], list[Thing], list[Thing]]:
    """Objects of one look in both pictures, the nearest first; and what is left over of each."""
    left, right = list(before), list(after)
    pairs: list[tuple[Thing, Thing]] = []
    alike = sorted(
        ((one, other) for one, other in product(before, after) if one.look == other.look),
        key=lambda pair: pair[0].apart(pair[1]),
    )
    for one, other in alike:
        if one in left and other in right:
            pairs.append((one, other))
            left.remove(one)
            right.remove(other)
    return pairs, left, right


def _change(one: Thing, other: Thing, among: Sequence[Thing]) -> str:
    name = _the(one, among)
    if one.apart(other) > _MOVED:
        if other.cell != one.cell:
            return f"move {name} to the {other.cell}"
        assert one.x is not None and other.x is not None and one.y is not None and other.y is not None
        across, down = other.x - one.x, other.y - one.y
        way = ("right" if across > 0 else "left") if abs(across) > abs(down) else ("down" if down > 0 else "up")
        return f"move {name} a little {way}"
    if one.radius is not None and other.radius is not None:
        if other.radius > one.radius * _GROWN:
            return f"make {name} larger"
        return f"make {name} smaller" if one.radius > other.radius * _GROWN else ""
    if one.size != other.size and other.size is not None:
        return f"make {name} {other.size}"
    return ""


def _the(one: Thing, among: Sequence[Thing]) -> str:
    """`the striped star`, with its place where another one looks the same."""
    alone = sum(other.look == one.look for other in among) == 1
    return f"the {one.look}" if alone else f"the {one.look} at the {one.cell}"
