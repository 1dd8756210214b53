"""Pictures put together from given ones, said in frames."""

import numpy as np

from omniagent.shapes.said.draws import Render, relation_words
from omniagent.shapes.said.filling import Said, around, filled, place_phrase, typed
from omniagent.shapes.said.names import chosen_name, named
from omniagent.shapes.said.voice import Voice
from omniagent.shapes.said.wishes import OPPOSITE
from omniagent.shapes.scene.world import Scene
from omniagent.shapes.words.frames import Frame, Wording, frames_of
from omniagent.shapes.words.meant import Meant


def reference_words(
    rng: np.random.Generator, scenes: tuple[Scene, ...], meant: Meant, wording: Wording
) -> Render | None:
    """How to say this composition of the scenes with a voice; None when an object has no name of its own."""
    sources = scenes[1:] if meant.kind == "added" else scenes
    names = [chosen_name(rng, (scene,), index) for scene, index in zip(sources, meant.of, strict=False)]
    if any(name is None for name in names):
        return None
    frame = _one(rng, f"reference {meant.kind}", wording)
    third = _one(rng, "reference third", wording) if meant.number == 3 else None
    named_ground = meant.background is not None and not any(slot.name == "bg" for slot in frame.slots)
    ground = _one(rng, "background", wording) if named_ground and meant.kind != "on second" else None
    chat = _one(rng, "reference around", wording) if rng.random() < 0.3 else None

    def render(voice: Voice) -> str:
        # A picture's only object is called by its noun here: "it from image 1" is hardly said.
        said = [
            named(voice, name or scene.items[index].shape, scene, index)
            for scene, index, name in zip(sources, meant.of, names, strict=False)
        ]
        slots: dict[str, Said] = dict(zip(("a", "b", "c"), said, strict=False)) | {"it": said[0]}
        if meant.place:
            place = meant.place
            slots["place"] = lambda slot: place_phrase(voice, place, slot.form)
        if meant.relation:
            slots["ab"] = relation_words(voice, meant.relation)
            slots["ba"] = relation_words(voice, OPPOSITE[meant.relation])
        if meant.background:
            background = meant.background
            slots["bg"] = lambda _: voice.word("backgrounds", background)
        text = filled(frame, slots)
        for step in (third, ground, chat):
            text = around(step, text, slots) if step else text
        return typed(voice.rng, text)

    return render


def _one(rng: np.random.Generator, kind: str, wording: Wording) -> Frame:
    frames = frames_of(kind, wording)
    return frames[int(rng.integers(len(frames)))]
