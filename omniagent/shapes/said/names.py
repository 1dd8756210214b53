"""What a request calls one object of a picture."""

import numpy as np

from omniagent.shapes.said.filling import Said
from omniagent.shapes.said.nouns import shape_word
from omniagent.shapes.said.voice import Voice
from omniagent.shapes.scene.world import COLOURS, FILLS, SHAPES, SIZES, Scene
from omniagent.shapes.words.frames import Slot
from omniagent.shapes.words.language import pick
from omniagent.shapes.words.naming import fitting, name_of
from omniagent.shapes.words.requirements import Group

_CATEGORIES = (("sizes", SIZES), ("fills", FILLS), ("colours", tuple(COLOURS)), ("shapes", SHAPES))


def chosen_name(rng: np.random.Generator, scenes: tuple[Scene, ...], index: int) -> str | None:
    """A name without article that fits this object alone in every one of the scenes; None when none was found.

    An object that is alone in its picture may be called just that: the name is then empty.
    """
    if len(scenes[0].items) == 1 and rng.random() < 0.3:
        return ""
    name = name_of(rng, scenes[0], index)
    if name is None or any(fitting(name, scene) != 1 for scene in scenes[1:]):
        return None
    return name


def said_name(voice: Voice, name: str) -> str:
    """The name with its words as the voice says them."""
    return " ".join(_word(voice, word) for word in name.split())


def _word(voice: Voice, word: str) -> str:
    category = next((category for category, words in _CATEGORIES if word in words), None)
    return word if category is None else voice.word(category, word)


def named(voice: Voice, name: str, scene: Scene, index: int) -> Said:
    """An object of a picture in the slot's form: ``the red ring``, bare, or by its noun alone."""
    lone = pick(voice.rng, ("it", "it", "the object", "the shape"))

    def say(slot: Slot) -> str:
        shape = shape_word(voice, Group(shape=scene.items[index].shape), 1)
        if slot.form == "noun":
            return shape
        if slot.form == "bare":
            return said_name(voice, name) if name else shape
        return f"the {said_name(voice, name)}" if name else lone

    return say
