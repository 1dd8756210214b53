"""Changes of a scene as the generator is told them at run time: several in a row, of any object, pairs in rings too.

Edit tasks leave alone what a person would hardly ask for in one breath. What comes to the generator is wider: one wish
may become a change of every star, the same object may be changed twice, and each change names what it changes as the
ones before have left it (`omniagent/tools/dialects/listed/changes/grounding.py`).
"""

from collections.abc import Callable
from dataclasses import replace
from typing import NamedTuple

import numpy as np

from omniagent.shapes.scene.world import (
    BACKGROUNDS,
    COLOURS,
    FILLS,
    LARGE,
    MAX_OBJECTS,
    MEDIUM,
    SHAPES,
    SMALL,
    Item,
    Scene,
    clear_of,
    find_room,
    inside_canvas,
    random_kind,
    random_radius,
)
from omniagent.shapes.tasks.change import held, others_of, paired
from omniagent.shapes.words.arrange import free_spot
from omniagent.shapes.words.phrases import grid_word, held_by, item_words, located
from omniagent.tools.dialects.listed.cells import WHERE, middle_of
from omniagent.tools.dialects.listed.notation import article

NEAR = 8.0
AGAIN, ALIKE = 0.2, 0.15
"""Share of later changes that are of the object just changed, and of those made of each object of one shape in turn."""


class Told(NamedTuple):
    """A change in the generator's words, the scene after it, and the changed object's place in its list, if any."""

    words: str
    after: Scene
    at: int | None = None


Operation = Callable[[np.random.Generator, Scene, int], Told | None]


def chained_changes(rng: np.random.Generator, scene: Scene, number: int) -> Told | None:
    """So many changes, each of the scene that the one before left, in one instruction; None when chance failed."""
    words: list[str] = []
    now, last = scene, None
    while len(words) < number:
        if len(words) + 1 < number and rng.random() < ALIKE:
            made = _alike(rng, now, number - len(words))
        else:
            step = _one(rng, now, last if rng.random() < AGAIN else None)
            made = None if step is None else [step]
        if not made:
            return None
        words += [step.words for step in made]
        now, last = made[-1].after, made[-1].at
    return None if now == scene or not now.items else Told(" and ".join(words), now, last)


def _one(rng: np.random.Generator, scene: Scene, at: int | None) -> Told | None:
    """One change, of the object at this place in the list or of any."""
    operation = _OPERATIONS[int(rng.choice(len(_OPERATIONS), p=_WEIGHTS))]
    if at is not None and operation is _remove:
        return None
    return operation(rng, scene, int(rng.integers(len(scene.items))) if at is None else at)


def _alike(rng: np.random.Generator, scene: Scene, most: int) -> list[Told] | None:
    """The same new look for each object of one shape, of several there are at most so many, or for that of one."""
    shape = scene.items[int(rng.integers(len(scene.items)))].shape
    members = [at for at, item in enumerate(scene.items) if item.shape == shape]
    if not 2 <= len(members) <= most:
        return None
    field, options = (("colour", tuple(COLOURS)), ("fill", FILLS))[int(rng.integers(2))]
    new = str(rng.choice(options))
    made: list[Told] = []
    for at in members:
        now = made[-1].after if made else scene
        if getattr(now.items[at], field) == new:
            continue
        step = _changed(now, at, f"make the {{the}} {new}", **{field: new})
        if step is None:
            return None
        made.append(step)
    return made or None


def _name(scene: Scene, at: int) -> str | None:
    """The object's full name with its place; None where another has the same."""
    name = located(scene.items[at])
    return name if sum(located(item) == name for item in scene.items) == 1 else None


def _fits(item: Item, scene: Scene, at: int) -> bool:
    """Whether the object has room there, a ring that holds it and what it holds left aside."""
    return inside_canvas(item) and clear_of(item, [scene.items[i] for i in others_of(scene, at, *paired(scene, at))])


def _changed(scene: Scene, at: int, words: str, **looks: str | float) -> Told | None:
    """The object with other looks; None where they do not fit it, or a ring and what it holds."""
    name, item = _name(scene, at), scene.items[at]
    after = replace(item, **looks)  # pyright: ignore[reportArgumentType]
    if name is None or not _fits(after, scene, at):
        return None
    # What lies in a ring is too small to be told striped or dotted, and is lost in a ring of its own colour.
    if after.fill != item.fill and held_by(item, scene.items) is not None:
        return None
    if any(scene.items[other].colour == after.colour for other in paired(scene, at)):
        return None
    return Told(words.format(the=name), scene.with_item(at, after), at)


def _recolour(rng: np.random.Generator, scene: Scene, at: int) -> Told | None:
    new = str(rng.choice([c for c in COLOURS if c != scene.items[at].colour]))
    return _changed(scene, at, f"make the {{the}} {new}", colour=new)


def _refill(rng: np.random.Generator, scene: Scene, at: int) -> Told | None:
    new = str(rng.choice([f for f in FILLS if f != scene.items[at].fill]))
    return _changed(scene, at, f"make the {{the}} {new}", fill=new)


def _reshape(rng: np.random.Generator, scene: Scene, at: int) -> Told | None:
    item, pair = scene.items[at], held(scene, at)
    if pair and item.shape == "ring":
        return None
    new = str(rng.choice([s for s in SHAPES if s != item.shape and not (pair and s == "ring")]))
    return _changed(scene, at, f"turn the {{the}} into a {new}", shape=new)


def _resize(rng: np.random.Generator, scene: Scene, at: int) -> Told | None:
    item = scene.items[at]
    sizes = {"small": SMALL, "large": LARGE}
    new = str(rng.choice([size for size in sizes if size != item.size]))
    if held(scene, at):
        return None
    return _changed(scene, at, f"make the {{the}} {new}", radius=float(rng.uniform(*sizes[new])))


def _move(rng: np.random.Generator, scene: Scene, at: int) -> Told | None:
    name, item = _name(scene, at), scene.items[at]
    if name is None or held(scene, at):
        return None
    cell = str(rng.choice([cell for cell in WHERE if cell != grid_word(item)]))
    others = [o for i, o in enumerate(scene.items) if i != at]
    moved = find_room(rng, item, others, cell, 60, spread=NEAR)
    if moved is None:
        return None
    return Told(f"move the {name} to {middle_of(cell)}", scene.with_item(at, moved), at)


def _remove(rng: np.random.Generator, scene: Scene, at: int) -> Told | None:
    name = _name(scene, at)
    if name is None or len(scene.items) < 2:
        return None
    return Told(f"remove the {name}", scene.without(at))


def _add(rng: np.random.Generator, scene: Scene, at: int) -> Told | None:
    """One more object, of a new kind or like the one at hand, at a place or where there is room."""
    if len(scene.items) >= MAX_OBJECTS:
        return None
    size = (None, "small", "large")[int(rng.choice(3, p=[0.5, 0.35, 0.15]))]
    fill, colour, shape = scene.items[at].kind if rng.random() < 0.35 else random_kind(rng)
    cell = free_spot(scene.items) if rng.random() < 0.5 else str(rng.choice(list(WHERE)))
    radius = random_radius(rng, size) if size else float(rng.uniform(*MEDIUM))
    item = find_room(rng, Item(shape, colour, fill, 0, 0, radius), list(scene.items), cell, 60, spread=NEAR)
    if item is None:
        return None
    after = replace(scene, items=(*scene.items, item))
    return Told(f"add {article(item_words(item))} at {middle_of(cell)}", after, len(scene.items))


def _swap(rng: np.random.Generator, scene: Scene, at: int) -> Told | None:
    other = int(rng.integers(len(scene.items)))
    names = _name(scene, at), _name(scene, other)
    if other == at or None in names or held(scene, at) or held(scene, other):
        return None
    first, second = scene.items[at], scene.items[other]
    after = scene.with_item(at, replace(first, x=second.x, y=second.y)).with_item(
        other, replace(second, x=first.x, y=first.y)
    )
    if not (_fits(after.items[at], after, at) and _fits(after.items[other], after, other)):
        return None
    return Told(f"swap the {names[0]} and the {names[1]}", after, at)


def _background(rng: np.random.Generator, scene: Scene, at: int) -> Told | None:
    new = str(rng.choice([b for b in BACKGROUNDS if b != scene.background]))
    return Told(f"make the background {new}", replace(scene, background=new))


_OPERATIONS: tuple[Operation, ...] = (_recolour, _refill, _reshape, _resize, _move, _remove, _add, _swap, _background)
_WEIGHTS = (0.16, 0.14, 0.12, 0.1, 0.12, 0.08, 0.14, 0.04, 0.1)
