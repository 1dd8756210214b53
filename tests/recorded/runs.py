"""Forty seeded runs of the bundled checkpoint: plans, pictures, verdicts and decisions."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import torch
from PIL import Image

from omniagent import Agent, Budget, Result
from omniagent.shapes.tasks.task import Kind, ShapesTask, sample_task

RUNS: tuple[tuple[Kind, int], ...] = (("draw", 16), ("edit", 12), ("reference", 6), ("question", 4), ("outside", 2))


def machine() -> str:
    """What decides the last bits of a picture: other processors round other sums."""
    return f"{torch.__version__} {torch.backends.cpu.get_cpu_capability()}"


def tasks() -> Iterator[tuple[str, ShapesTask]]:
    """The tasks of the runs by name."""
    for kind, number in RUNS:
        for index in range(number):
            yield f"{kind}-{index}", sample_task(np.random.default_rng([7, index, *kind.encode()]), kind, "test")


def account(agent: Agent, task: ShapesTask, folder: Path, seed: int) -> dict[str, Any]:
    """What a run planned, drew, saw and decided; no words for people, which may be put better."""
    pictures = [Image.fromarray(picture) for picture in task.images]
    result = agent.run(
        task.instruction, pictures, seed=seed, out=folder, budget=Budget(max_rounds=3, max_images=5, time_limit=3600)
    )
    return _told(result)


def _told(result: Result) -> dict[str, Any]:
    plan = result.plan
    assert plan is not None
    return {
        "plan": [plan.mode, plan.instruction, list(plan.seen), [[one.kind, one.question] for one in plan.checklist]],
        "pictures": [made.image.sha256 for made in result.attempts],
        "verdicts": [
            [critique.attempt, [[one.answer, round(one.probability, 4)] for one in critique.verdicts]]
            for critique in result.critiques
        ],
        "repairs": [critique.repair for critique in result.critiques],
        "decisions": [[one.action, one.target, one.stop, one.instruction] for one in result.decisions],
        "best": None if result.best is None else result.best.id,
        "stop": result.stop_reason,
        "answer": result.answer,
    }
