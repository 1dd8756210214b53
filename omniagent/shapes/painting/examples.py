"""Examples for the generator: draw, edit, reference and repair pairs, easy scenes first."""

import re
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from omniagent.model.training.dit import Example
from omniagent.shapes.painting.changes import chained_changes
from omniagent.shapes.painting.laid_out import scene_of_layout
from omniagent.shapes.painting.own_pictures import Gallery, faults_of, mended
from omniagent.shapes.scene.data import rng_for, with_random_phase
from omniagent.shapes.scene.dense import weathered
from omniagent.shapes.scene.render import render
from omniagent.shapes.scene.world import Scene, Split, random_scene
from omniagent.shapes.tasks.repairs import random_fault
from omniagent.shapes.tasks.task import ShapesTask, draw_task, sample_task, some_scene
from omniagent.shapes.words.phrases import draw_instruction, layout_of

_NAMED = re.compile(r"the \w+ \(.*?\)")


@dataclass(frozen=True)
class PaintingMix:
    """What the generator's examples are: shares from 0 to 1.

    Attributes:
        edits: Edits and repairs.
        references: Reference tasks; the rest are draws.
        several: Of the edits and of the mended paintings, those with two to five changes at once.
        ringed: Of the draws, those with one object inside another: rare in scenes, often asked for, slow to learn.
        hard: Of the other draws, crowded scenes and those of small patterned objects.
        planned: Of the draws, those laid out as plans lay them out, on the middles of nine cells.
        worn: Of the pictures that are changed or drawn from, those with noise, blur and other shades.
        most: Objects in a scene, at most.
    """

    edits: float = 0.3
    references: float = 0.12
    several: float = 0.2
    ringed: float = 0.3
    hard: float = 0.0
    planned: float = 0.0
    worn: float = 0.0
    most: int = 6


def _scene(rng: np.random.Generator, mix: PaintingMix, split: Split) -> Scene:
    most = mix.most
    while True:
        if most > 1 and rng.random() < mix.ringed:
            scene = random_scene(rng, int(rng.integers(2, min(most, 5) + 1)), inside=1.0)
        elif rng.random() < mix.hard:
            scene = _hard_scene(rng, most)
        else:
            scene = some_scene(rng, most)
        if scene.items and scene.split == split:
            return scene


def _hard_scene(rng: np.random.Generator, most: int) -> Scene:
    """A crowded scene, some with a full ring, or one whose objects are nearly all patterned."""
    if rng.random() < 0.6:
        return random_scene(rng, int(rng.integers(min(4, most), most + 1)), inside=0.25)
    return random_scene(rng, int(rng.integers(1, most + 1)), repeat=0.15, plain=0.1)


def _without_sizes(layout: str) -> str:
    """The layout without the sizes of a ring and of what it holds: requests for such a pair do not say them."""
    parts = layout.split("; ")
    for number, part in enumerate(parts):
        if part.endswith("inside it"):
            parts[number] = part.removeprefix("small ")
            parts[number - 1] = parts[number - 1].replace("large ", "", 1)
    return "; ".join(parts)


def _draw(rng: np.random.Generator, mix: PaintingMix, split: Split) -> Example:
    scene = _scene(rng, mix, split)
    if rng.random() < mix.planned:
        text = draw_task(rng, scene).plan.instruction
        laid_out = scene_of_layout(rng, text)
        if laid_out is not None and laid_out.split == split:
            return Example(text, (), render(laid_out))
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
    text = task.plan.told if rng.random() < 0.9 else task.instruction
    return Example(text, tuple(render(scene) for scene in task.scenes), render(task.target))


def _shifted(rng: np.random.Generator, scene: Scene) -> Scene:
    """The scene, in two of five cases with shifted fills; an object keeps its shift in what is made of the scene."""
    return scene if rng.random() < 0.6 else with_random_phase(rng, scene)


def _repair(rng: np.random.Generator, most: int, split: Split) -> Example:
    while True:
        scene = _shifted(rng, some_scene(rng, most))
        fault = random_fault(rng, scene)
        if scene.split == fault.scene.split == split:
            return Example(fault.repair, (render(fault.scene),), render(scene))


def _number(rng: np.random.Generator, mix: PaintingMix) -> int:
    """How many changes are made at once."""
    return int(rng.choice((2, 3, 4, 5), p=(0.62, 0.24, 0.08, 0.06))) if rng.random() < mix.several else 1


def _change(rng: np.random.Generator, mix: PaintingMix, split: Split) -> Example:
    """An edit in the generator's words, of a rendered scene."""
    while True:
        scene = _scene(rng, mix, split) if rng.random() < 0.5 else some_scene(rng, mix.most)
        if scene.split != split:
            continue
        scene = _shifted(rng, scene)
        made = chained_changes(rng, scene, _number(rng, mix))
        if made is not None and made.after.split == split:
            return Example(made.words, (render(scene),), render(made.after))


def _mend(rng: np.random.Generator, gallery: Gallery, mix: PaintingMix, split: Split) -> Example | None:
    """A painted picture with few faults or none, and the same mended or changed; rendered ones are crisper than those.

    None where the painting that was met has many faults, or the change does not fit or gives a scene of another split.
    """
    painting = gallery.all[int(rng.integers(len(gallery.all)))]
    faults = faults_of(painting.seen, painting.target)
    if faults:
        # One that has two faults would be told by a name that the first repair has made wrong.
        things = [found.group() for fault in faults if (found := _NAMED.search(fault))]
        if len(faults) > _number(rng, mix) or len(set(things)) < len(things):
            return None
        words, after = " and ".join(faults), mended(painting.seen, painting.target)
    else:
        made = chained_changes(rng, painting.seen, _number(rng, mix))
        if made is None:
            return None
        words, after = made.words, made.after
    return Example(words, (painting.picture,), render(after)) if after.split == split else None


def painting_examples(
    seed: int,
    number: int,
    mix: PaintingMix | None = None,
    *,
    split: Split = "train",
    gallery: Gallery | None = None,
) -> Callable[[int], list[Example]]:
    """`number` examples a step. With a `gallery` that has paintings, some edits are of those.

    Of the training split every source and target is a training scene; a task of another split may start from one
    (`ShapesTask.split`).
    """
    mix = mix or PaintingMix()

    def one(rng: np.random.Generator) -> Example:
        draw = rng.random()
        if draw >= mix.edits + mix.references:
            return _draw(rng, mix, split)
        if draw >= mix.edits:
            return _from_task(rng, sample_task(rng, "reference", split))
        own = gallery is not None and bool(gallery.all) and draw < mix.edits * 0.3
        if own and gallery is not None and (mend := _mend(rng, gallery, mix, split)) is not None:
            return mend
        if draw < mix.edits * 0.38:
            return _repair(rng, mix.most, split)
        if draw < mix.edits * 0.48:
            return _from_task(rng, sample_task(rng, "edit", split))
        return _change(rng, mix, split)

    def make(step: int) -> list[Example]:
        rng = rng_for(seed, step, f"paint-{split}")
        if gallery is not None:
            gallery.look_again()
        return [_worn(rng, one(rng), mix) for _ in range(number)]

    return make


def _worn(rng: np.random.Generator, example: Example, mix: PaintingMix) -> Example:
    if not example.references or rng.random() >= mix.worn:
        return example
    return example._replace(references=tuple(weathered(rng, picture) for picture in example.references))
