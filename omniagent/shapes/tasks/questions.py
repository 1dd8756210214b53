"""Questions about a picture, answered in a word or phrase."""

from dataclasses import dataclass, replace

import numpy as np

from omniagent.shapes.scene.world import (
    COLOURS,
    RELATIONS,
    SHAPES,
    Scene,
    holds,
)
from omniagent.shapes.words.language import pick, synonym
from omniagent.shapes.words.meant import Meant
from omniagent.shapes.words.naming import name_of
from omniagent.shapes.words.phrases import grid_word
from omniagent.shapes.words.requirements import Group
from omniagent.tools.dialects.listed.notation import article, plural


@dataclass(frozen=True)
class Question:
    """A question and its answer, in lower case, and what is asked, as data."""

    text: str
    answer: str
    meant: Meant


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
        text = pick(rng, ("how many objects are there", "how many shapes are there"))
        return Question(text, str(len(scene.items)), Meant("total"))
    group = _some_group(rng, scene)
    noun = plural(_noun(rng, group), 2)
    ask = pick(rng, (f"how many {noun} are there", f"how many {noun} are in the picture", f"count the {noun}"))
    return Question(ask, str(_number(scene, group)), Meant("count", group=group))


def exists(rng: np.random.Generator, scene: Scene) -> Question:
    """Whether something is there."""
    group = _some_group(rng, scene)
    noun = _noun(rng, group)
    ask = pick(rng, (f"is there {article(noun)}", f"does the picture have {article(noun)}", f"are there any {noun}s"))
    return Question(ask, "yes" if _number(scene, group) else "no", Meant("exists", group=group))


def attribute(rng: np.random.Generator, scene: Scene) -> Question | None:
    """The colour, shape or fill of one object, or the background's colour."""
    if rng.random() < 0.15:
        return Question("what colour is the background", scene.background, Meant("ground"))
    index = int(rng.integers(len(scene.items)))
    item = scene.items[index]
    asked = str(rng.choice(["colour", "shape", "fill"]))
    if asked == "shape":
        name = next(
            (n for n in (f"{item.colour} object", f"{item.fill} {item.colour} object") if _alone(scene, index, n)), None
        )
        meant = Meant("shape", (index,), new=name or "")
        return None if name is None else Question(f"what shape is the {name}", item.shape, meant)
    name = name_of(rng, scene, index)
    words = set() if name is None else set(name.split())
    if name is None or (asked == "colour" and item.colour in words) or (asked == "fill" and item.fill in words):
        bare = item.shape
        if not _alone(scene, index, bare):
            return None
        name = bare
    said = " ".join(synonym(rng, w) for w in name.split())
    if asked == "colour":
        text = pick(rng, (f"what colour is the {said}", f"which colour does the {said} have"))
        return Question(text, item.colour, Meant("colour", (index,), new=name))
    ask = pick(rng, (f"what fill does the {said} have", f"what pattern does the {said} have",
                     f"is the {said} solid, striped or dotted"))  # fmt: skip
    return Question(ask, item.fill, Meant("fill", (index,), new=name))


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
        if name is None:
            return None
        return Question(f"where is the {name}", grid_word(scene.items[index]), Meant("place", (index,), new=name))
    a, b = (int(i) for i in rng.permutation(len(scene.items))[:2])
    names = name_of(rng, scene, a), name_of(rng, scene, b)
    words = str(rng.choice(RELATIONS[:4]))
    true, false = holds(words, scene.items[a], scene.items[b]), holds(words, scene.items[b], scene.items[a])
    if None in names or true == false:
        return None
    said = {"left of": pick(rng, ("left of", "to the left of")), "right of": pick(rng, ("right of", "to the right of"))}
    text = f"is the {names[0]} {said.get(words, words)} the {names[1]}"
    return Question(text, "yes" if true else "no", Meant("relation", (a, b), relation=words))


def random_question(rng: np.random.Generator, scene: Scene) -> Question:
    """A question of a random kind, with a question mark more often than not."""
    while True:
        made = (count, count, exists, attribute, attribute, relation)[int(rng.integers(6))](rng, scene)
        if made is None:
            continue
        text = made.text if rng.random() < 0.2 else f"{made.text}?"
        return replace(made, text=text[0].upper() + text[1:] if rng.random() < 0.5 else text)
