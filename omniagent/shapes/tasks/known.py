"""Scenes whose truth is known line by line: right ones, and the same with one fault planted."""

from collections.abc import Iterator
from typing import Final, NamedTuple

import numpy as np
import numpy.typing as npt

from omniagent.shapes.scene.render import render
from omniagent.shapes.scene.world import Scene
from omniagent.shapes.tasks.repairs import random_fault
from omniagent.shapes.tasks.task import ShapesTask, sample_task
from omniagent.shapes.words.phrases import checklist
from omniagent.shapes.words.statements import truth_of
from omniagent.tools.dialects.drafts import RequirementDraft
from omniagent.tools.types import RequirementKind

_KINDS: Final[tuple[RequirementKind, ...]] = ("count", "relation", "attribute", "presence")
_TRIES: Final = 80


class KnownScene(NamedTuple):
    """A picture, (128, 128, 3) uint8, the lines that it is judged by, and whether each holds."""

    picture: npt.NDArray[np.uint8]
    checklist: tuple[RequirementDraft, ...]
    holds: tuple[bool, ...]


def known_scenes(seed: int, *, objects: bool) -> Iterator[KnownScene]:
    """Scenes of the validation split without end, by turns right and with a fault that breaks one line at least.

    Args:
        seed: The same seed gives the same scenes.
        objects: Whether every second pair is judged object by object, as edits of the bundled model are, in questions
            that only it knows.
    """
    rng = np.random.default_rng([seed, *b"known"])
    number = 0
    while True:
        edits = objects and number % 2 == 1
        task = sample_task(rng, "edit" if edits else "draw", "validation")
        made = _pair(rng, task, _KINDS[number // 2 % len(_KINDS)])
        if made is not None:
            number += 1
            yield from made


def _pair(rng: np.random.Generator, task: ShapesTask, kind: RequirementKind) -> tuple[KnownScene, KnownScene] | None:
    """A scene, and the same with a fault that breaks a line of the kind, or of another one where none does."""
    if task.target is None or task.wanted is None:
        return None
    wanted = task.wanted.model_copy(update={"preserved": ()})
    lines = checklist(wanted, [one.draft for one in task.sought])

    def known(scene: Scene) -> tuple[Scene, tuple[bool, ...]]:
        truth = truth_of(scene, wanted, task.sought)
        return scene, tuple(truth[one.question] for one in lines)

    right, wrong = known(task.target), known(task.target)
    for _ in range(_TRIES):
        found = known(random_fault(rng, task.target).scene)
        wrong = found if all(wrong[1]) else wrong
        if any(line.kind == kind and not holds for line, holds in zip(lines, found[1], strict=True)):
            wrong = found
            break
    if not all(right[1]) or all(wrong[1]):
        return None
    first, second = (KnownScene(render(scene), lines, holds) for scene, holds in (right, wrong))
    return first, second
