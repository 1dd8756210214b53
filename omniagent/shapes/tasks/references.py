"""Reference tasks: objects and backgrounds taken from one to three pictures and put together."""

from dataclasses import dataclass, replace

import numpy as np

from omniagent.shapes.scene.world import BACKGROUNDS, PLACES, Item, Scene, find_room
from omniagent.shapes.words.arrange import CANVAS_COLOUR, cells_of
from omniagent.shapes.words.language import background_words, finish, pick, place_words, synonym
from omniagent.shapes.words.meant import Meant
from omniagent.shapes.words.naming import name_of
from omniagent.shapes.words.phrases import listed, located, told
from omniagent.shapes.words.requirements import Group, Relation, Wanted
from omniagent.tools.dialects.listed.cells import middle_of

_RELATIONS = ("left of", "right of", "above", "below")


@dataclass(frozen=True)
class Composition:
    """What is said, how the agent says it, the target scene, and what must hold; `base` is the kept source, if any.

    `meant` is what is said as data, for other ways to say it.
    """

    said: str
    canonical: str
    target: Scene
    wanted: Wanted
    meant: Meant
    base: Scene | None = None


def _group(item: Item, place: str | None = None) -> Group:
    return Group(count=1, fill=item.fill, colour=item.colour, shape=item.shape, place=place)


def _chosen(rng: np.random.Generator, scene: Scene) -> tuple[Item, str, str] | None:
    """An object of the scene with its name as said, and as the agent says it: with size and place where it must."""
    for index in rng.permutation(len(scene.items)):
        name = name_of(rng, scene, int(index))
        if name is not None:
            item = scene.items[int(index)]
            said = " ".join(synonym(rng, word) for word in name.split() if word not in ("small", "large"))
            alone = sum(other.kind == item.kind for other in scene.items) == 1
            return item, said, told(item.shape, item.colour, item.fill) if alone else located(item)
    return None


def _from(rng: np.random.Generator, number: int) -> str:
    return pick(rng, (f"from image {number}", f"from image {number}", f"of image {number}", f"in image {number}"))


def added(rng: np.random.Generator, scenes: tuple[Scene, ...]) -> Composition | None:
    """Image 1 with an object of image 2 added at a place."""
    base, other = scenes[0], scenes[1]
    chosen = _chosen(rng, other)
    place = str(rng.choice(PLACES))
    if chosen is None or len(base.items) > 5 or any(i.kind == chosen[0].kind for i in base.items):
        return None
    item, said, full = chosen
    put = find_room(rng, item, list(base.items), place, 120, spread=8)
    if put is None:
        return None
    where = place_words(rng, place)
    text = pick(
        rng,
        (f"image 1 with the {said} {_from(rng, 2)} added {where}",
         f"add the {said} {_from(rng, 2)} to image 1 {where}",
         f"put the {said} {_from(rng, 2)} {where} of image 1"),
    )  # fmt: skip
    target = replace(base, items=(*base.items, put))
    wanted = Wanted(groups=(_group(put, place),), background=base.background, total=len(target.items))
    meant = Meant("added", (other.items.index(item),), place=place)
    canonical = f"image 1 with the {full} from image 2 added at {middle_of(place)}"
    return Composition(finish(rng, text), canonical, target, wanted, meant, base)


def on_background(rng: np.random.Generator, scenes: tuple[Scene, ...]) -> Composition | None:
    """An object of image 1 on the background of image 2, or on a named one."""
    first = scenes[0]
    chosen = _chosen(rng, first)
    if chosen is None:
        return None
    item, said, full = chosen
    put = find_room(rng, item, [], "centre", 200, spread=8)
    if put is None:
        return None
    if len(scenes) > 1:
        background = scenes[1].background
        text = pick(
            rng,
            (f"put the {said} {_from(rng, 1)} on the background of image 2",
             f"place the {said} {_from(rng, 1)} on the background of image 2",
             f"the {said} {_from(rng, 1)} on the background of image 2",
             f"the {said} {_from(rng, 1)} with the background of image 2"),
        )  # fmt: skip
    else:
        background = str(rng.choice([b for b in BACKGROUNDS if b != first.background]))
        text = f"{pick(rng, ('draw', 'put', 'show', ''))} the {said} {_from(rng, 1)}{background_words(rng, background)}"
    target = Scene(background, (put,))
    wanted = Wanted(groups=(_group(put),), background=background, total=1)
    return Composition(
        finish(rng, text),
        f"draw on a {background} background: {full} from image 1 at {middle_of('centre')}",
        target,
        wanted,
        Meant("on second" if len(scenes) > 1 else "on named", (first.items.index(item),), background=background),
    )


def together(rng: np.random.Generator, scenes: tuple[Scene, ...]) -> Composition | None:
    """One object of each of two or three pictures, related or just together, on a background."""
    chosen = [_chosen(rng, scene) for scene in scenes]
    if any(c is None for c in chosen):
        return None
    picked = [c for c in chosen if c is not None]
    if len({c[0].kind for c in picked}) < len(picked):
        return None
    last_is_background = len(scenes) == 3 and rng.random() < 0.6
    parts = picked[:2] if last_is_background else picked
    items: list[Item] = []
    relation = str(rng.choice(_RELATIONS)) if len(parts) == 2 and rng.random() < 0.8 else None
    groups = tuple(_group(item) for item, _, _ in parts)
    relations = (Relation(first=0, name=relation, second=1),) if relation else ()
    spots = cells_of(Wanted(groups=groups, relations=relations)) or []
    for (item, _, _), (_, cell) in zip(parts, spots, strict=True):
        found = find_room(rng, item, items, cell, 120, spread=8)
        if found is None:
            return None
        items.append(found)
    said = [f"the {name} {_from(rng, n)}" for n, (_, name, _) in enumerate(parts, start=1)]
    full = [
        f"{name} from image {n} at {middle_of(cell)}"
        for n, ((_, _, name), (_, cell)) in enumerate(zip(parts, spots, strict=True), start=1)
    ]
    link = relation or "and"
    words = {"left of": "to the left of", "right of": "to the right of"}.get(link, link)
    body = f"{said[0]} {pick(rng, (link, words))} {said[1]}" if len(parts) == 2 else listed(said)
    background: str | None = None
    if last_is_background:
        background = scenes[2].background
        body += " on the background of image 3"
    elif rng.random() < 0.6:
        background = str(rng.choice(list(BACKGROUNDS)))
        body += background_words(rng, background)
    target = Scene(background or CANVAS_COLOUR, tuple(items))
    wanted = Wanted(groups=groups, relations=relations, background=background, total=len(items))
    text = f"{pick(rng, ('', '', 'draw ', 'put ', 'show '))}{body}"
    canonical = f"draw on a {target.background} background: {'; '.join(full)}"
    meant = Meant(
        "three" if len(parts) == 3 else "pair" if relation else "together",
        tuple(scene.items.index(item) for scene, (item, _, _) in zip(scenes, parts, strict=False)),
        relation=relation,
        background=None if last_is_background else background,
        number=3 if last_is_background else 0,
    )
    return Composition(finish(rng, text), canonical, target, wanted, meant)


def random_composition(rng: np.random.Generator, scenes: tuple[Scene, ...]) -> Composition | None:
    """A reference task over one to three scenes, or None when the drawn form does not fit them."""
    if len(scenes) == 1:
        return on_background(rng, scenes)
    if len(scenes) == 3:
        return together(rng, scenes)
    return (added, on_background, together)[int(rng.choice(3, p=[0.35, 0.3, 0.35]))](rng, scenes)
