"""Requests for pictures as a file of `omniagent batch`."""

import json
from pathlib import Path

import numpy as np

from omniagent.shapes.scene.world import random_scene
from omniagent.shapes.tasks.task import draw_task
from omniagent.tools.record.files import write_whole


def write_tasks(path: Path, count: int, *, objects: int = 4, seed: int = 0) -> None:
    """Write `count` requests of the train split, each for a picture of so many things, as lines of JSON.

    Raises:
        StorageFull, OutputUnwritable: the file cannot be written.
    """
    lines: list[str] = []
    rng = np.random.default_rng([seed, 23])
    while len(lines) < count:
        task = draw_task(rng, random_scene(rng, objects))
        if task.split == "train":
            lines.append(json.dumps({"id": f"task-{len(lines):04}", "task": task.instruction}))
    write_whole(path, "".join(f"{line}\n" for line in lines).encode())
