"""A film of the shapes world as data: clips, each a scene with one thing that happens in it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Final, Literal

import numpy as np

from omniagent.shapes.scene.world import (
    BACKGROUNDS,
    CANVAS,
    EXTENTS,
    Item,
    Scene,
    clear_of,
    find_room,
    inside_canvas,
    random_kind,
)

Event = Literal["still", "move", "grow", "leave", "pan", "zoom"]

RATE: Final = 25
LENGTHS: Final = (36, 60)
OBJECTS: Final = (3, 4)
_EVENTS: Final[tuple[Event, ...]] = ("move", "grow", "leave", "pan", "zoom", "still")
_CHANCES: Final = (0.4, 0.15, 0.15, 0.15, 0.05, 0.1)
_FAR: Final = 34.0
"""Least way of an object that moves, in pixels of the canvas."""


@dataclass(frozen=True)
class Clip:
    """What is seen between two cuts: the scene of each frame, what happens, and to which object (None: to all)."""

    event: Event
    target: int | None
    scenes: tuple[Scene, ...]


@dataclass(frozen=True)
class Film:
    """Clips in order."""

    clips: tuple[Clip, ...]

    @property
    def cuts(self) -> tuple[int, ...]:
        """The first frame of every clip but the first."""
        ends = np.cumsum([len(clip.scenes) for clip in self.clips]).tolist()
        return tuple(int(end) for end in ends[:-1])


def random_film(seed: int, clips: int = 3) -> Film:
    """A film of so many clips; each shows one object of the clip before, on another background, where there is room."""
    rng = np.random.default_rng([seed, 11])
    made: list[Clip] = []
    while len(made) < clips:
        shared = made[-1].scenes[0].items[:1] if made else ()
        grounds = [name for name in BACKGROUNDS if not made or name != made[-1].scenes[0].background]
        scene = _scene(rng, str(rng.choice(grounds)), shared)
        clip = None if scene is None else _clip(rng, scene)
        if clip is not None:
            made.append(clip)
    return Film(tuple(made))


def _scene(rng: np.random.Generator, ground: str, shared: Sequence[Item]) -> Scene | None:
    """Objects of different kinds; those of the clip before come first, and are then put in any order."""
    wanted = int(rng.integers(OBJECTS[0], OBJECTS[1] + 1))
    items: list[Item] = []
    kinds = [item.kind for item in shared]
    while len(kinds) < wanted:
        kind = random_kind(rng)
        # Two objects of one colour and shape have no names of their own.
        if not any(kind[1:] == other[1:] for other in kinds):
            kinds.append(kind)
    for fill, colour, shape in kinds:
        found = find_room(rng, Item(shape, colour, fill, 0, 0, float(rng.uniform(12, 17))), items)
        if found is None:
            return None
        items.append(found)
    return Scene(ground, tuple(items[at] for at in rng.permutation(len(items))))


def _clip(rng: np.random.Generator, scene: Scene) -> Clip | None:
    event: Event = _EVENTS[int(rng.choice(len(_EVENTS), p=_CHANCES))]
    length = int(rng.integers(LENGTHS[0], LENGTHS[1] + 1))
    times = np.linspace(0, 1, length)
    target = int(rng.integers(len(scene.items)))
    match event:
        case "still":
            return Clip(event, None, (scene,) * length)
        case "pan":
            angle, way = float(rng.uniform(0, 2 * np.pi)), float(rng.uniform(26, 40))
            step = (way * np.cos(angle), way * np.sin(angle))
            return Clip(event, None, tuple(_panned(scene, step[0] * t, step[1] * t) for t in times))
        case "zoom":
            return Clip(event, None, tuple(_zoomed(scene, 1 + 0.6 * float(t)) for t in times))
        case _:
            end = _end(rng, scene, target, event)
            if end is None:
                return None
            start = scene.items[target]
            return Clip(event, target, tuple(scene.with_item(target, _between(start, end, float(t))) for t in times))


def _end(rng: np.random.Generator, scene: Scene, target: int, event: Event) -> Item | None:
    """The object after the event, clear of all others on the way; None where there is no room."""
    start = scene.items[target]
    others = [item for at, item in enumerate(scene.items) if at != target]
    for _ in range(60):
        if event == "grow":
            end = replace(start, radius=start.radius * float(rng.choice([0.62, 1.5])))
            if not 8.5 <= end.radius <= 24:
                continue
        elif event == "leave":
            left, up, right, down = (extent * start.radius for extent in EXTENTS[start.shape])
            side = int(rng.integers(4))
            x = (-right - 2, CANVAS + left + 2, start.x, start.x)[side]
            y = (start.y, start.y, -down - 2, CANVAS + up + 2)[side]
            end = replace(start, x=x, y=y)
        else:
            end = replace(start, x=float(rng.uniform(12, CANVAS - 12)), y=float(rng.uniform(12, CANVAS - 12)))
            if np.hypot(end.x - start.x, end.y - start.y) < _FAR:
                continue
        path = [_between(start, end, float(t)) for t in np.linspace(0, 1, 24)]
        if all(clear_of(item, others) for item in path) and (event == "leave" or inside_canvas(end)):
            return end
    return None


def _between(start: Item, end: Item, part: float) -> Item:
    x, y = start.x + (end.x - start.x) * part, start.y + (end.y - start.y) * part
    radius = start.radius + (end.radius - start.radius) * part
    return replace(start, x=x, y=y, radius=radius, phase=(start.phase[0] + x - start.x, start.phase[1] + y - start.y))


def _panned(scene: Scene, dx: float, dy: float) -> Scene:
    moved = (
        replace(item, x=item.x + dx, y=item.y + dy, phase=(item.phase[0] + dx, item.phase[1] + dy))
        for item in scene.items
    )
    return replace(scene, items=tuple(moved))


def _zoomed(scene: Scene, factor: float) -> Scene:
    middle = CANVAS / 2
    grown = (
        replace(
            item,
            x=middle + (item.x - middle) * factor,
            y=middle + (item.y - middle) * factor,
            radius=item.radius * factor,
        )
        for item in scene.items
    )
    return replace(scene, items=tuple(grown))
