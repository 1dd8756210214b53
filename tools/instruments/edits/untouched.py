"""Lines about a place of the picture where an edit changed nothing: they hold as they held of the given picture."""

from __future__ import annotations

from collections.abc import Sequence

from PIL import Image

from omniagent.tools.consult import Desk
from omniagent.tools.dialects.base import Dialect
from omniagent.tools.instruments.looked import Looked
from omniagent.tools.instruments.preservation import PreservationLimits, preservation
from omniagent.tools.types import Box, Requirement

_CHANGED = 0.02
"""Share of a place's cells up to which it counts as unchanged; a few cells differ where it was drawn from latents."""


def as_before(desk: Desk, dialect: Dialect, looked: Looked, asked: Sequence[Requirement]) -> dict[str, float]:
    """p(yes) of the given picture, of those requirements whose place looks as it does there.

    A critic that answers differently about two places that look the same errs about one of them. The plan was read
    from the given picture, so its answer there is the one that the checklist follows.

    Args:
        desk: The critic.
        dialect: Its dialect; one that names no places leaves all as it is.
        looked: The picture, with the one that it was made from.
        asked: What did not hold of the picture, or not for sure.
    """
    before = looked.before
    if before is None or before.size != looked.image.size:
        return {}
    boxes = {one.id: dialect.place_of(one.question, before.size) for one in asked}
    same = [one for one in asked if (box := boxes[one.id]) is not None and unchanged_in(box, before, looked.image)]
    if not same:
        return {}
    seen = desk.describe(before) if desk.profile.describe_first else ""
    found = desk.yes_no(dialect.verdict(before, seen), [dialect.question(one.question) for one in same])
    return {one.id: p for one, p in zip(same, found, strict=True) if dialect.described(one.question, seen) is not False}


def unchanged_in(box: Box, before: Image.Image, after: Image.Image) -> bool:
    """Whether two pictures of one size look the same inside a box."""
    corners = left, top, right, bottom = round(box.left), round(box.top), round(box.right), round(box.bottom)
    if right <= left or bottom <= top:
        # A place of a tiny picture may hold no pixel, which tells nothing.
        return False
    return preservation(before.crop(corners), after.crop(corners), PreservationLimits()).changed <= _CHANGED
