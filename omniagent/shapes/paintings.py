"""Examples for the painter: draw, edit, reference and repair pairs, easy scenes first."""

from collections.abc import Callable

import numpy as np
import torch
from torch import Tensor

from omniagent.model.training.dit import Example
from omniagent.shapes.data import rng_for, with_random_phase
from omniagent.shapes.phrases import draw_instruction, layout_of
from omniagent.shapes.render import render
from omniagent.shapes.repairs import random_fault
from omniagent.shapes.tasks import ShapesTask, draw_task, sample_task, some_scene
from omniagent.shapes.world import Scene, Split


def tensor_of(scene: Scene) -> Tensor:
    """The rendered scene, (3, 128, 128) in [-1, 1]."""
    return torch.from_numpy(render(scene)).permute(2, 0, 1).float().div_(127.5).sub_(1)


def _draw(rng: np.random.Generator, most: int, split: Split) -> Example:
    while True:
        scene = some_scene(rng, most)
        if scene.split == split:
            break
    draw = rng.random()
    if draw < 0.92:
        order = rng.permutation(len(scene.items)).tolist()
        if draw >= 0.4:
            order.sort(key=[item.kind for item in scene.items].__getitem__)
        text = layout_of(scene, order, exact=draw < 0.85)
    else:
        task = draw_task(rng, scene)
        text = draw_instruction(task.wanted) if draw < 0.96 and task.wanted else task.instruction
    return Example(text, (), tensor_of(scene))


def _from_task(rng: np.random.Generator, task: ShapesTask) -> Example:
    assert task.target is not None
    text = task.plan.instruction if rng.random() < 0.8 else task.instruction
    return Example(text, tuple(tensor_of(scene) for scene in task.scenes), tensor_of(task.target))


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
            return Example(fault.repair, (tensor_of(source),), tensor_of(target))


def painting_examples(
    seed: int, number: int, *, edits: float = 0.3, references: float = 0.12, most: int = 6, split: Split = "train"
) -> Callable[[int], list[Example]]:
    """`number` examples a step; shares of edits (repairs among them) and of reference tasks, the rest are draws."""

    def make(step: int) -> list[Example]:
        rng = rng_for(seed, step, f"paint-{split}")
        found: list[Example] = []
        for _ in range(number):
            draw = rng.random()
            if draw < edits * 0.5:
                found.append(_repair(rng, most, split))
            elif draw < edits:
                found.append(_from_task(rng, sample_task(rng, "edit", split)))
            elif draw < edits + references:
                found.append(_from_task(rng, sample_task(rng, "reference", split)))
            else:
                found.append(_draw(rng, most, split))
        return found

    return make
