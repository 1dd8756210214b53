"""Presence, counts and relations decided by arithmetic on the boxes of things."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from omniagent.tools.types import Answer, Box, Evidence, Requirement

_SURE: Final[dict[Answer, float]] = {"yes": 0.9, "no": 0.1, "unsure": 0.5}
_MARGIN: Final = 0.04
"""Share of the picture's side by which centres must lie apart to be left of, or above, one another."""

_INSIDE: Final = 0.8
_STEPS: Final = {"left of": (-1, 0), "right of": (1, 0), "above": (0, -1), "below": (0, 1)}


def things_of(need: Requirement) -> tuple[str, ...]:
    """What must be located to measure a requirement; nothing where boxes do not tell."""
    stated = need.stated
    if need.kind in ("count", "presence") and stated.thing:
        return (stated.thing,)
    if need.kind == "relation" and (stated.relation in _STEPS or stated.relation == "inside"):
        return (stated.thing, stated.other)
    return ()


def boxes_evidence(need: Requirement, boxes: Sequence[Box], size: tuple[int, int]) -> Evidence | None:
    """What the boxes say of a requirement; None where they do not tell.

    Args:
        need: What must hold; `things_of` names what was located.
        boxes: Of everything that was located, each with the thing's name.
        size: (width, height) of the picture in pixels.
    """
    things = things_of(need)
    if not things:
        return None
    first = [box for box in boxes if box.label == things[0]]
    if need.kind == "relation":
        second = [box for box in boxes if box.label == things[1]]
        return _evidence(_related(need.stated.relation, first, second, size), [*first, *second])
    if need.kind == "count" and need.stated.number is not None:
        return _evidence("yes" if len(first) == need.stated.number else "no", first)
    return _evidence("yes" if first else "no", first)


def unread(reason: str) -> Evidence:
    """Of a reply whose boxes are at fault, and how."""
    return Evidence(instrument="boxes", answer="unsure", probability=0.5, note=f"its boxes cannot be read: {reason}")


def _evidence(answer: Answer, boxes: Sequence[Box]) -> Evidence:
    told = ", ".join(f"{box.label} at {box.left:.0f},{box.top:.0f}–{box.right:.0f},{box.bottom:.0f}" for box in boxes)
    return Evidence(
        instrument="boxes",
        answer=answer,
        probability=_SURE[answer],
        note=f"locates {told}" if told else "locates none",
        boxes=tuple(boxes),
    )


def _related(relation: str, first: Sequence[Box], second: Sequence[Box], size: tuple[int, int]) -> Answer:
    if not first or not second:
        return "no"
    said: set[Answer] = {_pair(relation, one, other, size) for one in first for other in second}
    return next(iter(said)) if len(said) == 1 else "unsure"


def _pair(relation: str, one: Box, other: Box, size: tuple[int, int]) -> Answer:
    if relation == "inside":
        return "yes" if _covered(one, other) >= _INSIDE else "no"
    across, down = _STEPS[relation]
    apart = across * ((one.left + one.right) - (other.left + other.right)) / 2 / size[0]
    apart += down * ((one.top + one.bottom) - (other.top + other.bottom)) / 2 / size[1]
    if abs(apart) < _MARGIN:
        return "unsure"
    return "yes" if apart > 0 else "no"


def _covered(one: Box, other: Box) -> float:
    """The share of a box that lies in another one."""
    width = min(one.right, other.right) - max(one.left, other.left)
    height = min(one.bottom, other.bottom) - max(one.top, other.top)
    return max(0.0, width) * max(0.0, height) / ((one.right - one.left) * (one.bottom - one.top))
