"""Pictures with a fault, and the instruction that mends it: the critic writes it, the generator learns to follow it."""

from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np

from omniagent.shapes.scene.world import (
    BACKGROUNDS,
    COLOURS,
    FILLS,
    SHAPES,
    Item,
    Scene,
    clear_of,
    find_room,
    inside_canvas,
    random_kind,
    random_radius,
    spot_of,
)
from omniagent.shapes.words.phrases import grid_word, item_words, located
from omniagent.tools.dialects.listed.notation import article


@dataclass(frozen=True)
class Fault:
    """A scene with something wrong, and the instruction that turns it back."""

    scene: Scene
    repair: str


def _the(scene: Scene, index: int) -> str:
    return f"the {located(scene.items[index])}"


def _lone(rng: np.random.Generator, scene: Scene) -> int | None:
    """A random object that no ring holds and that holds nothing."""
    for index in rng.permutation(len(scene.items)):
        item = scene.items[int(index)]
        if all(o is item or abs(o.x - item.x) + abs(o.y - item.y) > 3 for o in scene.items):
            return int(index)
    return None


def _missing(rng: np.random.Generator, scene: Scene) -> Fault | None:
    index = _lone(rng, scene)
    if index is None:
        return None
    item = scene.items[index]
    return Fault(scene.without(index), f"add {article(item_words(item))} at {spot_of(item.x, item.y)}")


def _extra(rng: np.random.Generator, scene: Scene) -> Fault | None:
    if len(scene.items) >= 7:
        return None
    if scene.items and rng.random() < 0.5:
        model = scene.items[int(rng.integers(len(scene.items)))]
    else:
        fill, colour, shape = random_kind(rng)
        model = Item(shape, colour, fill, 0, 0, random_radius(rng, "small"))
    found = find_room(rng, replace(model, radius=min(model.radius, 14.0)), list(scene.items), None, 80)
    if found is None:
        return None
    scene = Scene(scene.background, (*scene.items, found))
    return Fault(scene, f"remove {_the(scene, len(scene.items) - 1)}")


def _wrong(field: str, options: tuple[str, ...], verb: str) -> Callable[[np.random.Generator, Scene], Fault | None]:
    def make(rng: np.random.Generator, scene: Scene) -> Fault | None:
        index = _lone(rng, scene)
        if index is None:
            return None
        item = scene.items[index]
        right = str(getattr(item, field))
        changed = replace(item, **{field: str(rng.choice([o for o in options if o != right]))})
        others = [o for i, o in enumerate(scene.items) if i != index]
        if not (inside_canvas(changed) and clear_of(changed, others)):
            return None
        wrong = scene.with_item(index, changed)
        return Fault(wrong, verb.format(the=_the(wrong, index), right=right))

    return make


def _background(rng: np.random.Generator, scene: Scene) -> Fault | None:
    other = str(rng.choice([b for b in BACKGROUNDS if b != scene.background]))
    return Fault(replace(scene, background=other), f"make the background {scene.background}")


def _misplaced(rng: np.random.Generator, scene: Scene) -> Fault | None:
    index = _lone(rng, scene)
    if index is None:
        return None
    item = scene.items[index]
    others = [o for i, o in enumerate(scene.items) if i != index]
    moved = find_room(rng, item, others, None, 60)
    if moved is None or grid_word(moved) == grid_word(item):
        return None
    wrong = scene.with_item(index, moved)
    return Fault(wrong, f"move {_the(wrong, index)} to {spot_of(item.x, item.y)}")


_FAULTS = (
    _missing,
    _extra,
    _wrong("colour", tuple(COLOURS), "make {the} {right}"),
    _wrong("shape", SHAPES, "turn {the} into a {right}"),
    _wrong("fill", FILLS, "make {the} {right}"),
    _background,
    _misplaced,
)
_WEIGHTS = (0.24, 0.2, 0.14, 0.16, 0.12, 0.04, 0.1)


def random_fault(rng: np.random.Generator, scene: Scene) -> Fault:
    """One random fault of the scene."""
    while True:
        made = _FAULTS[int(rng.choice(len(_FAULTS), p=_WEIGHTS))](rng, scene)
        if made is not None:
            return made
