"""What each preset costs the bundled checkpoint in success, and gains in time: test tasks, judged by the oracle.

The generator is told the task's own layout, so that planning has no part in the figures.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
from PIL import Image

from omniagent.model.denoising.presets import PRESETS
from omniagent.model.loading import load_generator
from omniagent.model.requests import GenerationRequest
from omniagent.shapes.oracle.judge import judge, right
from omniagent.shapes.painting.own_pictures import generator_words
from omniagent.shapes.tasks.task import sample_task
from tests.bench.timing import seconds

CHECKPOINT = Path(__file__).parents[2] / "omniagent" / "checkpoints" / "shapes"
DRAWS, EDITS = 450, 150


def figures() -> Iterator[tuple[str, float, str]]:
    """For each preset the share of right pictures and, against `quality`, its speed and points lost.

    Every task is drawn by all presets in turn, so that other work on the machine slows them alike. The standard error
    of the points lost comes from the tasks that only one of the two drew right.
    """
    rng = np.random.default_rng(2026)
    tasks = [sample_task(rng, "draw", "test") for _ in range(DRAWS)]
    tasks += [sample_task(rng, "edit", "test") for _ in range(EDITS)]
    generators = {name: load_generator(CHECKPOINT, device="cpu", preset=name) for name in PRESETS}
    times = {name: list[float]() for name in PRESETS}
    hits = {name: list[bool]() for name in PRESETS}
    for number, task in enumerate(tasks):
        assert task.wanted is not None
        request = GenerationRequest(
            instruction=generator_words(task), references=tuple(map(Image.fromarray, task.images)), seeds=(number,)
        )
        for name, generator in generators.items():
            if number == 0:
                generator.generate(request)
                generator.forget()
            took, pictures = seconds(lambda draw=generator.generate, request=request: draw(request))
            times[name].append(took)
            hits[name].append(right(judge(np.asarray(pictures[0]), task.wanted)))
    for name in PRESETS:
        yield f"preset_{name}_right_of_{len(tasks)}", 100 * float(np.mean(hits[name])), "%"
        yield f"preset_{name}_picture", float(np.mean(times[name])), "s"
        if name != "quality":
            lost = 100.0 * (np.array(hits["quality"], dtype=float) - np.array(hits[name], dtype=float))
            yield f"preset_{name}_faster", sum(times["quality"]) / sum(times[name]), "x"
            yield f"preset_{name}_lost", float(lost.mean()), "points"
            yield f"preset_{name}_lost_standard_error", float(lost.std() / np.sqrt(len(lost))), "points"
