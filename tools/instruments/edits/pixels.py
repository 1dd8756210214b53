"""Whether the rest was kept, by the pixels of the given picture and the new one.

What may differ follows from how far the change reaches (`Stated.reach`): beside a change of some part, all that lies
outside of its boxes is compared; where the surroundings change, the main things are, contour by contour; where the look
of all changes, the contours of the whole are, for colours then say nothing. Faces are compared by their contours in
every case. Where pixels cannot tell, the evidence is `unsure`, which weighs nothing in a verdict.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Final

import numpy as np
from PIL import Image

from omniagent.tools.dialects.base import NOWHERE, Touched
from omniagent.tools.instruments.edits.alignment import boxed
from omniagent.tools.instruments.edits.difference import (
    Difference,
    Mask,
    comparable,
    compared,
    likeness_of,
    strongest_spot,
)
from omniagent.tools.types import Answer, Box, ChangeMap, Evidence, Reach, Requirement

_SURE: Final[dict[Answer, float]] = {"yes": 0.9, "no": 0.1, "unsure": 0.5}

_STRANGE: Final = 0.15
"""Likeness up to which two pictures have no contours in common: other photos have 0.11, right edits 0.44 and more."""

_KEPT: Final = 0.4
_FACE: Final = (0.25, 0.5)
"""Likeness of a face up to which it is another one, and from which it is the same; swapped faces have 0.12 at most."""

_OUTSIDE: Final = (0.03, 0.12)
"""Share of what was to stay, up to which the rest was kept, and from which it was not."""

_PATCH: Final = 0.06
"""Side of a patch, as a share of the longer side, that tells when all of it changed where nothing was to change."""

_PATCH_CHANGED: Final = 0.75
_ROOM: Final = 0.15
"""Share of the picture that must lie outside of the boxes."""

_RELIT: Final = 0.12
_SMALLEST_FACE: Final = 12
_MOST_FACES: Final = 8
_LEAST_SHARE: Final = 0.003
_LEAST_LIGHT: Final = 0.04
_LEAST_SPOT: Final = 12.0
_SAME_DETAIL: Final = (0.75, 1.15)
_SAME_THERE: Final = 0.85


@dataclass(frozen=True)
class Pair:
    """The given picture and the new one, how far the change reaches, and where it takes place in each, where known."""

    before: Image.Image
    after: Image.Image
    given: Touched = NOWHERE
    made: Touched = NOWHERE
    reach: Reach | None = None

    @cached_property
    def difference(self) -> Difference:
        """What changed; the light of both is compared outside of the boxes."""
        return compared(self.before, self.after, self.made.changes, self.given.changes)

    @cached_property
    def allowed(self) -> Mask:
        """What lies in the boxes of the change, in either picture."""
        return self.difference.around(self.made.changes, self.given.changes)

    @property
    def located(self) -> bool:
        """Whether it is known in both pictures where the change takes place."""
        return self.given.known and self.made.known and bool(self.given.changes or self.made.changes)

    @cached_property
    def map(self) -> ChangeMap:
        """The change on cells."""
        return self.difference.map(self.allowed if self.reach == "part" and self.located else None)

    def cut(self, box: Box, margin: float = 0.0) -> tuple[Image.Image, Image.Image]:
        """A box of the given picture, as it is in both."""
        across, down = margin * (box.right - box.left), margin * (box.bottom - box.top)
        corners = box.left - across, box.top - down, box.right + across, box.bottom + down
        return _cut(self.before, corners), _cut(self.after, self.difference.moved(corners))


def pixels_evidence(need: Requirement, pair: Pair) -> Evidence | None:
    """What the pixels say of a line that a change is judged by; None of other requirements.

    Args:
        need: The line; its `Stated` tells what it asks for.
        pair: Both pictures.
    """
    stated = need.stated
    if not (stated.change or stated.keeps):
        return None
    if not comparable(pair.before, pair.after):
        return _said("unsure", "the two pictures have too different shapes to be compared")
    if stated.change:
        return _said("no", "nothing visible has changed") if unchanged(pair) else None
    if unchanged(pair):
        return _said("yes", "nothing visible has changed", pair)
    if stated.keeps == "people":
        return _people(pair)
    return _scene(pair)


def unchanged(pair: Pair) -> bool:
    """Whether the new picture is the given one, encoded again or seen a little closer at most."""
    seen = pair.difference
    low, high = _SAME_DETAIL
    if seen.share > _LEAST_SHARE or seen.light > _LEAST_LIGHT or not low <= seen.contrast <= high:
        return False
    if max(seen.strongest, strongest_spot(pair.before, pair.after, seen)) > _LEAST_SPOT:
        return False
    # Faint things show in their own box when they do not in the whole.
    return all(likeness_of(*pair.cut(box, margin=0.2)) >= _SAME_THERE for box in pair.given.changes)


def _scene(pair: Pair) -> Evidence:
    seen, reach = pair.difference, pair.reach
    if reach is None or reach == "view":
        return _said("unsure", "pixels do not tell whether such a change kept the rest", pair)
    if seen.mirrored > 0.5 and seen.placing.likeness < seen.mirrored - 0.3:
        return _said("no", "the given picture is seen mirrored", pair)
    match reach:
        case "part":
            return _outside(pair)
        case "surroundings":
            return _things(pair)
        case "look":
            return _contours(pair)


def _outside(pair: Pair) -> Evidence:
    """Beside a change of some part: what changed outside of its boxes."""
    seen = pair.difference
    stays = ~pair.allowed & seen.covered
    if not pair.located:
        if seen.contoured and seen.placing.likeness <= _STRANGE:
            return _said("no", "nothing of the given picture is found in the new one", pair)
        return _said("unsure", f"{seen.share:.0%} of the picture changed, and where it was to is not known", pair)
    if stays.mean() < _ROOM:
        return _said("unsure", "what was to change fills the picture", pair)
    share = seen.within(stays)
    told = f"{share:.0%} of what was to stay has changed"
    radius = max(1, round(_PATCH * max(seen.changed.shape) / 2))
    patch = float(boxed((seen.changed * stays).astype(np.float32), radius).max())
    if share >= _OUTSIDE[1] or patch >= _PATCH_CHANGED:
        return _said("no", told, pair)
    if seen.light > _RELIT:
        return _said("unsure", f"{told}, and the light of all has", pair)
    return _said("yes" if share <= _OUTSIDE[0] else "unsure", told, pair)


def _things(pair: Pair) -> Evidence:
    """Where the surroundings change: the contours of the main things."""
    boxes = pair.given.stays
    if not boxes:
        return _said("unsure", "where the main things are is not known", pair)
    areas = [(box.right - box.left) * (box.bottom - box.top) for box in boxes]
    likeness = [likeness_of(*pair.cut(box)) for box in boxes]
    mean = sum(area * one for area, one in zip(areas, likeness, strict=True)) / sum(areas)
    told = f"contours of the main things agree to {max(0.0, mean):.2f}"
    if mean <= _STRANGE:
        return _said("no", told, pair)
    return _said("yes" if min(likeness) >= _KEPT else "unsure", told, pair)


def _contours(pair: Pair) -> Evidence:
    """Where the look of all changes: the contours of the whole."""
    seen = pair.difference
    if not seen.contoured:
        return _said("unsure", "one of the pictures has hardly any contours", pair)
    told = f"contours agree to {max(0.0, seen.placing.likeness):.2f}"
    if seen.placing.likeness <= _STRANGE:
        return _said("no", told, pair)
    return _said("yes" if seen.placing.likeness >= _KEPT else "unsure", told, pair)


def _people(pair: Pair) -> Evidence | None:
    """The contours of faces, of which none lies in what was to change."""
    if pair.reach in ("view", None):
        return None
    faces = [box for box in pair.given.faces[:_MOST_FACES] if _told_by(box, pair.given.changes)]
    if not faces:
        return None
    likeness = [likeness_of(*pair.cut(box)) for box in faces]
    least = min(likeness)
    answer: Answer = "no" if least <= _FACE[0] else "yes" if least >= _FACE[1] else "unsure"
    return _said(answer, f"contours of the face agree to {max(0.0, least):.2f}", boxes=faces)


def _told_by(face: Box, changes: Sequence[Box]) -> bool:
    """Whether a face is large enough to compare, and less than half of it lies in any box of the change."""
    area = (face.right - face.left) * (face.bottom - face.top)
    if min(face.right - face.left, face.bottom - face.top) < _SMALLEST_FACE:
        return False
    return all(_shared(face, box) < area / 2 for box in changes)


def _shared(one: Box, other: Box) -> float:
    across = min(one.right, other.right) - max(one.left, other.left)
    down = min(one.bottom, other.bottom) - max(one.top, other.top)
    return max(0.0, across) * max(0.0, down)


def _cut(picture: Image.Image, corners: Sequence[float]) -> Image.Image:
    left, top = (min(max(0, round(side)), most - 1) for side, most in zip(corners[:2], picture.size, strict=True))
    right, bottom = (round(side) for side in corners[2:])
    return picture.crop(
        (left, top, min(max(left + 1, right), picture.width), min(max(top + 1, bottom), picture.height))
    )


def _said(answer: Answer, note: str, pair: Pair | None = None, boxes: Sequence[Box] = ()) -> Evidence:
    return Evidence(
        instrument="pixels",
        answer=answer,
        probability=_SURE[answer],
        note=note,
        boxes=tuple(boxes) if pair is None else pair.made.changes,
        given=() if pair is None else pair.given.changes,
        changed=None if pair is None else pair.map,
    )
