"""Draws, changes and questions in Simplified Chinese."""

from collections.abc import Mapping

import numpy as np

from omniagent.shapes.said.draws import Render
from omniagent.shapes.said.filling import Said, filled, fits
from omniagent.shapes.said.names import chosen_name
from omniagent.shapes.said.voice import PLAIN, Voice
from omniagent.shapes.said.wishes import OPPOSITE, wish
from omniagent.shapes.scene.world import BACKGROUNDS, Scene
from omniagent.shapes.tasks.change import Change
from omniagent.shapes.words.frames import Slot, Wording, frames_of
from omniagent.shapes.words.language import pick
from omniagent.shapes.words.meant import Meant
from omniagent.shapes.words.requirements import Group, Wanted

_NUMBERS = ("零", "一", "两", "三", "四", "五", "六")
_MEASURES: Mapping[str, str] = {"star": "颗"}


def chinese_draw(rng: np.random.Generator, wording: Wording) -> tuple[Wanted, Render] | None:
    """What is wanted of a picture, and how to say it; None when a frame and chance did not fit."""
    frames = frames_of("zh draw", wording)
    frame = frames[int(rng.integers(len(frames)))]
    said = any(slot.name == "bg" for slot in frame.slots)
    wanted = wish(rng, frame, pick(rng, tuple(BACKGROUNDS)) if said else None)
    if wanted is None:
        return None
    letters = frame.letters

    def render(voice: Voice) -> str:
        slots: dict[str, Said] = {
            letter: _thing(voice, group) for letter, group in zip(letters, wanted.groups, strict=True)
        }
        for relation in wanted.relations:
            first, second = letters[relation.first], letters[relation.second]
            slots[first + second] = _word(voice, "relations", relation.name)
            slots[second + first] = _word(voice, "relations", OPPOSITE[relation.name])
        slots["bg"] = _word(voice, "backgrounds", wanted.background or "white")
        slots["shapes"] = _word(voice, "shapes", wanted.groups[0].shape or "circle")
        return _typed(voice, filled(frame, slots))

    return wanted, render


def chinese_edit(rng: np.random.Generator, scene: Scene, changes: list[Change], wording: Wording) -> Render | None:
    """How to say these changes; None when a name or frame did not fit."""
    clauses = [
        _clause(rng, change, (scene, *(c.after for c in changes[:at])), wording) for at, change in enumerate(changes)
    ]
    found = [clause for clause in clauses if clause is not None]
    if len(found) < len(changes):
        return None
    pairs = frames_of("zh edit two", wording)
    frame = pairs[int(rng.integers(len(pairs)))]

    def render(voice: Voice) -> str:
        said = [clause(voice) for clause in found]
        if len(said) == 1:
            return _typed(voice, said[0])
        return _typed(voice, filled(frame, {"one": lambda _: said[0], "two": lambda _: said[1]}))

    return render


def chinese_question(rng: np.random.Generator, scene: Scene, meant: Meant, wording: Wording) -> Render | None:
    """How to ask this about the scene; None when no frame asks such things."""
    frames = frames_of(f"zh question {meant.kind}", wording)
    name = meant.new or (chosen_name(rng, (scene,), meant.of[0]) if meant.of else "")
    if not frames or name is None or (meant.of and not name):
        return None
    frame = frames[int(rng.integers(len(frames)))]

    def render(voice: Voice) -> str:
        slots: dict[str, Said] = {"it": lambda _: _named(voice, name)}
        if meant.group:
            group = meant.group
            slots["things"] = lambda _: (
                _adjectives(voice, group) + (voice.word("shapes", group.shape) if group.shape else "图形")
            )
        return filled(frame, slots)

    return render


def _clause(rng: np.random.Generator, change: Change, scenes: tuple[Scene, ...], wording: Wording) -> Render | None:
    meant = change.meant
    if meant is None or len(scenes) > 2:
        return None
    names = [chosen_name(rng, scenes, index) for index in meant.of]
    known = _edit_slots(Voice(rng, PLAIN), meant, [name or "" for name in names])
    frames = [frame for frame in frames_of(f"zh edit {meant.kind}", wording) if fits(frame, known)]
    frames = [frame for frame in frames if any(slot.name == "place" for slot in frame.slots) >= ("place" in known)]
    if not frames or not all(names):
        return None
    frame = frames[int(rng.integers(len(frames)))]
    return lambda voice: filled(frame, _edit_slots(voice, meant, [name or "" for name in names]))


_NEW = {"recolour": "colours", "reshape": "shapes", "refill": "fills"}


def _edit_slots(voice: Voice, meant: Meant, names: list[str]) -> dict[str, Said]:
    slots: dict[str, Said] = {
        slot: lambda _, name=name: _named(voice, name) for slot, name in zip(("it", "other"), names, strict=False)
    }
    place = meant.place or (meant.group.place if meant.group else None)
    if place:
        slots["place"] = _word(voice, "places", place)
    if meant.kind in _NEW:
        slots["new"] = _word(voice, _NEW[meant.kind], meant.new)
    if meant.background:
        slots["bg"] = _word(voice, "backgrounds", meant.background)
    if meant.group and meant.kind == "add":
        slots["thing"] = _thing(voice, meant.group)
    return slots


def _word(voice: Voice, category: str, own: str) -> Said:
    return lambda _: voice.word(category, own)


def _thing(voice: Voice, group: Group) -> Said:
    def say(slot: Slot) -> str:
        shape = voice.word("shapes", group.shape or "circle")
        match slot.form:
            case "":
                number = _NUMBERS[group.count] if voice.rng.random() < 0.75 else str(group.count)
                measure = _MEASURES.get(group.shape or "", "个") if voice.rng.random() < 0.4 else "个"
                return f"{number}{measure}{_adjectives(voice, group)}{shape}"
            case "bare":
                return _adjectives(voice, group) + shape
            case "shape":
                return shape
            case "colour":
                return voice.word("colours", group.colour or "red")
            case "place":
                return voice.word("places", group.place or "centre")
            case "it":
                return "它" if group.count == 1 else "它们"
            case _:
                raise ValueError(f"a thing has no form {slot.form!r} in Chinese")

    return say


def _adjectives(voice: Voice, group: Group) -> str:
    """Size, colour and fill before the noun, with or without the particle between."""
    size = voice.word("sizes", group.size) if group.size else ""
    fill = voice.word("fills", group.fill) if group.fill and group.fill != "solid" else ""
    colour = voice.word("colours", group.colour) if group.colour else ""
    words = [word for word in ((size, colour, fill) if voice.rng.random() < 0.6 else (size, fill, colour)) if word]
    ending = "的" if words and voice.rng.random() < 0.45 else ""
    return "".join(words) + ending


def _named(voice: Voice, name: str) -> str:
    words = name.split()
    group = {
        "sizes": next((w for w in words if w in ("small", "large")), None),
        "fills": next((w for w in words if w in ("solid", "striped", "dotted")), None),
        "shapes": words[-1] if words else None,
    }
    size = voice.word("sizes", group["sizes"]) if group["sizes"] else ""
    fill = voice.word("fills", group["fills"]) if group["fills"] else ""
    rest = [w for w in words[:-1] if w not in (group["sizes"], group["fills"])]
    colour = voice.word("colours", rest[0]) if rest else ""
    shape = "图形" if group["shapes"] in (None, "object") else voice.word("shapes", str(group["shapes"]))
    return f"{size}{colour}{fill}{'的' if voice.rng.random() < 0.3 and (size or colour or fill) else ''}{shape}"


def _typed(voice: Voice, text: str) -> str:
    """With or without a full stop, and now and then with the marks of another keyboard."""
    draw = voice.rng.random()
    if draw < 0.15:
        text = text.replace("，", ",").replace("、", ",")
    return text if text[-1] in "？。" else text + pick(voice.rng, ("", "", "。"))
