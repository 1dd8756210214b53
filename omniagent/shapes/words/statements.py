"""Yes/no statements about a picture for the critic: checklist questions with their true answers."""

from collections.abc import Sequence
from dataclasses import replace
from typing import NamedTuple

import numpy as np

from omniagent.shapes.scene.world import (
    BACKGROUNDS,
    COLOURS,
    FILLS,
    PLACES,
    RELATIONS,
    SHAPES,
    SIZES,
    Item,
    Scene,
    holds,
    place_of,
)
from omniagent.shapes.words.phrases import (
    background_question,
    grid_word,
    group_question,
    place_question,
    relation_question,
    total_question,
)
from omniagent.shapes.words.requirements import Group, Relation, Wanted
from omniagent.shapes.words.sought import Sought, as_it_is
from omniagent.tools.dialects.listed.cells import CELLS


class Statement(NamedTuple):
    """A yes/no question, its true answer, and the fact behind it as a class (see `FACTS`)."""

    question: str
    true: bool
    fact: int


_MOST = 8
FACTS = _MOST + len(BACKGROUNDS) + 9 + 2
"""Classes of facts: a number of objects, a background, one of nine cells, or no and yes where nothing else tells."""


def _number_fact(number: int) -> int:
    return min(number, _MOST - 1)


def _background_fact(background: str) -> int:
    return _MOST + list(BACKGROUNDS).index(background)


def _place_fact(members: list[Item]) -> int:
    cells = [word for line in CELLS for word in line]
    return _MOST + len(BACKGROUNDS) + cells.index(grid_word(members[0]))


def _plain_fact(true: bool) -> int:
    return FACTS - 2 + int(true)


def statements(rng: np.random.Generator, scene: Scene, wanted: Wanted) -> list[Statement]:
    """Checklist questions about a picture with their true answers: those of `wanted`, and altered ones.

    `wanted` may be of this scene or of another: each question is answered by what the scene shows.
    """
    found: list[Statement] = []
    for group in wanted.groups:
        for trial in (group, _altered(rng, group)) if rng.random() < 0.5 else (group,):
            number = _count_of(scene, trial)
            found.append(Statement(group_question(trial).question, number == trial.count, _number_fact(number)))
        if len(wanted.groups) and rng.random() < 0.35:
            members = [i for i in scene.items if _is(i, group)]
            # Chance alone would hardly ever name the right one of nine, and teach to say no.
            known = place_of(members[0].x, members[0].y) if members and rng.random() < 0.85 else None
            place = known or group.place or str(rng.choice(PLACES))
            asked = group.model_copy(update={"place": place})
            if members:
                true = all(place_of(i.x, i.y) == place for i in members)
                found.append(Statement(place_question(asked).question, true, _place_fact(members)))
    found += [_relation_statement(scene, r, wanted) for r in wanted.relations]
    if len(wanted.groups) > 1 and rng.random() < 0.7:
        a, b = (int(i) for i in rng.permutation(len(wanted.groups))[:2])
        every = [Relation(first=a, name=name, second=b) for name in RELATIONS[:4]]
        true = [r for r in every if _related(scene, r, wanted)]
        options = true if true and rng.random() < 0.5 else every
        r = options[int(rng.integers(len(options)))]
        if _clear(scene, r, wanted):
            found.append(_relation_statement(scene, r, wanted))
    background = wanted.background or str(rng.choice(list(BACKGROUNDS)))
    if rng.random() < 0.5:
        background = str(rng.choice(list(BACKGROUNDS)))
    same, fact = background == scene.background, _background_fact(scene.background)
    found.append(Statement(background_question(background).question, same, fact))
    total = len(scene.items) if rng.random() < 0.5 else max(1, len(scene.items) + int(rng.integers(-2, 3)))
    found.append(Statement(total_question(total).question, total == len(scene.items), _number_fact(len(scene.items))))
    return found


def _relation_statement(scene: Scene, relation: Relation, wanted: Wanted) -> Statement:
    true = _related(scene, relation, wanted)
    return Statement(relation_question(relation, wanted.groups).question, true, _plain_fact(true))


def object_statements(rng: np.random.Generator, scene: Scene, other: Scene) -> list[Statement]:
    """Questions for single objects of `other`, some altered, with their true answers for `scene`."""
    found: list[Statement] = []
    for item in other.items:
        asked = as_it_is(item)
        if rng.random() < 0.25:
            asked = replace(asked, size=None, place=None)
        if rng.random() < 0.45:
            asked = _other_object(rng, asked)
        true = asked.found_in(scene)
        found.append(Statement(asked.draft.question, true, _plain_fact(true)))
    return found


def _other_object(rng: np.random.Generator, asked: Sought) -> Sought:
    """The object with one word changed, mostly to what the eye might take for it."""
    options: dict[str, list[str]] = {"colour": list(COLOURS), "shape": list(SHAPES), "fill": list(FILLS)}
    if asked.place is not None:
        options["place"] = [word for line in CELLS for word in line]
    field = str(rng.choice(list(options)))
    return replace(asked, **{field: str(rng.choice([o for o in options[field] if o != getattr(asked, field)]))})


def truth_of(scene: Scene, wanted: Wanted, sought: Sequence[Sought] = ()) -> dict[str, bool]:
    """The checklist questions of `wanted`, and of the single objects, with their true answers for a scene."""
    found = {one.draft.question: one.found_in(scene) for one in sought}
    for group in wanted.groups:
        members = [i for i in scene.items if _is(i, group)]
        found[group_question(group).question] = len(members) == group.count
        if group.place:
            there = bool(members) and all(place_of(i.x, i.y) == group.place for i in members)
            found[place_question(group).question] = there
    for r in wanted.relations:
        found[relation_question(r, wanted.groups).question] = _related(scene, r, wanted)
    if wanted.background:
        found[background_question(wanted.background).question] = scene.background == wanted.background
    if wanted.total is not None:
        found[total_question(wanted.total).question] = len(scene.items) == wanted.total
    return found


def _is(item: Item, group: Group) -> bool:
    wanted = (group.fill, group.colour, group.shape, group.size)
    actual = (*item.kind, item.size)
    return all(w is None or w == a for w, a in zip(wanted, actual, strict=True))


def _count_of(scene: Scene, group: Group) -> int:
    return sum(_is(item, group) for item in scene.items)


def _altered(rng: np.random.Generator, group: Group) -> Group:
    """The group with one word or its number changed."""
    which = str(rng.choice(["count", "colour", "shape", "fill", "size"]))
    options: dict[str, list[object]] = {
        "count": [n for n in range(1, 5) if n != group.count],
        "colour": list(COLOURS),
        "shape": list(SHAPES),
        "fill": list(FILLS),
        "size": [*SIZES, None],
    }
    pool = options[which]
    return group.model_copy(update={which: pool[int(rng.integers(len(pool)))]})


def _pairs(scene: Scene, relation: Relation, wanted: Wanted) -> list[tuple[bool, bool]]:
    first, second = wanted.groups[relation.first], wanted.groups[relation.second]
    return [
        (holds(relation.name, a, b, 2.0), holds(relation.name, a, b, 8.0) or holds(relation.name, b, a, 2.0))
        for a in scene.items
        if _is(a, first)
        for b in scene.items
        if _is(b, second) and a is not b
    ]


def _related(scene: Scene, relation: Relation, wanted: Wanted) -> bool:
    pairs = _pairs(scene, relation, wanted)
    return bool(pairs) and all(true for true, _ in pairs)


def _clear(scene: Scene, relation: Relation, wanted: Wanted) -> bool:
    """Whether no pair is too close to call."""
    return all(clear or not true for true, clear in _pairs(scene, relation, wanted))
