"""The pixels' evidence on the lines that every change of a picture is judged by, with what the critic locates."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from PIL import Image

from omniagent.model.perception.boxes import BoxFinder
from omniagent.tools.consult import Desk
from omniagent.tools.dialects.base import NOWHERE, Dialect, Touched, Unreadable
from omniagent.tools.instruments.edits.pixels import Pair, pixels_evidence
from omniagent.tools.instruments.looked import Looked, found_in
from omniagent.tools.meter import CallMeter
from omniagent.tools.types import Box, Evidence, Reach, Requirement

_MAIN = ("person", "animal")
_FACE = "face"


def compared_by_pixels(
    desk: Desk, dialect: Dialect, looked: Looked, asked: Sequence[Requirement], calls: CallMeter
) -> Mapping[str, tuple[Evidence, ...]]:
    """What the pixels say, by requirement; nothing where there is no given picture or no such line.

    Where the change takes place is located in the given picture, and in the new one if only a part of it changes: by
    the detector, else by the critic in at most two calls. Replies whose boxes are at fault tell nothing.
    """
    lines = [one for one in asked if one.stated.change or one.stated.keeps]
    if not lines or looked.before is None:
        return {}
    reaches: list[Reach | None] = [one.stated.reach for one in lines if one.stated.keeps == "scene"]
    reach = reaches[0] if reaches else None
    change = next(filter(None, (dialect.change_in(one.question) for one in lines)), "")

    def touched(image: Image.Image, *, done: bool) -> Touched:
        if looked.finder is not None:
            return _found(image, asked, looked.finder)
        if not calls.left:
            return NOWHERE
        try:
            return dialect.touched(image, change, desk, done=done) or NOWHERE
        except Unreadable:
            return NOWHERE

    wanted = _located_in(reach)
    given = touched(looked.before, done=False) if wanted else NOWHERE
    made = touched(looked.image, done=True) if wanted == 2 else NOWHERE
    pair = Pair(looked.before, looked.image, given, made, reach)
    found = {one.id: pixels_evidence(one, pair) for one in lines}
    return {name: (evidence,) for name, evidence in found.items() if evidence is not None}


def _found(image: Image.Image, asked: Sequence[Requirement], finder: BoxFinder) -> Touched:
    """What a detector finds of the things that the checklist names; it does not read the request itself."""
    named = tuple(dict.fromkeys(one.stated.thing for one in asked if one.stated.thing))
    found = found_in(image, (*named, *_MAIN, _FACE), finder)
    changes = tuple(box for box in found if box.label in named)
    stays = tuple(box for box in found if box.label in _MAIN and not any(_same(box, other) for other in changes))
    return Touched(changes, stays, tuple(box for box in found if box.label == _FACE))


def _same(one: Box, other: Box) -> bool:
    corners = ("left", "top", "right", "bottom")
    size = max(one.right - one.left, one.bottom - one.top)
    return all(abs(getattr(one, side) - getattr(other, side)) < 0.1 * size for side in corners)


def _located_in(reach: Reach | None) -> int:
    """In how many pictures boxes tell something beside a change of that reach."""
    return {"part": 2, "surroundings": 1, "look": 1}.get(reach or "", 0)
