"""Whole pictures, said in frames."""

from collections.abc import Callable

import numpy as np

from omniagent.shapes.said.filling import Said, around, filled, place_phrase, typed
from omniagent.shapes.said.nouns import counted, form_of, number_word, shape_word
from omniagent.shapes.said.voice import Voice
from omniagent.shapes.said.wishes import OPPOSITE, other_background, other_than, wish
from omniagent.shapes.scene.world import BACKGROUNDS, COLOURS, FILLS, SHAPES, SIZES
from omniagent.shapes.words.frames import Frame, Slot, Wording, frames_of
from omniagent.shapes.words.language import pick
from omniagent.shapes.words.phrases import listed
from omniagent.shapes.words.requirements import Group, Wanted

Render = Callable[[Voice], str]

KINDS = ("one", "pair", "three", "list", "inside", "pronouns", "corrected", "background")
_WEIGHTS = (0.19, 0.26, 0.13, 0.14, 0.08, 0.09, 0.04, 0.07)
_GROUND = 0.35
"""How often a frame that leaves the background open gets one."""

_OTHERS = {"colour": tuple(COLOURS), "shape": SHAPES, "fill": FILLS, "size": SIZES}


def draw_wish(rng: np.random.Generator, wording: Wording) -> tuple[Wanted, Render] | None:
    """What is wanted of a picture, and how to say it with a voice; None when a frame and chance did not fit."""
    kind = KINDS[int(rng.choice(len(KINDS), p=_WEIGHTS))]
    frames = frames_of(f"draw {kind}", wording)
    frame = frames[int(rng.integers(len(frames)))]
    said = any(slot.name == "bg" for slot in frame.slots)
    ground = None if said or rng.random() > _GROUND else _one(rng, "background", wording)
    background = pick(rng, tuple(BACKGROUNDS)) if said or ground else None
    wanted = wish(rng, frame, background)
    if wanted is None:
        return None
    opening = _one(rng, "opening", wording) if frame.form == "phrase" and rng.random() < 0.7 else None
    chat = _one(rng, "chat", wording) if rng.random() < 0.2 else None
    seed = int(rng.integers(2**32))

    def render(voice: Voice) -> str:
        slots = slots_of(np.random.default_rng(seed), voice, wanted, frame)
        text = filled(frame, slots)
        for step in (opening, ground, chat):
            text = around(step, text, slots) if step else text
        return typed(voice.rng, text)

    return wanted, render


def _one(rng: np.random.Generator, kind: str, wording: Wording) -> Frame:
    frames = frames_of(kind, wording)
    return frames[int(rng.integers(len(frames)))]


def slots_of(rng: np.random.Generator, voice: Voice, wanted: Wanted, frame: Frame) -> dict[str, Said]:
    """What stands in the slots of a draw's frames."""
    groups = wanted.groups
    letters = frame.letters or tuple("abcd"[: len(groups)])
    slots: dict[str, Said] = {}
    for letter, group in zip(letters, groups, strict=True):
        others = [other for other in groups if other is not group]
        slots[letter] = _thing(rng, voice, group, others)
    for relation in wanted.relations:
        first, second = letters[relation.first], letters[relation.second]
        slots[first + second] = relation_words(voice, relation.name)
        slots[second + first] = relation_words(voice, OPPOSITE[relation.name])
    background = wanted.background or "white"
    wrong = other_background(rng, background)
    slots["bg"] = lambda slot: voice.word("backgrounds", wrong if slot.wrong else background)
    slots["all"] = lambda slot: _list(voice, groups, slot.joined)
    slots["n"] = lambda _: number_word(voice, sum(group.count for group in groups))
    slots["shapes"] = lambda _: shape_word(voice, groups[0], 2)
    slots["colour"] = lambda _: voice.word("colours", groups[0].colour or "red")
    return slots


def _thing(rng: np.random.Generator, voice: Voice, group: Group, others: list[Group]) -> Said:
    def say(slot: Slot) -> str:
        shown = group
        if slot.form == "place":
            return place_phrase(voice, group.place or "centre")
        if slot.wrong and slot.form == "n":
            number = group.count + (1 if group.count < 3 or rng.random() < 0.5 else -1)
            shown = group.model_copy(update={"count": number})
        elif slot.wrong:
            taken = {getattr(other, slot.form) for other in (group, *others)}
            words = tuple(word for word in _OTHERS[slot.form] if word not in taken) or _OTHERS[slot.form]
            shown = group.model_copy(update={slot.form: other_than(rng, getattr(group, slot.form), words)})
        return form_of(voice, shown, slot.form, others)

    return say


def relation_words(voice: Voice, name: str) -> Said:
    """How one thing stands to another, in the slot's form."""

    def say(slot: Slot) -> str:
        if slot.form == "in":
            return voice.word("relations", "inside")
        if slot.form == "side":
            return name.removesuffix(" of")
        return voice.word("relations", OPPOSITE[name] if slot.wrong else name)

    return say


def _list(voice: Voice, groups: tuple[Group, ...], joined: str | None) -> str:
    parts = [f"{counted(voice, g)} {place_phrase(voice, g.place)}" if g.place else counted(voice, g) for g in groups]
    return listed(parts) if joined is None else joined.join(parts)
