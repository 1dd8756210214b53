"""Random pictures to ask for, as far as a frame says them: groups, places, relations, background."""

import numpy as np

from omniagent.shapes.scene.world import (
    BACKGROUNDS,
    COLOURS,
    FILLS,
    MEDIUM,
    PLACES,
    SHAPES,
    SIZES,
    Item,
    Scene,
    find_room,
)
from omniagent.shapes.words.arrange import CANVAS_COLOUR, cells_of, complete
from omniagent.shapes.words.frames import Frame
from omniagent.shapes.words.language import pick
from omniagent.shapes.words.requirements import Group, Relation, Wanted

MOST = 6
OPPOSITE = {"left of": "right of", "right of": "left of", "above": "below", "below": "above", "inside": "inside"}
_WHOLE = {"", "bare"}
_COUNTS = (1, 2, 3, 4)


def wish(rng: np.random.Generator, frame: Frame, background: str | None) -> Wanted | None:
    """A picture that the frame can ask for, its groups in the order in which it names them; None when none came up.

    What the frame does not say is not wanted: no size, place or relation, and a solid fill.
    """
    letters = frame.letters or tuple("abcd"[: int(rng.integers(frame.groups[0], frame.groups[1] + 1))])
    counts = _counts(rng, frame, letters)
    if sum(counts.values()) > MOST:
        return None
    groups = {letter: _group(rng, frame, letter, counts[letter]) for letter in letters}
    groups = _alike(rng, frame, groups)
    if not _told_apart(frame, list(groups.values())):
        return None
    if "all" in {slot.name for slot in frame.slots}:
        groups = _somewhere(rng, groups)
    order = {letter: number for number, letter in enumerate(letters)}
    relations = tuple(
        Relation(first=order[first], name=name, second=order[second])
        for first, name, second in _relations(rng, frame, letters)
    )
    if len({group.place for group in groups.values() if group.place}) < sum(bool(g.place) for g in groups.values()):
        return None
    total = sum(counts.values())
    return Wanted(groups=tuple(groups.values()), relations=relations, background=background, total=total)


def _counts(rng: np.random.Generator, frame: Frame, letters: tuple[str, ...]) -> dict[str, int]:
    forms = {(slot.name, slot.form) for slot in frame.slots}

    def count(letter: str) -> int:
        inside = any(r.name == "inside" and ord(letter) - ord("a") in (r.first, r.second) for r in frame.fixed)
        # A number that the frame does not say is one.
        silent = all((letter, form) not in forms for form in ("", "n", "digits")) and bool(frame.letters)
        if inside or silent or letter in frame.one or (letter, "place") in forms:
            return 1
        if letter in frame.many:
            return int(rng.choice([2, 3, 4, 5], p=[0.4, 0.3, 0.2, 0.1] if len(letters) == 1 else [0.5, 0.3, 0.2, 0]))
        if len(letters) == 1:
            return int(rng.choice([1, 2, 3, 4, 5, 6], p=[0.5, 0.18, 0.14, 0.09, 0.05, 0.04]))
        return int(rng.choice(_COUNTS, p=[0.64, 0.2, 0.12, 0.04]))

    return {letter: count(letter) for letter in letters}


def _group(rng: np.random.Generator, frame: Frame, letter: str, count: int) -> Group:
    forms = {slot.form for slot in frame.slots if slot.name == letter}
    whole = bool(forms & _WHOLE) or not forms
    inner = any(r.name == "inside" and r.first == ord(letter) - ord("a") for r in frame.fixed)
    outer = any(r.name == "inside" and r.second == ord(letter) - ord("a") for r in frame.fixed)
    size = pick(rng, SIZES) if "size" in forms or (whole and rng.random() < 0.35) else None
    size = "small" if inner and size else "large" if outer and size else size
    fill = pick(rng, FILLS) if "fill" in forms else pick(rng, FILLS[1:]) if whole and rng.random() < 0.3 else "solid"
    colour = pick(rng, tuple(COLOURS)) if "colour" in forms or (whole and rng.random() < 0.95) else None
    shape = "ring" if outer else pick(rng, SHAPES[:4] if inner else SHAPES)
    place = pick(rng, PLACES) if "place" in forms else frame.places.get(letter)
    return Group(count=count, fill=fill, colour=colour, shape=shape, size=size, place=place)


def _alike(rng: np.random.Generator, frame: Frame, groups: dict[str, Group]) -> dict[str, Group]:
    """The groups with what the frame says that they share."""
    if frame.same == "shape":
        shape = pick(rng, SHAPES)
        return {letter: group.model_copy(update={"shape": shape}) for letter, group in groups.items()}
    if frame.same == "colour":
        colour = pick(rng, tuple(COLOURS))
        return {letter: group.model_copy(update={"colour": colour}) for letter, group in groups.items()}
    return groups


def _told_apart(frame: Frame, groups: list[Group]) -> bool:
    """Whether each group's words fit none of the others, and as the frame's kind asks."""
    kinds = {(group.colour, group.shape) for group in groups}
    shapes = [group.shape for group in groups]
    hidden = any(group.colour is None and shapes.count(group.shape) > 1 for group in groups)
    if hidden or len(kinds) < len(groups) or (frame.differ and len(set(shapes)) < len(shapes)):
        return False
    inside = [r for r in frame.fixed if r.name == "inside"]
    return not inside or (groups[0].colour != groups[1].colour and None not in (groups[0].colour, groups[1].colour))


def _somewhere(rng: np.random.Generator, groups: dict[str, Group]) -> dict[str, Group]:
    """Some of the single objects of a list with a place each."""
    if rng.random() > 0.3:
        return groups
    places = [PLACES[int(i)] for i in rng.permutation(len(PLACES))]
    return {
        letter: group.model_copy(update={"place": places.pop()}) if group.count == 1 and rng.random() < 0.8 else group
        for letter, group in groups.items()
    }


def _relations(rng: np.random.Generator, frame: Frame, letters: tuple[str, ...]) -> list[tuple[str, str, str]]:
    """The relations that the frame states, each as it does: (letter, relation, letter)."""
    found = {(a, b): (a, r.name, b) for r in frame.fixed for a, b in [("abcd"[r.first], "abcd"[r.second])]}
    for slot in frame.slots:
        pair = (slot.name[0], slot.name[1:])
        if pair[0] not in letters or pair[1] not in letters or slot.form == "in":
            continue
        if pair not in found and pair[::-1] not in found:
            sideways = any(s.form == "side" and set(s.name) == set(slot.name) for s in frame.slots)
            names = ("left of", "right of") if sideways else ("left of", "right of", "above", "below")
            found[pair] = (pair[0], pick(rng, names), pair[1])
    return list(found.values())


def scene_of(rng: np.random.Generator, wanted: Wanted) -> Scene | None:
    """A scene that shows what is wanted, laid out as a planner would; None when there is no room."""
    spots = cells_of(wanted)
    if spots is None:
        return None
    items: list[Item] = []
    for number, cell in spots:
        group = complete(wanted.groups[number], wanted)
        holds = any(r.name == "inside" and r.second == number for r in wanted.relations)
        if cell == "inside it":
            ring = items[-1]
            items.append(Item(str(group.shape), str(group.colour), str(group.fill), ring.x, ring.y, 9.0))
            continue
        low, high = (
            (20.0, 21.5) if holds else {"small": (9.0, 12.0), "large": (17.0, 18.0)}.get(group.size or "", MEDIUM)
        )
        item = Item(str(group.shape), str(group.colour), str(group.fill), 0, 0, float(rng.uniform(low, high)))
        found = find_room(rng, item, items, cell, 80, spread=9)
        if found is None:
            return None
        items.append(found)
    return Scene(wanted.background or CANVAS_COLOUR, tuple(items))


def kinds_of(wanted: Wanted) -> Scene:
    """A scene without places that counts for the split as what is wanted does."""
    whole = [complete(group, wanted) for group in wanted.groups for _ in range(group.count)]
    items = tuple(Item(str(g.shape), str(g.colour), str(g.fill), 0, 0, 10) for g in whole)
    return Scene(wanted.background or CANVAS_COLOUR, items)


def other_than(rng: np.random.Generator, word: str, words: tuple[str, ...]) -> str:
    """One of the words, but not this one."""
    return pick(rng, [one for one in words if one != word])


def other_background(rng: np.random.Generator, background: str | None) -> str:
    """A background that is not meant."""
    return other_than(rng, background or "", tuple(BACKGROUNDS))
