"""What of each wording a model reads right: a small fixed sample for the log of a training."""

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import torch

from omniagent.model.training.lesson_packing import LessonBatch
from omniagent.shapes.said.for_lessons import OtherWords
from omniagent.shapes.scene.data import rng_for
from omniagent.shapes.tasks.task import ShapesTask, sample_task
from omniagent.shapes.training.lessons import Desk, plan_lesson


def wordings(number: int = 40, seed: int = 23) -> LessonBatch:
    """Plans of validation scenes by wording, so many of each, for the share that comes out whole.

    In the topics' names, `old` is the world's own wording, `frames` that of lessons and `unseen` that of evaluations.
    """
    rng = rng_for(seed, 0, "wordings")
    desk = Desk(rng)
    known, unseen = (OtherWords(rng, "validation", 1, 0, wording) for wording in ("train", "test"))
    made: dict[str, Callable[[], ShapesTask]] = {
        "old": lambda: sample_task(rng, "draw", "validation"),
        "frames": lambda: known.task("draw", chinese=False),
        "unseen": lambda: unseen.task("draw", chinese=False),
        "chinese": lambda: unseen.task("draw", chinese=True),
        "outside": lambda: unseen.task("outside"),
        "edits": lambda: unseen.task("edit", chinese=False),
    }
    groups = tuple(
        tuple(
            replace(plan_lesson(task, tuple(map(desk.show, task.scenes))), topic=f"plan_{name}")
            for task in (make() for _ in range(number))
        )
        for name, make in made.items()
    )
    return LessonBatch(torch.from_numpy(np.stack(desk.pictures)), groups)
