"""What each preset costs the bundled checkpoint in success, and gains in time: test tasks, judged by the oracle.

The painter is told the task's own layout, so that planning has no part in the figures.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
from PIL import Image

from omniagent.model.loading import load_generator
from omniagent.model.presets import PRESETS
from omniagent.model.requests import GenerationRequest
from omniagent.shapes.oracle import judge, right
from omniagent.shapes.painted import painter_words
from omniagent.shapes.tasks import sample_task

from .timing import seconds

CHECKPOINT = Path(__file__).parents[2] / "omniagent" / "checkpoints" / "shapes"
DRAWS, EDITS = 120, 40


def figures() -> Iterator[tuple[str, float, str]]:
    """For each preset the share of pictures that are right and, against `quality`, speed and points of success lost."""
    rng = np.random.default_rng(2026)
    tasks = [sample_task(rng, "draw", "test") for _ in range(DRAWS)]
    tasks += [sample_task(rng, "edit", "test") for _ in range(EDITS)]
    requests = [
        GenerationRequest(
            instruction=painter_words(task), references=tuple(map(Image.fromarray, task.images)), seeds=(number,)
        )
        for number, task in enumerate(tasks)
    ]
    times: dict[str, float] = {}
    shares: dict[str, float] = {}
    for name in PRESETS:
        generator = load_generator(CHECKPOINT, device="cpu", preset=name)
        generator.generate(requests[0])
        hits: list[bool] = []
        spent = 0.0
        for task, request in zip(tasks, requests, strict=True):
            took, pictures = seconds(lambda draw=generator.generate, request=request: draw(request))
            spent += took
            assert task.wanted is not None
            hits.append(right(judge(np.asarray(pictures[0]), task.wanted)))
        times[name], shares[name] = spent / len(tasks), float(np.mean(hits))
        yield f"preset_{name}_right_of_{len(tasks)}", 100 * shares[name], "%"
        yield f"preset_{name}_picture", times[name], "s"
        if name != "quality":
            yield f"preset_{name}_faster", times["quality"] / times[name], "x"
            yield f"preset_{name}_lost", 100 * (shares["quality"] - shares[name]), "points"
