"""Questions about a picture, answered in a word or phrase, and yes/no statements for the critic."""

from dataclasses import dataclass, replace
from typing import NamedTuple

import numpy as np

from omniagent.shapes.language import pick, synonym
from omniagent.shapes.naming import name_of
from omniagent.shapes.phrases import (
    an,
    background_question,
    grid_word,
    group_question,
    place_question,
    plural,
    relation_question,
    total_question,
)
from omniagent.shapes.requirements import Group, Relation, Wanted
from omniagent.shapes.world import (
    BACKGROUNDS,
    CELLS,
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


@dataclass(frozen=True)
class Question:
    """A question and its answer, in lower case."""

    text: str
    answer: str


def _noun(rng: np.random.Generator, group: Group) -> str:
    fill = None if group.fill == "solid" and rng.random() < 0.7 else group.fill
    return " ".join(w for w in (group.size, fill, group.colour, group.shape or "object") if w)


def _some_group(rng: np.random.Generator, scene: Scene) -> Group:
    """A loose description that fits an object of the scene, or one that is a little off."""
    item = scene.items[int(rng.integers(len(scene.items)))]
    keep = rng.random(3) < (0.35, 0.7, 0.75)
    fill, colour, shape = (w if k else None for w, k in zip(item.kind, keep, strict=True))
    if rng.random() < 0.5:
        colour = str(rng.choice(list(COLOURS))) if colour and rng.random() < 0.6 else colour
        shape = str(rng.choice(SHAPES)) if shape and rng.random() < 0.5 else shape
    if not (colour or shape):
        shape = item.shape
    return Group(fill=fill, colour=colour, shape=shape)


def _number(scene: Scene, group: Group) -> int:
    wanted = (group.fill, group.colour, group.shape)
    return sum(all(w is None or w == o for w, o in zip(wanted, i.kind, strict=True)) for i in scene.items)


def count(rng: np.random.Generator, scene: Scene) -> Question:
    """How many of something."""
    if rng.random() < 0.2:
        return Question(pick(rng, ("how many objects are there", "how many shapes are there")), str(len(scene.items)))
    group = _some_group(rng, scene)
    noun = plural(_noun(rng, group), 2)
    ask = pick(rng, (f"how many {noun} are there", f"how many {noun} are in the picture", f"count the {noun}"))
    return Question(ask, str(_number(scene, group)))


def exists(rng: np.random.Generator, scene: Scene) -> Question:
    """Whether something is there."""
    group = _some_group(rng, scene)
    noun = _noun(rng, group)
    ask = pick(rng, (f"is there {an(noun)}", f"does the picture have {an(noun)}", f"are there any {noun}s"))
    return Question(ask, "yes" if _number(scene, group) else "no")


def attribute(rng: np.random.Generator, scene: Scene) -> Question | None:
    """The colour, shape or fill of one object, or the background's colour."""
    if rng.random() < 0.15:
        return Question("what colour is the background", scene.background)
    index = int(rng.integers(len(scene.items)))
    item = scene.items[index]
    asked = str(rng.choice(["colour", "shape", "fill"]))
    if asked == "shape":
        name = next(
            (n for n in (f"{item.colour} object", f"{item.fill} {item.colour} object") if _alone(scene, index, n)), None
        )
        return None if name is None else Question(f"what shape is the {name}", item.shape)
    name = name_of(rng, scene, index)
    words = set() if name is None else set(name.split())
    if name is None or (asked == "colour" and item.colour in words) or (asked == "fill" and item.fill in words):
        bare = item.shape
        if not _alone(scene, index, bare):
            return None
        name = bare
    said = " ".join(synonym(rng, w) for w in name.split())
    if asked == "colour":
        return Question(pick(rng, (f"what colour is the {said}", f"which colour does the {said} have")), item.colour)
    ask = pick(rng, (f"what fill does the {said} have", f"what pattern does the {said} have",
                     f"is the {said} solid, striped or dotted"))  # fmt: skip
    return Question(ask, item.fill)


def _alone(scene: Scene, index: int, name: str) -> bool:
    fits = [
        i
        for i, item in enumerate(scene.items)
        if all(w in (item.shape, item.colour, item.fill, "object") for w in name.split())
    ]
    return fits == [index]


def relation(rng: np.random.Generator, scene: Scene) -> Question | None:
    """Whether one object stands in a relation to another, or where it is."""
    if len(scene.items) < 2 or rng.random() < 0.25:
        index = int(rng.integers(len(scene.items)))
        name = name_of(rng, scene, index)
        return None if name is None else Question(f"where is the {name}", grid_word(scene.items[index]))
    a, b = (int(i) for i in rng.permutation(len(scene.items))[:2])
    names = name_of(rng, scene, a), name_of(rng, scene, b)
    words = str(rng.choice(RELATIONS[:4]))
    true, false = holds(words, scene.items[a], scene.items[b]), holds(words, scene.items[b], scene.items[a])
    if None in names or true == false:
        return None
    said = {"left of": pick(rng, ("left of", "to the left of")), "right of": pick(rng, ("right of", "to the right of"))}
    return Question(f"is the {names[0]} {said.get(words, words)} the {names[1]}", "yes" if true else "no")


def random_question(rng: np.random.Generator, scene: Scene) -> Question:
    """A question of a random kind, with a question mark more often than not."""
    while True:
        made = (count, count, exists, attribute, attribute, relation)[int(rng.integers(6))](rng, scene)
        if made is None:
            continue
        text = made.text if rng.random() < 0.2 else f"{made.text}?"
        return replace(made, text=text[0].upper() + text[1:] if rng.random() < 0.5 else text)


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


def truth_of(scene: Scene, wanted: Wanted) -> dict[str, bool]:
    """The checklist questions of `wanted` with their true answers for a scene."""
    found: dict[str, bool] = {}
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
