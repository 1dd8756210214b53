"""How often the bundled generator alone draws what it is told: `python -m tests.bench.generator CHECKPOINT…`.

It is given ground-truth instructions, so that planning has no part in the figures. Tasks, noise and order are the same
for every checkpoint; what one gets right and the first does not, and the other way round, is counted beside the shares.
Edits are of one to three changes at once, as sentences ask for them. `--split validation` is for choosing between
checkpoints, `test` for what is told of one.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

import numpy as np
import torch

from omniagent.model.pipeline.omnigen2 import OmniGen2Pipeline
from omniagent.shapes.oracle.judge import judge, right
from omniagent.shapes.said.edits import joined, several_changes
from omniagent.shapes.scene.world import Split, random_scene
from omniagent.shapes.tasks.task import ShapesTask, draw_task, edit_of, sample_task, some_scene
from omniagent.shapes.training.validation import paint, small_scheduler

TOGETHER = 12
SHARES = {"draw": 1.0, "draw crowded": 0.5, "edit": 1.0, "edit two": 1.0, "edit three": 0.5, "reference": 0.4}


def tasks_of(group: str, number: int, split: Split) -> list[ShapesTask]:
    """So many tasks of a group and a split."""
    rng = np.random.default_rng([2027, *group.encode()])
    found: list[ShapesTask] = []
    while len(found) < number:
        task = _task(group, rng, split)
        if task is not None and task.split == split:
            found.append(task)
    return found


def _task(group: str, rng: np.random.Generator, split: Split) -> ShapesTask | None:
    if group == "reference":
        return sample_task(rng, "reference", split)
    if group == "draw":
        return draw_task(rng)
    if group == "draw crowded":
        return draw_task(rng, random_scene(rng, int(rng.integers(5, 7)), inside=0.4))
    scene = some_scene(rng)
    changes = several_changes(rng, scene, {"edit": 1, "edit two": 2, "edit three": 3}[group])
    return None if changes is None else edit_of(rng, scene, joined(changes, scene))


def drawn_right(pipeline: OmniGen2Pipeline, tasks: list[ShapesTask], steps: int) -> list[bool]:
    """Whether each picture shows all that its task wants."""
    found: list[bool] = []
    for at in range(0, len(tasks), TOGETHER):
        part = tasks[at : at + TOGETHER]
        for task, picture in zip(part, paint(pipeline, part, steps=steps, seed=at), strict=True):
            assert task.wanted is not None
            found.append(right(judge(picture, task.wanted)))
    return found


def main(arguments: list[str]) -> int:
    """Print a line for each group and checkpoint."""
    parser = argparse.ArgumentParser(prog="python -m tests.bench.generator", description=__doc__)
    parser.add_argument("checkpoints", type=Path, nargs="+")
    parser.add_argument("--number", type=int, default=96, help="tasks of the larger groups")
    parser.add_argument("--steps", type=int, default=10)
    parser.add_argument("--split", choices=["validation", "test"], default="test")
    asked = parser.parse_args(arguments)
    torch.set_num_threads(1)
    generators = [OmniGen2Pipeline.from_pretrained(folder) for folder in asked.checkpoints]
    for generator in generators:
        generator.scheduler = small_scheduler()
        generator.set_progress_bar_config(disable=True)
    for group, share in SHARES.items():
        tasks = tasks_of(group, max(1, round(asked.number * share)), asked.split)
        first: list[bool] = []
        for folder, generator in zip(asked.checkpoints, generators, strict=True):
            got = drawn_right(generator, tasks, asked.steps)
            first = first or got
            won = sum(now and not before for now, before in zip(got, first, strict=True))
            lost = sum(before and not now for now, before in zip(got, first, strict=True))
            print(f"{group:12}  {sum(got):3} of {len(got)}  +{won} -{lost}  {folder}", flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
