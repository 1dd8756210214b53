"""The shapes world as a benchmark: tasks of the test split, judged by the oracle. No download, no model that judges."""

from pathlib import Path

import numpy as np
from PIL import Image
from pydantic import JsonValue

from omniagent.benchmarks.base import Benchmark, Column
from omniagent.benchmarks.data.rows import picture_of
from omniagent.benchmarks.items import Item, Look
from omniagent.benchmarks.judgement import Identity, Judge, Judgement, JudgeOptions
from omniagent.benchmarks.judges.pictures import opened
from omniagent.benchmarks.statistics import mean_of_strata
from omniagent.model.errors import BadImage
from omniagent.shapes.evaluation.suites import tasks_of
from omniagent.shapes.oracle.judge import judge, read
from omniagent.shapes.words.requirements import Wanted
from omniagent.tools.record.store import png_bytes

_TASKS = {"draw": 12, "edit": 6, "reference": 6}
"""Tasks of each kind: as many as three policies draw on two cores within ten minutes."""


class Shapes(Benchmark):
    name = "shapes"
    title = "Shapes"
    source = "omniagent.shapes, the world of the bundled checkpoint"
    local = True
    items_in_full = sum(_TASKS.values())
    right = "right"
    columns = (
        *(Column(kind, "right", group=kind, scale=100, digits=1) for kind in _TASKS),
        Column("right", "right", aggregate=mean_of_strata, scale=100, digits=1, main=True),
        Column("requirements held", "held", aggregate=mean_of_strata, scale=100, digits=1),
    )

    def items(self, data: Path, work: Path, seed: int = 0) -> list[Item]:
        found: list[Item] = []
        for kind, number in _TASKS.items():
            for at, task in enumerate(tasks_of(kind, limit=number, seed=seed)):
                assert task.wanted is not None
                key = f"{kind}-{at:03d}"
                # Named by what they show, so that another seed has files of its own.
                images = [picture_of(png_bytes(Image.fromarray(picture)), data, work) for picture in task.images]
                facts: dict[str, JsonValue] = {"wanted": task.wanted.model_dump(mode="json")}
                found.append(Item(key=key, group=kind, prompt=task.instruction, images=tuple(images), facts=facts))
        return found

    def files(self, data: Path) -> list[Path]:
        return []

    def path(self, item: Item, number: int) -> str:
        return f"{item.group}/{item.key}{f'_{number}' if number else ''}.png"

    def judge(self, options: JudgeOptions, data: Path) -> Judge:
        return Oracle()


class Oracle:
    """A `Judge` that reads pictures of the shapes world by rules: which requirements hold, and whether all do."""

    identity = Identity(name="oracle", model="omniagent.shapes.oracle")
    at_once = 1

    def connect(self) -> None:
        """It is in this process."""

    def judge(self, look: Look) -> Judgement:
        """As `Judge.judge`; raises nothing."""
        wanted = Wanted.model_validate(look.sample.item.facts["wanted"])
        try:
            picture = np.asarray(opened(look.picture))
        except BadImage as error:
            return Judgement(outcome="unreadable", reason=str(error))
        judged = judge(picture, wanted)
        held = sum(one.holds for one in judged)
        wrong = [one.requirement for one in judged if not one.holds]
        return Judgement(
            outcome="scored",
            scores={"right": float(not wrong), "held": held / len(judged) if judged else 1.0},
            reason="every requirement holds" if not wrong else f"does not hold: {'; '.join(wrong)}",
            evidence=(f"{held} of {len(judged)} requirements hold", f"seen: {read(picture)}"),
        )

    def close(self) -> None:
        """It holds nothing."""
