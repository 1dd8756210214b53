"""Examples for the painter: draw, edit, reference and repair pairs, easy scenes first."""

from collections.abc import Callable

import numpy as np

from omniagent.model.training.dit import Example
from omniagent.shapes.scene.data import rng_for, with_random_phase
from omniagent.shapes.scene.render import render
from omniagent.shapes.scene.world import Scene, Split, random_scene
from omniagent.shapes.tasks.edits import random_change
from omniagent.shapes.tasks.repairs import random_fault
from omniagent.shapes.tasks.task import ShapesTask, draw_task, sample_task, some_scene
from omniagent.shapes.training.own_pictures import Gallery, faults_of, mended
from omniagent.shapes.words.phrases import draw_instruction, layout_of

RINGED = 0.3
"""Share of draws with one object inside another: rare in scenes, often asked for, and slow to learn."""


def _scene(rng: np.random.Generator, most: int, split: Split) -> Scene:
    while True:
        ringed = most > 1 and rng.random() < RINGED
        scene = (
            random_scene(rng, int(rng.integers(2, min(most, 5) + 1)), inside=1.0) if ringed else some_scene(rng, most)
        )
        if scene.items and scene.split == split:
            return scene


def _without_sizes(layout: str) -> str:
    """The layout with the sizes of a ring and what it holds unsaid, as nobody says them who asks for the pair."""
    parts = layout.split("; ")
    for number, part in enumerate(parts):
        if part.endswith("inside it"):
            parts[number] = part.removeprefix("small ")
            parts[number - 1] = parts[number - 1].replace("large ", "", 1)
    return "; ".join(parts)


def _draw(rng: np.random.Generator, most: int, split: Split) -> Example:
    scene = _scene(rng, most, split)
    draw = rng.random()
    if draw < 0.92:
        order = rng.permutation(len(scene.items)).tolist()
        if draw >= 0.4:
            order.sort(key=[item.kind for item in scene.items].__getitem__)
        text = layout_of(scene, order, exact=draw < 0.85)
        text = _without_sizes(text) if rng.random() < 0.5 else text
    else:
        task = draw_task(rng, scene)
        text = draw_instruction(task.wanted) if draw < 0.96 and task.wanted else task.instruction
    return Example(text, (), render(scene))


def _from_task(rng: np.random.Generator, task: ShapesTask) -> Example:
    assert task.target is not None
    text = task.plan.told if rng.random() < 0.8 else task.instruction
    return Example(text, tuple(render(scene) for scene in task.scenes), render(task.target))


def _shifted(rng: np.random.Generator, source: Scene, target: Scene) -> tuple[Scene, Scene]:
    """Both scenes with shifted fills, the same shift for the same object."""
    if rng.random() < 0.6:
        return source, target
    moved = with_random_phase(rng, source)
    phases = {(i.x, i.y): i.phase for i in moved.items}
    items = tuple(
        type(i)(i.shape, i.colour, i.fill, i.x, i.y, i.radius, phases.get((i.x, i.y), i.phase)) for i in target.items
    )
    return moved, Scene(target.background, items)


def _repair(rng: np.random.Generator, most: int, split: Split) -> Example:
    while True:
        scene = some_scene(rng, most)
        fault = random_fault(rng, scene)
        if scene.split == split and fault.scene.split != "test":
            source, target = _shifted(rng, fault.scene, scene)
            return Example(fault.repair, (render(source),), render(target))


def _mend(rng: np.random.Generator, gallery: Gallery) -> Example | None:
    """A painted picture with one fault or none, and the same mended or changed; rendered ones are crisper than those.

    None where the painting that was met is of no use: several faults, or a change that does not fit.
    """
    painting = gallery.all[int(rng.integers(len(gallery.all)))]
    faults = faults_of(painting.seen, painting.target)
    if len(faults) == 1:
        after = mended(painting.seen, painting.target)
        return None if after.split == "test" else Example(faults[0], (painting.picture,), render(after))
    change = None if faults else random_change(rng, painting.seen)
    if change is None or change.after.split == "test":
        return None
    return Example(change.canonical, (painting.picture,), render(change.after))


def painting_examples(
    seed: int,
    number: int,
    *,
    edits: float = 0.3,
    references: float = 0.12,
    most: int = 6,
    split: Split = "train",
    gallery: Gallery | None = None,
) -> Callable[[int], list[Example]]:
    """`number` examples a step; shares of edits (repairs among them) and of reference tasks, the rest are draws.

    With a `gallery` that has paintings, some edits are of those.
    """

    def make(step: int) -> list[Example]:
        rng = rng_for(seed, step, f"paint-{split}")
        if gallery is not None:
            gallery.look_again()
        found: list[Example] = []
        for _ in range(number):
            draw = rng.random()
            if gallery is not None and gallery.all and draw < edits * 0.3:
                found.append(_mend(rng, gallery) or _repair(rng, most, split))
            elif draw < edits * 0.55:
                found.append(_repair(rng, most, split))
            elif draw < edits:
                found.append(_from_task(rng, sample_task(rng, "edit", split)))
            elif draw < edits + references:
                found.append(_from_task(rng, sample_task(rng, "reference", split)))
            else:
                found.append(_draw(rng, most, split))
        return found

    return make
