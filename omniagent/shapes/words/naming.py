"""What to call one object of a scene so that no other is meant."""

import numpy as np

from omniagent.shapes.scene.world import Item, Scene
from omniagent.shapes.words.language import pick
from omniagent.shapes.words.phrases import item_words


def name_of(rng: np.random.Generator, scene: Scene, index: int) -> str | None:
    """The shortest or a longer name that fits this object alone, without its article; None when no name does."""
    item = scene.items[index]
    names = [item.shape, f"{item.colour} {item.shape}", item_words(item, size=False), item_words(item)]
    unique = [n for n in names if fitting(n, scene) == 1]
    if not unique:
        return None
    return unique[0] if rng.random() < 0.5 else pick(rng, unique)


def fitting(name: str, scene: Scene) -> int:
    """How many objects of the scene the name fits."""
    return sum(_fits(name, other) for other in scene.items)


def _fits(name: str, item: Item) -> bool:
    owned = {item.shape, item.colour, item.fill, item.size}
    return all(word in owned for word in name.split())
