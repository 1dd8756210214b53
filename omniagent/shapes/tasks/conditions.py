"""Pictures that say where things are and no more: edges and masks of scenes, and how near a picture comes to them.

The tasks are those of the first OmniGen (arXiv 2409.11340, section 3.3): a condition as a reference for a new picture,
and a picture as the source of its condition.
"""

from dataclasses import dataclass, replace
from typing import Final, Literal, TypeAlias

import numpy as np
import numpy.typing as npt
from PIL import Image

from omniagent.shapes.oracle.segment import grow, shrink
from omniagent.shapes.scene.reading import Reading
from omniagent.shapes.scene.render import render
from omniagent.shapes.scene.world import CANVAS, Scene
from omniagent.shapes.tasks.task import ShapesTask

Condition = Literal["edges", "mask"]
Bools: TypeAlias = npt.NDArray[np.bool_]

APART: Final = 10.0
"""Pixels of the canvas by which an object's centre may be off and still stand where its condition has it."""

SIZES: Final = (0.7, 1.4)
"""Ratio of an object's radius to that of its condition within which it has its size."""

LEAST: Final = 0.7
"""Agreement from which a drawn condition counts as right."""

_NEAR: Final = 2
"""Pixels by which a drawn edge may be off."""


@dataclass(frozen=True)
class ConditionTask:
    """A task with its truth.

    Attributes:
        group: `from edges`, `from mask`, `to edges` or `to mask`.
        instruction: In words.
        image: The given picture, (128, 128, 3) uint8.
        scene: What the condition is of.
    """

    group: str
    instruction: str
    image: npt.NDArray[np.uint8]
    scene: Scene


def condition_of(scene: Scene, kind: Condition) -> Bools:
    """The mask of all objects, or their outlines of two pixels, (128, 128)."""
    masks = [_mask(scene, at) for at in range(len(scene.items))]
    drawn = [mask if kind == "mask" else mask & ~shrink(mask, 2) for mask in masks]
    return np.logical_or.reduce(drawn)


def picture_of(condition: Bools) -> npt.NDArray[np.uint8]:
    """White on black, (128, 128, 3) uint8."""
    return np.repeat((condition * np.uint8(255))[..., None], 3, axis=2)


def drawn_from(task: ShapesTask, kind: Condition) -> ConditionTask:
    """A draw task as one that a condition goes with."""
    assert task.target is not None
    words = task.instruction.strip()
    said = f"Following the {kind} of image 1, generate a new picture: {words}"
    return ConditionTask(f"from {kind}", said, picture_of(condition_of(task.target, kind)), task.target)


def drawn_to(task: ShapesTask, kind: Condition) -> ConditionTask:
    """The scene of a draw task as a picture of which the condition is wanted."""
    assert task.target is not None
    what = {"edges": "the edges of all objects", "mask": "the mask of all objects"}[kind]
    return ConditionTask(f"to {kind}", f"Draw {what} in image 1, white on black.", render(task.target), task.target)


def standing(reading: Reading, scene: Scene) -> float:
    """Share of a scene's objects, 0 to 1, of whose shape one stands in the picture at their place, in their size."""
    left = list(reading.objects)
    held = 0
    for item in scene.items:
        fits = [
            found
            for found in left
            if found.shape == item.shape
            and np.hypot(found.x - item.x, found.y - item.y) <= APART
            and SIZES[0] <= found.radius / item.radius <= SIZES[1]
        ]
        if fits:
            left.remove(min(fits, key=lambda found: float(np.hypot(found.x - item.x, found.y - item.y))))
            held += 1
    return held / len(scene.items)


def agreement(picture: npt.NDArray[np.uint8], scene: Scene, kind: Condition) -> float:
    """How well a drawn condition agrees with the truth, 0 to 1; a picture of one colour agrees with nothing.

    Of masks intersection over union; of edges the F1 of pixels within two pixels of the other's.
    """
    grey = Image.fromarray(picture).convert("L").resize((CANVAS, CANVAS), Image.Resampling.BILINEAR)
    drawn, truth = np.asarray(grey) > 127, condition_of(scene, kind)
    if kind == "mask":
        union = float((drawn | truth).sum())
        return float((drawn & truth).sum()) / union if union else 0.0
    if not drawn.any() or drawn.all():
        return 0.0
    precision = float((drawn & grow(truth, _NEAR)).sum()) / float(drawn.sum())
    recall = float((truth & grow(drawn, _NEAR)).sum()) / float(truth.sum())
    return 2 * precision * recall / (precision + recall) if precision + recall else 0.0


def _mask(scene: Scene, at: int) -> Bools:
    """The pixels of one object, whatever its fill and whatever stands inside of it."""
    item = replace(scene.items[at], colour="red", fill="solid")
    return render(Scene("white", (item,)))[..., 1] < 128
