"""A change of a scene as data, and which objects of a scene can be changed."""

from dataclasses import dataclass

import numpy as np

from omniagent.shapes.scene.world import Item, Scene, clear_of, concentric, inside_canvas
from omniagent.shapes.words.language import synonym
from omniagent.shapes.words.meant import Meant
from omniagent.shapes.words.naming import name_of
from omniagent.shapes.words.phrases import located


@dataclass(frozen=True)
class Change:
    """One change: how a person says it, how the agent says it, the scene after it, and which objects it touched.

    `kept` are indices into the source's items that must stay as they were; `placed` those whose new place matters.
    `meant` is the change as data, for other ways to say it; None of several at once.
    """

    said: str
    canonical: str
    after: Scene
    kept: tuple[int, ...]
    placed: tuple[tuple[int, str], ...] = ()
    sized: tuple[tuple[int, str], ...] = ()
    meant: Meant | None = None


def others_of(scene: Scene, *touched: int) -> tuple[int, ...]:
    return tuple(i for i in range(len(scene.items)) if i not in touched)


def paired(scene: Scene, index: int) -> tuple[int, ...]:
    """What the object holds or what holds it, as places in the scene's list."""
    item = scene.items[index]
    return tuple(i for i in others_of(scene, index) if concentric(scene.items[i], item))


def held(scene: Scene, index: int) -> bool:
    """Whether the object is a ring with something inside, or that something: edits leave those pairs alone."""
    return bool(paired(scene, index))


def target_of(rng: np.random.Generator, scene: Scene) -> tuple[int, str, str] | None:
    """A random object that a name singles out: index, the name as said, its full name with its place."""
    for index in rng.permutation(len(scene.items)):
        i = int(index)
        name = None if held(scene, i) else name_of(rng, scene, i)
        if name is not None:
            said = " ".join(synonym(rng, word) for word in name.split())
            return i, said, located(scene.items[i])
    return None


def is_free(item: Item, scene: Scene, index: int) -> bool:
    others = [o for i, o in enumerate(scene.items) if i != index]
    return inside_canvas(item) and clear_of(item, others)
