"""Edit tasks: a source scene, one or two changes in words, and the scene that must come out."""

from collections.abc import Callable, Sequence
from dataclasses import replace

import numpy as np

from omniagent.shapes.scene.world import (
    BACKGROUNDS,
    COLOURS,
    FILLS,
    LARGE,
    MEDIUM,
    PLACES,
    SHAPES,
    SMALL,
    Item,
    Scene,
    find_room,
    random_kind,
    random_radius,
)
from omniagent.shapes.tasks.change import Change, held, is_free, others_of, target_of
from omniagent.shapes.words.arrange import free_spot
from omniagent.shapes.words.language import finish, pick, place_words, synonym
from omniagent.shapes.words.meant import Meant
from omniagent.shapes.words.naming import name_of
from omniagent.shapes.words.phrases import NUMBERS, item_words, located, reading_order
from omniagent.shapes.words.requirements import Group
from omniagent.tools.dialects.listed.cells import middle_of
from omniagent.tools.dialects.listed.notation import article, plural

NEAR = 8.0

Operation = Callable[[np.random.Generator, Scene], Change | None]


def add(rng: np.random.Generator, scene: Scene) -> Change | None:
    """Add one object, at a place or anywhere."""
    if len(scene.items) >= 6:
        return None
    fill, colour, shape = random_kind(rng)
    if any(i.kind == (fill, colour, shape) for i in scene.items):
        return None
    size = [None, "small", "large"][int(rng.choice(3, p=[0.5, 0.35, 0.15]))]
    place = str(rng.choice(PLACES)) if rng.random() < 0.6 else None
    spot = place or free_spot(scene.items)
    radius = random_radius(rng, size) if size else float(rng.uniform(*MEDIUM))
    item = find_room(rng, Item(shape, colour, fill, 0, 0, radius), list(scene.items), spot, 120, spread=NEAR)
    if item is None:
        return None
    noun = " ".join(w for w in (size, None if fill == "solid" else fill, colour, shape) if w)
    where = f" {place_words(rng, place)}" if place else ""
    said = f"{pick(rng, ('add', 'add', 'put', 'draw', 'insert', 'also draw'))} {article(noun)}{where}"
    canonical = f"add {article(noun)} at {middle_of(spot)}"
    after = Scene(scene.background, (*scene.items, item))
    new = len(scene.items)
    placed = ((new, place),) if place else ()
    sized = ((new, size),) if size else ()
    group = Group(fill=fill, colour=colour, shape=shape, size=size, place=place)
    return Change(said, canonical, after, others_of(scene), placed, sized, Meant("add", group=group))


def remove(rng: np.random.Generator, scene: Scene) -> Change | None:
    """Take one object away."""
    found = target_of(rng, scene) if len(scene.items) > 1 else None
    if found is None:
        return None
    index, said, full = found
    verb = pick(rng, ("remove", "remove", "delete", "take away", "erase", "get rid of"))
    return Change(
        f"{verb} the {said}",
        f"remove the {full}",
        scene.without(index),
        others_of(scene, index),
        meant=Meant("remove", (index,)),
    )


_KINDS = {"colour": "recolour", "shape": "reshape", "fill": "refill"}


def _restyle(field: str, options: Sequence[str], wordings: tuple[str, ...], canonical: str) -> Operation:
    """The operation that gives one object another colour, shape or fill, said in one of the wordings."""

    def change(rng: np.random.Generator, scene: Scene) -> Change | None:
        found = target_of(rng, scene)
        if found is None:
            return None
        index, said, full = found
        item = scene.items[index]
        new = str(rng.choice([option for option in options if option != getattr(item, field)]))
        after = replace(item, **{field: new})
        if not is_free(after, scene, index):
            return None
        text = pick(rng, wordings).format(said=said, new=new)
        done = scene.with_item(index, after)
        meant = Meant(_KINDS[field], (index,), new=new, old=str(getattr(item, field)))
        return Change(text, canonical.format(full=full, new=new), done, others_of(scene, index), meant=meant)

    return change


recolour = _restyle(
    "colour", list(COLOURS),
    ("make the {said} {new}", "make the {said} {new}", "colour the {said} {new}", "turn the {said} {new}",
     "change the colour of the {said} to {new}", "paint the {said} {new}", "recolour the {said} to {new}",
     "change the {said} to {new}"),
    "make the {full} {new}",
)  # fmt: skip
reshape = _restyle(
    "shape", SHAPES,
    ("turn the {said} into a {new}", "change the {said} into a {new}", "make the {said} a {new}",
     "replace the {said} with a {new}", "change the shape of the {said} to a {new}"),
    "turn the {full} into a {new}",
)  # fmt: skip
refill = _restyle(
    "fill", FILLS,
    ("make the {said} {new}", "make the {said} {new}", "change the fill of the {said} to {new}",
     "change the {said} to {new}", "turn the {said} {new}"),
    "make the {full} {new}",
)  # fmt: skip


def resize(rng: np.random.Generator, scene: Scene) -> Change | None:
    """Make one object clearly larger or smaller."""
    found = target_of(rng, scene)
    if found is None:
        return None
    index, said, full = found
    item = scene.items[index]
    if 12 < item.radius < 17:
        return None
    size = "large" if item.radius <= 12 else "small"
    after = replace(item, radius=float(rng.uniform(*(LARGE if size == "large" else SMALL))))
    if not is_free(after, scene, index):
        return None
    more = {"large": ("larger", "bigger", "large", "big"), "small": ("smaller", "small", "tiny")}[size]
    text = f"make the {said} {pick(rng, more)}"
    return Change(
        text,
        f"make the {full} {size}",
        scene.with_item(index, after),
        others_of(scene, index),
        sized=((index, size),),
        meant=Meant("enlarge" if size == "large" else "shrink", (index,), new=size),
    )


def move(rng: np.random.Generator, scene: Scene) -> Change | None:
    """Move one object to a named place."""
    found = target_of(rng, scene)
    if found is None:
        return None
    index, said, full = found
    place = str(rng.choice(PLACES))
    others = [o for i, o in enumerate(scene.items) if i != index]
    item = find_room(rng, scene.items[index], others, place, 120, spread=NEAR)
    if item is None or (abs(item.x - scene.items[index].x) < 20 and abs(item.y - scene.items[index].y) < 20):
        return None
    where = place_words(rng, place)
    to = where.replace("in the", "to the").replace("at the", "to the").replace("at ", "to the ")
    to = to if to.startswith("to ") else f"to the {to}"
    text = f"{pick(rng, ('move', 'move', 'put', 'shift', 'place'))} the {said} {to}"
    return Change(
        text,
        f"move the {full} to {middle_of(place)}",
        scene.with_item(index, item),
        others_of(scene, index),
        ((index, place),),
        meant=Meant("move", (index,), place=place),
    )


def swap(rng: np.random.Generator, scene: Scene) -> Change | None:
    """Exchange the places of two objects."""
    if len(scene.items) < 2:
        return None
    a, b = (int(i) for i in rng.permutation(len(scene.items))[:2])
    names = name_of(rng, scene, a), name_of(rng, scene, b)
    if None in names or held(scene, a) or held(scene, b):
        return None
    first, second = scene.items[a], scene.items[b]
    after = scene.with_item(a, replace(first, x=second.x, y=second.y)).with_item(
        b, replace(second, x=first.x, y=first.y)
    )
    if not (is_free(after.items[a], after, a) and is_free(after.items[b], after, b)):
        return None
    verb = pick(rng, ("swap", "swap", "exchange", "switch", "swap the places of"))
    text = f"{verb} the {names[0]} and the {names[1]}"
    canonical = f"swap the {located(first)} and the {located(second)}"
    return Change(text, canonical, after, others_of(scene, a, b), meant=Meant("swap", (a, b)))


def recount(rng: np.random.Generator, scene: Scene) -> Change | None:
    """Change how many there are of one group."""
    item = scene.items[int(rng.integers(len(scene.items)))]
    members = [i for i, o in enumerate(scene.items) if o.kind == item.kind]
    if any(held(scene, i) for i in members) or sum(o.shape == item.shape for o in scene.items) != len(members):
        return None
    room = 6 - len(scene.items)
    options = [n for n in range(1, 5) if n != len(members) and n - len(members) <= room]
    if not options:
        return None
    count = int(rng.choice(options))
    items = list(scene.items)
    steps: list[str] = []
    for _ in range(count - len(members)):
        spot = free_spot(items)
        found = find_room(rng, replace(item, radius=float(rng.uniform(*MEDIUM))), items, spot, 120, spread=NEAR)
        if found is None:
            return None
        items.append(found)
        steps.append(f"add {article(item_words(item, size=False))} at {middle_of(spot)}")
    ranked = reading_order(scene.items[i] for i in members)
    gone = ranked[count:]
    steps += [f"remove the {located(one)}" for one in gone]
    after = Scene(scene.background, tuple(o for o in items if o not in gone))
    number = pick(rng, (NUMBERS[count], str(count)))
    noun = plural(item.shape, count)
    verb = "is" if count == 1 else "are"
    text = pick(
        rng,
        (f"make it {number} {noun}", f"there should be {number} {noun}",
         f"change the number of {item.shape}s to {number}",
         f"show {number} {noun} instead of {NUMBERS[len(members)]}", f"I want {number} {noun}",
         f"make sure there {verb} {number} {noun}"),
    )  # fmt: skip
    kept = tuple(i for i in range(len(scene.items)) if i not in (members if count < len(members) else []))
    group = Group(fill=item.fill, colour=item.colour, shape=item.shape)
    meant = Meant("recount", tuple(members), group, number=count, before=len(members))
    return Change(text, " and ".join(steps), after, kept, meant=meant)


def rebackground(rng: np.random.Generator, scene: Scene) -> Change | None:
    """Change the background."""
    background = str(rng.choice([b for b in BACKGROUNDS if b != scene.background]))
    word = synonym(rng, background)
    text = pick(
        rng,
        (f"make the background {word}", f"change the background to {word}", f"{word} background",
         f"use a {word} background",
         f"put it on a {word} background", f"turn the background {word}"),
    )  # fmt: skip
    meant = Meant("background", background=background, old=scene.background)
    canonical = f"make the background {background}"
    return Change(text, canonical, replace(scene, background=background), others_of(scene), meant=meant)


OPERATIONS: tuple[Operation, ...] = (
    add, add, remove, recolour, recolour, reshape, refill, resize, move, swap, recount, rebackground,
)  # fmt: skip


def random_change(rng: np.random.Generator, scene: Scene) -> Change | None:
    """One random change of the scene, or None when the drawn operation does not fit it."""
    return OPERATIONS[int(rng.integers(len(OPERATIONS)))](rng, scene)


def two_changes(rng: np.random.Generator, scene: Scene) -> Change | None:
    """Two changes of two different objects in one sentence."""
    pool: tuple[Operation, ...] = (recolour, refill, reshape, remove, rebackground, resize)
    first = pool[int(rng.integers(len(pool)))](rng, scene)
    if first is None or len(first.after.items) < len(scene.items):
        return None
    second = pool[int(rng.integers(len(pool)))](rng, first.after)
    if second is None or second.said.split()[:3] == first.said.split()[:3]:
        return None
    touched = set(range(len(scene.items))) - set(first.kept)
    if not touched.isdisjoint(set(range(len(scene.items))) - set(second.kept)):
        return None
    if first.after.background not in (scene.background, second.after.background):
        return None
    said = f"{first.said}{pick(rng, (' and ', ' and ', ', then ', ', and '))}{second.said}"
    kept = tuple(i for i in first.kept if i in second.kept)
    return Change(said, f"{first.canonical} and {second.canonical}", second.after, kept, (), first.sized + second.sized)


def said_by_a_person(rng: np.random.Generator, change: Change) -> str:
    """The change as a request."""
    opening = pick(rng, ("", "", "", "", "please ", "can you ", "now ", "in this picture, "))
    return finish(rng, f"{opening}{change.said}")
