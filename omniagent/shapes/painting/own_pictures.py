"""The generator's own pictures with what the oracle reads in them: lessons on the faults that the critic will meet.

Rendered scenes are crisp; what a generator gets wrong is not. So training tasks are drawn, the oracle labels the
pictures, and the critic learns to describe, judge and mend them too. Training alone comes here: nothing that runs
inside the agent may ask the oracle.
"""

import logging
import time
import zlib
from collections.abc import Callable
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any
from zipfile import BadZipFile

import numpy as np
from pydantic import TypeAdapter

from omniagent.shapes.oracle.judge import read
from omniagent.shapes.scene.data import rng_for
from omniagent.shapes.scene.reading import UNKNOWN, Found, Unreadable
from omniagent.shapes.scene.world import CANVAS, LARGE, SMALL, Item, Scene, spot_of
from omniagent.shapes.tasks.task import Kind, ShapesTask, sample_task
from omniagent.shapes.words.phrases import item_words, layout_of, located
from omniagent.shapes.words.requirements import Wanted
from omniagent.shapes.words.sought import Sought
from omniagent.tools.dialects.listed.notation import article

UNCLEAR_SHAPE, UNCLEAR_FILL = "object", "uneven"
NEAR = 16.0
log = logging.getLogger("omniagent.shapes")
_SCENES = TypeAdapter(Scene)
_SOUGHT = TypeAdapter(tuple[Sought, ...])
Pictures = np.ndarray[Any, np.dtype[np.uint8]]


@dataclass(frozen=True)
class Painting:
    """A picture (128, 128, 3), the scene it shows, what was wanted, and what the generator was told and should draw.

    `sought` are the objects that the plan's checklist asks for one by one, if it does.
    """

    picture: Pictures
    seen: Scene
    wanted: Wanted
    instruction: str
    target: Scene
    sought: tuple[Sought, ...] = ()


def seen_in(picture: Pictures) -> Scene | None:
    """The scene that the oracle reads; what it cannot tell is an `object` or `uneven`. None for no scene at all."""
    found = read(picture)
    if isinstance(found, Unreadable):
        return None
    return Scene(found.background, tuple(_item(one) for one in found.objects))


def _item(found: Found) -> Item:
    bounds = {"small": (1.0, SMALL[1]), "large": (LARGE[0], CANVAS), None: (SMALL[1] + 2, LARGE[0] - 2)}[found.size]
    return Item(
        UNCLEAR_SHAPE if found.shape == UNKNOWN else found.shape,
        "" if found.colour == UNKNOWN else found.colour,
        UNCLEAR_FILL if found.fill == UNKNOWN else found.fill,
        found.x,
        found.y,
        float(np.clip(found.radius, *bounds)),
    )


def faults_of(seen: Scene, target: Scene) -> list[str]:
    """An instruction for each thing in which a picture differs from what it should show, the plainest first."""
    pairs = _pairs(seen, target)
    lost = [item for i, item in enumerate(target.items) if i not in pairs]
    extra = [item for i, item in enumerate(seen.items) if i not in pairs.values()]
    told: list[str] = []
    if seen.background != target.background:
        told.append(f"make the background {target.background}")
    for number, other in pairs.items():
        wanted, item = target.items[number], seen.items[other]
        if item.shape != wanted.shape:
            told.append(f"turn the {located(item)} into a {wanted.shape}")
        if item.colour != wanted.colour:
            told.append(f"make the {located(item)} {wanted.colour}")
        if item.fill != wanted.fill:
            told.append(f"make the {located(item)} {wanted.fill}")
        if wanted.size and item.size and item.size != wanted.size:
            told.append(f"make the {located(item)} {wanted.size}")
    for item in lost:
        strayed = next((one for one in extra if one.kind == item.kind), None)
        spot = spot_of(item.x, item.y)
        if strayed is not None:
            extra.remove(strayed)
            told.append(f"move the {located(strayed)} to {spot}")
        else:
            told.append(f"add {article(item_words(item))} at {spot}")
    return [*told, *(f"remove the {located(item)}" for item in extra)]


def mended(seen: Scene, target: Scene) -> Scene:
    """What a picture becomes when all its faults are mended and nothing else moves."""
    pairs = _pairs(seen, target)

    def one(number: int, wanted: Item) -> Item:
        if number not in pairs:
            return wanted
        item = seen.items[pairs[number]]
        kept = wanted.size is None or item.size is None or item.size == wanted.size
        return replace(wanted, x=item.x, y=item.y, radius=item.radius if kept else wanted.radius)

    return Scene(target.background, tuple(one(number, wanted) for number, wanted in enumerate(target.items)))


def _pairs(seen: Scene, target: Scene) -> dict[int, int]:
    """Which object of the picture stands for which of the target: near, and as like as can be."""
    costs = [
        (np.hypot(a.x - b.x, a.y - b.y) + 6 * sum(p != q for p, q in zip(a.kind, b.kind, strict=True)), i, j)
        for i, a in enumerate(target.items)
        for j, b in enumerate(seen.items)
        if np.hypot(a.x - b.x, a.y - b.y) <= NEAR
    ]
    pairs: dict[int, int] = {}
    for _, i, j in sorted(costs):
        if i not in pairs and j not in pairs.values():
            pairs[i] = j
    return pairs


def generator_words(task: ShapesTask) -> str:
    """What a right planner would tell the generator so that it draws the task's own target."""
    if task.kind == "draw" and task.target is not None:
        return layout_of(task.target, range(len(task.target.items)))
    return task.plan.told


def paint_file(
    path: Path, paint: Callable[[list[ShapesTask], int], list[Pictures]], *, seed: int, step: int, number: int
) -> int:
    """Paint `number` training tasks and keep pictures that show a training scene; how many were kept. No file for none.

    `paint` gives one picture a task, from a seed.
    """
    rng = rng_for(seed, step, "painted")
    kinds: tuple[Kind, ...] = ("draw", "edit", "reference")
    # Tasks of one kind a file: a batch is drawn together, with as many references each.
    kind = kinds[int(rng.choice(3, p=[0.6, 0.3, 0.1]))]
    tasks = [sample_task(rng, kind, "train") for _ in range(number)]
    kept: list[dict[str, Any]] = []
    pictures: list[Pictures] = []
    for task, picture in zip(tasks, paint(tasks, int(rng.integers(2**31))), strict=True):
        seen = seen_in(picture)
        if seen is None or not seen.items or seen.split != "train" or task.target is None or task.wanted is None:
            continue
        pictures.append(picture)
        kept.append(
            {
                "seen": asdict(seen),
                "wanted": task.wanted.model_dump(),
                "instruction": generator_words(task),
                "target": asdict(task.target),
                "sought": [asdict(one) for one in task.sought],
            }
        )
    if not kept:
        return 0
    path.parent.mkdir(parents=True, exist_ok=True)
    lines = TypeAdapter(list[dict[str, Any]]).dump_json(kept)
    # Another process may be reading the folder: a file is there whole or not at all.
    half = path.with_suffix(".part")
    with half.open("wb") as handle:
        np.savez_compressed(handle, pictures=np.stack(pictures), lines=np.frombuffer(lines, dtype=np.uint8))
    half.replace(path)
    return len(kept)


def load_paintings(path: Path) -> list[Painting]:
    """The paintings of one file that `paint_file` wrote."""
    with path.open("rb") as handle, np.load(handle, allow_pickle=False) as data:
        pictures: Pictures = data["pictures"]
        lines = TypeAdapter(list[dict[str, Any]]).validate_json(data["lines"].tobytes())
    return [
        Painting(
            picture,
            _SCENES.validate_python(line["seen"]),
            Wanted.model_validate(line["wanted"]),
            line["instruction"],
            _SCENES.validate_python(line["target"]),
            _SOUGHT.validate_python(line.get("sought", ())),
        )
        for picture, line in zip(pictures, lines, strict=True)
    ]


class Gallery:
    """The paintings of a folder, which may grow while they are looked at; the newest `files` files of it.

    Attributes:
        all: Every painting of a training scene.
        clear: Those that are as they should be.
    """

    def __init__(self, folder: Path, files: int = 150) -> None:
        self._folder, self._files = folder, files
        self._held: dict[str, list[Painting]] = {}
        self._seen_at = 0.0
        self.all: list[Painting] = []
        self.clear: list[Painting] = []
        self.look_again()

    def look_again(self) -> None:
        """Take up files that are new; at most once in ten seconds."""
        if time.monotonic() - self._seen_at < 10 and self._held:
            return
        self._seen_at = time.monotonic()
        newest = sorted(self._folder.glob("*.npz"), key=lambda path: (_painted_at(path), path.name))[-self._files :]
        if {path.name for path in newest} == self._held.keys():
            return
        self._held = {
            path.name: self._held[path.name] if path.name in self._held else _readable(path) for path in newest
        }
        # Files of earlier versions hold pictures of validation scenes too.
        self.all = [one for held in self._held.values() for one in held if one.seen.split == "train"]
        self.clear = [one for one in self.all if not faults_of(one.seen, one.target)]


def _painted_at(path: Path) -> float:
    try:
        return path.stat().st_mtime
    except FileNotFoundError:
        return 0.0


def _readable(path: Path) -> list[Painting]:
    """The paintings of a file; none, and a warning, where it is broken or gone: it shall not end a long training."""
    try:
        return load_paintings(path)
    except (OSError, EOFError, ValueError, KeyError, BadZipFile, zlib.error) as error:
        log.warning("the paintings in %s cannot be read and are left out: %s", path, error)
        return []
