"""Questions about a picture, said in frames."""

import numpy as np

from omniagent.shapes.said.draws import Render, relation_words
from omniagent.shapes.said.filling import Said, filled, typed
from omniagent.shapes.said.names import chosen_name, named
from omniagent.shapes.said.nouns import several
from omniagent.shapes.said.voice import Voice
from omniagent.shapes.scene.world import Scene
from omniagent.shapes.words.frames import Wording, frames_of
from omniagent.shapes.words.language import pick
from omniagent.shapes.words.meant import Meant
from omniagent.shapes.words.requirements import Group


def question_words(rng: np.random.Generator, scene: Scene, meant: Meant, wording: Wording) -> Render | None:
    """How to ask this about the scene with a voice; None when an object has no name of its own."""
    names: list[str] = [meant.new] if meant.new else []
    if not names:
        found = [chosen_name(rng, (scene,), index) for index in meant.of]
        if not all(found):
            return None
        names = [name for name in found if name]
    frames = frames_of(f"question {meant.kind}", wording)
    frame = frames[int(rng.integers(len(frames)))]
    general = pick(rng, ("object", "shape"))

    def render(voice: Voice) -> str:
        slots: dict[str, Said] = {
            slot: named(voice, name, scene, index)
            for slot, name, index in zip(("it", "other"), names, meant.of, strict=False)
        }
        if meant.group:
            noun = _noun(voice, meant.group, general)
            slots["thing"] = lambda _: f"a {noun}"
            slots["things"] = lambda _: several(noun)
        if meant.relation:
            slots["ab"] = relation_words(voice, meant.relation)
        text = typed(voice.rng, filled(frame, slots))
        return text.rstrip("?") if voice.rng.random() < 0.15 else text

    return render


def _noun(voice: Voice, group: Group, general: str) -> str:
    """The group in the singular, its shape last whatever else is said."""
    said = (("fills", group.fill), ("colours", group.colour))
    words = [voice.word(category, word) for category, word in said if word]
    return " ".join([*words, voice.word("shapes", group.shape) if group.shape else general])
