"""What a picture must show, as data, and the judgement of a reading against it.

A `Wanted` is the truth of a task: it travels in task files as JSON, and only the oracle's side ever sees it.
"""

import math
from collections.abc import Callable, Collection, Iterator
from itertools import islice, product
from typing import Annotated

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, model_validator

from omniagent.shapes.scene.reading import Found, Reading, Unreadable
from omniagent.shapes.scene.world import BACKGROUNDS, CANVAS, COLOURS, FILLS, PLACES, RELATIONS, SHAPES, SIZES

# A truth keeps 8 px between centres; a picture that clearly shows the relation with less is not called wrong.
JUDGED_MARGIN = 2.0
PLACE_SLACK = 4.0
KEPT_DISTANCE = 8.0
KEPT_RADIUS = 0.3
_MOST_ASSIGNMENTS = 4096


def _one_of(words: Collection[str]) -> AfterValidator:
    def check(word: str) -> str:
        if word not in words:
            raise ValueError(f"{word!r} is not a word of the shapes world; use one of {', '.join(words)}")
        return word

    return AfterValidator(check)


Colour = Annotated[str, _one_of(COLOURS)]
Shape = Annotated[str, _one_of(SHAPES)]
Fill = Annotated[str, _one_of(FILLS)]
Size = Annotated[str, _one_of(SIZES)]
Place = Annotated[str, _one_of(PLACES)]
RelationWord = Annotated[str, _one_of(RELATIONS)]
Background = Annotated[str, _one_of(BACKGROUNDS)]


class _Frozen(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class Group(_Frozen):
    """Exactly `count` objects that fit every given word; a word left out (None) fits anything.

    `count` 0 means that no such object may be there. `place` must then hold for every object of the group; it does not
    choose which objects belong to it.
    """

    count: int = Field(default=1, ge=0, le=64)
    fill: Fill | None = None
    colour: Colour | None = None
    shape: Shape | None = None
    size: Size | None = None
    place: Place | None = None

    @property
    def words(self) -> str:
        """The group as a phrase in the singular, for example ``small striped blue star``."""
        return " ".join(word for word in (self.size, self.fill, self.colour, self.shape or "object") if word)

    def fits(self, found: Found) -> bool:
        """Whether the object has all the words of the group (the place aside)."""
        wanted = (self.fill, self.colour, self.shape, self.size)
        seen = (found.fill, found.colour, found.shape, found.size)
        return all(word is None or word == other for word, other in zip(wanted, seen, strict=True))


class Relation(_Frozen):
    """`groups[first] NAME groups[second]`: true of every pair of objects from the two groups."""

    first: int = Field(ge=0)
    name: RelationWord
    second: int = Field(ge=0)


class Kept(_Frozen):
    """An object of a source picture that must still be there: same kind, about the same centre and radius (pixels)."""

    fill: Fill
    colour: Colour
    shape: Shape
    x: float
    y: float
    radius: float = Field(gt=0)

    def is_still(self, found: Found) -> bool:
        """Whether the found object is this one: same kind, centre within 8 px, radius within 30 %."""
        near = math.hypot(found.x - self.x, found.y - self.y) <= KEPT_DISTANCE
        alike = abs(found.radius - self.radius) <= KEPT_RADIUS * self.radius
        return (self.fill, self.colour, self.shape) == found.kind and near and alike


class Wanted(_Frozen):
    """Everything a picture must show. `total` counts all objects, named or not; None leaves it open."""

    groups: tuple[Group, ...] = ()
    relations: tuple[Relation, ...] = ()
    background: Background | None = None
    total: int | None = Field(default=None, ge=0)
    preserved: tuple[Kept, ...] = ()

    @model_validator(mode="after")
    def _relations_name_groups(self) -> "Wanted":
        for relation in self.relations:
            for index in (relation.first, relation.second):
                if index >= len(self.groups):
                    raise ValueError(f"relation {relation} names group {index}, but there are {len(self.groups)}")
        return self


class Judged(_Frozen):
    """One requirement in words and whether it holds."""

    requirement: str
    holds: bool


def judge_reading(reading: Reading | Unreadable, wanted: Wanted) -> list[Judged]:
    """One `Judged` per requirement, always the same requirements in the same order for the same `wanted`.

    An object that fits several groups is counted for the one that makes most requirements hold. Of an unreadable
    picture nothing holds.
    """
    if isinstance(reading, Unreadable):
        return [Judged(requirement=text, holds=False) for text, _ in _checks(wanted, [[] for _ in wanted.groups], None)]
    best: list[Judged] = []
    for members in islice(_assignments(reading.objects, wanted.groups), _MOST_ASSIGNMENTS):
        judged = [Judged(requirement=text, holds=check()) for text, check in _checks(wanted, members, reading)]
        if not best or sum(j.holds for j in judged) > sum(j.holds for j in best):
            best = judged
        if all(j.holds for j in best):
            break
    return best


def _assignments(objects: tuple[Found, ...], groups: tuple[Group, ...]) -> Iterator[list[list[Found]]]:
    """Every way to give each object to one of the groups that it fits."""
    choices = [[g for g, group in enumerate(groups) if group.fits(found)] or [-1] for found in objects]
    for chosen in product(*choices):
        yield [[found for found, to in zip(objects, chosen, strict=True) if to == g] for g in range(len(groups))]


def _checks(
    wanted: Wanted, members: list[list[Found]], reading: Reading | None
) -> Iterator[tuple[str, Callable[[], bool]]]:
    """Each requirement in words with the check that decides it; without a reading the checks must not be called."""
    seen = reading or Reading(background="")
    for group, mine in zip(wanted.groups, members, strict=True):
        if group.count:
            yield f"there is a {group.words}", lambda mine=mine: bool(mine)
        yield f"exactly {group.count} {group.words}", lambda mine=mine, group=group: len(mine) == group.count
        if group.place:
            place = group.place
            yield (
                f"{group.words} at the {place}",
                lambda mine=mine, place=place: bool(mine) and all(is_at(found, place) for found in mine),
            )
    for relation in wanted.relations:
        a, b = members[relation.first], members[relation.second]
        words = f"{wanted.groups[relation.first].words} {relation.name} {wanted.groups[relation.second].words}"
        yield (
            words,
            lambda a=a, b=b, name=relation.name: bool(a and b) and all(related(name, p, q) for p in a for q in b),
        )
    if wanted.background:
        yield f"{wanted.background} background", lambda: seen.background == wanted.background
    if wanted.total is not None:
        yield f"{wanted.total} objects in all", lambda: len(seen.objects) == wanted.total
    for kept in wanted.preserved:
        yield (
            f"the {kept.fill} {kept.colour} {kept.shape} at ({kept.x:.0f}, {kept.y:.0f}) is still there",
            lambda kept=kept: any(kept.is_still(found) for found in seen.objects),
        )


def related(name: str, a: Found, b: Found) -> bool:
    """Whether the relation holds between two found objects, with the judge's small margin."""
    match name:
        case "left of":
            return b.x - a.x > JUDGED_MARGIN
        case "right of":
            return a.x - b.x > JUDGED_MARGIN
        case "above":
            return b.y - a.y > JUDGED_MARGIN
        case "below":
            return a.y - b.y > JUDGED_MARGIN
        case "inside":
            in_hole = math.hypot(a.x - b.x, a.y - b.y) + 0.5 * a.radius <= 0.5 * b.radius + 4
            return b.shape == "ring" and a.radius < b.radius and in_hole
        case _:
            raise ValueError(f"unknown relation {name!r}; known: {', '.join(RELATIONS)}")


def is_at(found: Found, place: str) -> bool:
    """Whether the centre lies in the third of the canvas that the place names, give or take 4 px."""
    third = CANVAS / 3
    column = 0 if "left" in place else 2 if "right" in place else 1
    row = 0 if "top" in place else 2 if "bottom" in place else 1
    return all(
        third * cell - PLACE_SLACK <= at <= third * (cell + 1) + PLACE_SLACK
        for at, cell in ((found.x, column), (found.y, row))
    )
