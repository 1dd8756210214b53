"""Changes of a picture, said in frames: one, or two or three in one request."""

from collections.abc import Callable

import numpy as np

from omniagent.shapes.said.draws import Render
from omniagent.shapes.said.filling import Said, around, filled, fits, place_phrase, typed
from omniagent.shapes.said.names import chosen_name, named
from omniagent.shapes.said.nouns import bare, counted, in_number, number_word
from omniagent.shapes.said.voice import PLAIN, Voice
from omniagent.shapes.said.wishes import other_background, other_than
from omniagent.shapes.scene.world import COLOURS, FILLS, PLACES, SHAPES, Scene
from omniagent.shapes.tasks.change import Change
from omniagent.shapes.tasks.edits import (
    Operation,
    add,
    move,
    rebackground,
    recolour,
    refill,
    remove,
    reshape,
    resize,
)
from omniagent.shapes.words.frames import Frame, Wording, frames_of
from omniagent.shapes.words.language import pick
from omniagent.shapes.words.meant import Meant

_TOGETHER: tuple[Operation, ...] = (
    recolour, recolour, refill, reshape, remove, rebackground, resize, add, move,
)  # fmt: skip
_NEW = {
    "recolour": ("colours", tuple(COLOURS)), "reshape": ("shapes", SHAPES), "refill": ("fills", FILLS),
    "enlarge": ("sizes", ("large",)), "shrink": ("sizes", ("small",)),
}  # fmt: skip


def several_changes(rng: np.random.Generator, scene: Scene, number: int) -> list[Change] | None:
    """So many changes of different objects, each of the scene that the one before made; None when chance failed."""
    made: list[Change] = []
    touched: set[int] = set()
    for _ in range(number):
        now = made[-1].after if made else scene
        change = _TOGETHER[int(rng.integers(len(_TOGETHER)))](rng, now)
        if change is None or change.meant is None:
            return None
        mine = set(change.meant.of) if change.meant.of else {-1} if change.meant.kind == "background" else {-2}
        # An object that is gone shifts the numbers of the others, so nothing comes after it.
        gone = any(one.meant and one.meant.kind == "remove" for one in made)
        if mine & touched or gone or max(mine) >= len(scene.items):
            return None
        touched |= mine
        made.append(change)
    return made


def joined(changes: list[Change], scene: Scene) -> Change:
    """Several changes as one."""
    last = changes[-1]
    kept = tuple(i for i in range(len(scene.items)) if all(i in one.kept for one in changes))
    return Change(
        said=" and ".join(one.said for one in changes),
        canonical=" and ".join(one.canonical for one in changes),
        after=last.after,
        kept=kept,
        placed=tuple(pair for one in changes for pair in one.placed),
        sized=tuple(pair for one in changes for pair in one.sized),
        meant=last.meant if len(changes) == 1 else None,
    )


def edit_words(rng: np.random.Generator, scene: Scene, changes: list[Change], wording: Wording) -> Render | None:
    """How to say these changes of the scene with a voice; None when a name or frame did not fit."""
    several = len(changes) > 1
    scenes = (scene, *(one.after for one in changes[:-1]))
    clauses = [_clause(rng, change, scenes[: at + 1], wording, several) for at, change in enumerate(changes)]
    if any(clause is None for clause in clauses):
        return None
    frames = {2: frames_of("edit two", wording), 3: frames_of("edit three", wording)}.get(len(changes))
    frame = frames[int(rng.integers(len(frames)))] if frames else None
    whole = [clause for clause in clauses if clause is not None]
    polite = whole[0][1].form == "phrase" if frame is None else frame.text.startswith("{one}")
    other = frames_of("edit around", wording)
    outer = other[int(rng.integers(len(other)))] if polite and rng.random() < (0.3 if several else 0.5) else None

    def render(voice: Voice) -> str:
        said = [filled(one, slots(voice)) for slots, one in whole]
        if frame is not None:
            orders = [clause.rstrip(".?!") for clause in said]
            text = filled(frame, {"one": _just(orders[0]), "two": _just(orders[1]), "three": _just(orders[-1])})
        else:
            text = said[0]
        return typed(voice.rng, around(outer, text) if outer else text)

    return render


def _just(words: str) -> Said:
    return lambda _: words


Slots = Callable[[Voice], dict[str, Said]]


def _clause(
    rng: np.random.Generator, change: Change, scenes: tuple[Scene, ...], wording: Wording, several: bool
) -> tuple[Slots, Frame] | None:
    meant = change.meant
    if meant is None:
        return None
    names: list[str] = []
    if meant.kind != "recount":
        for index in meant.of:
            name = chosen_name(rng, scenes, index)
            if name is None or (several and name == ""):
                return None
            names.append(name)
    seed = int(rng.integers(2**32))
    now = scenes[-1]

    def slots(voice: Voice) -> dict[str, Said]:
        return edit_slots(np.random.default_rng(seed), voice, meant, now, names)

    known = edit_slots(rng, Voice(rng, PLAIN), meant, now, names)
    frames = frames_of(f"edit {meant.kind}", wording, "phrase" if several else None)
    able = [
        frame
        for frame in frames
        if fits(frame, known) and _nameable(frame, meant, scenes) and _places(frame) >= ("place" in known)
    ]
    return (slots, able[int(rng.integers(len(able)))]) if able else None


def _places(frame: Frame) -> bool:
    return any(slot.name == "place" for slot in frame.slots)


def _nameable(frame: Frame, meant: Meant, scenes: tuple[Scene, ...]) -> bool:
    """Whether an object that is called by its noun alone is the only one of its shape."""
    if not any(slot.form == "noun" for slot in frame.slots):
        return True
    return all(sum(i.shape == s.items[meant.of[0]].shape for i in s.items) == 1 for s in scenes)


def edit_slots(rng: np.random.Generator, voice: Voice, meant: Meant, scene: Scene, names: list[str]) -> dict[str, Said]:
    """What stands in the slots of a change's frames."""
    slots: dict[str, Said] = {}
    for slot, index, name in zip(("it", "other"), meant.of, names, strict=False):
        slots[slot] = named(voice, name, scene, index)
    if meant.place:
        wrong = other_than(rng, meant.place, PLACES)
        slots["place"] = lambda slot: place_phrase(voice, wrong if slot.wrong else str(meant.place), slot.form)
    if meant.kind in _NEW:
        category, words = _NEW[meant.kind]
        others = tuple(word for word in words if word not in (meant.new, meant.old)) or words
        wrong_new = pick(rng, others)
        slots["new"] = lambda slot: voice.word(category, wrong_new if slot.wrong else meant.new)
        slots["old"] = lambda _: voice.word(category, meant.old)
        more = pick(rng, ("larger", "bigger") if meant.kind == "enlarge" else ("smaller", "tinier"))
        slots["larger"] = slots["smaller"] = lambda _: more
    if meant.background:
        ground = meant.background
        wrong_ground = other_background(rng, ground)
        slots["bg"] = lambda slot: voice.word("backgrounds", wrong_ground if slot.wrong else ground)
        slots["old"] = lambda _: voice.word("backgrounds", meant.old)
    if meant.kind == "add" and meant.group:
        slots |= _added(voice, meant)
    if meant.kind == "recount" and meant.group:
        slots |= _numbers(voice, meant)
    return slots


def _added(voice: Voice, meant: Meant) -> dict[str, Said]:
    group = meant.group
    assert group is not None
    slots: dict[str, Said] = {
        "thing": lambda slot: bare(voice, group) if slot.form == "bare" else counted(voice, group)
    }
    if group.place:
        place = group.place
        slots["place"] = lambda slot: place_phrase(voice, place, slot.form)
    return slots


def _numbers(voice: Voice, meant: Meant) -> dict[str, Said]:
    assert meant.group is not None
    shape = voice.word("shapes", str(meant.group.shape))
    more = meant.number - meant.before

    def noun(count: int) -> Said:
        return lambda _: in_number(shape, count)

    def number(count: int) -> Said:
        return lambda _: number_word(voice, count)

    slots: dict[str, Said] = {
        "n": number(meant.number), "things": noun(meant.number), "was": number(meant.before),
        "were": noun(meant.before), "plurals": noun(2),
    }  # fmt: skip
    if more > 0:
        slots |= {"more": number(more), "added": noun(more)}
    elif meant.before > 1:
        slots |= {"less": number(-more)}
    return slots
