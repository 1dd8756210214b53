"""Conditions in the shapes world: pictures drawn after edges and masks, and edges and masks drawn of pictures."""

from pathlib import Path
from typing import cast

import numpy as np
import numpy.typing as npt
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
from omniagent.shapes.oracle.judge import read
from omniagent.shapes.scene.reading import Unreadable
from omniagent.shapes.scene.world import Scene
from omniagent.shapes.tasks.conditions import LEAST, Condition, agreement, drawn_from, drawn_to, standing
from omniagent.shapes.words.requirements import Wanted, judge_reading
from omniagent.tools.record.store import png_bytes

_KINDS: tuple[Condition, ...] = ("edges", "mask")
_EACH = 6
_GROUPS = tuple(f"{way} {kind}" for way in ("from", "to") for kind in _KINDS)


class Conditions(Benchmark):
    """A picture from a condition is right where its words hold and every object stands where the condition has it."""

    name = "conditions"
    title = "Conditions (shapes)"
    source = "omniagent.shapes; tasks of the first OmniGen, arXiv 2409.11340"
    local = True
    items_in_full = _EACH * len(_GROUPS)
    right = "right"
    columns = (
        *(Column(group, "right", group=group, scale=100, digits=1) for group in _GROUPS),
        Column("right", "right", aggregate=mean_of_strata, scale=100, digits=1, main=True),
        Column("words held", "words", scale=100, digits=1),
        Column("objects in place", "placed", scale=100, digits=1),
        Column("conditions agree", "agreement", scale=100, digits=1),
    )

    def items(self, data: Path, work: Path, seed: int = 0) -> list[Item]:
        found: list[Item] = []
        for group in _GROUPS:
            way, _, kind = group.partition(" ")
            for at, task in enumerate(tasks_of("draw", limit=_EACH, seed=seed)):
                assert task.wanted is not None
                made = (drawn_from if way == "from" else drawn_to)(task, cast("Condition", kind))
                key = f"{way}-{kind}-{at:03d}"
                image = picture_of(png_bytes(Image.fromarray(made.image)), data, work)
                facts: dict[str, JsonValue] = {"seed": seed, "number": at}
                found.append(
                    # The same scenes come in every group.
                    Item(key=key, group=group, prompt=made.instruction, images=(image,), cluster=str(at), facts=facts)
                )
        return found

    def files(self, data: Path) -> list[Path]:
        return []

    def path(self, item: Item, number: int) -> str:
        return f"{item.key}{f'_{number}' if number else ''}.png"

    def judge(self, options: JudgeOptions, data: Path) -> Judge:
        return ConditionOracle()


class ConditionOracle:
    """A `Judge` by rules: words and places of pictures, and the agreement of drawn conditions with the truth."""

    identity = Identity(name="oracle", model="omniagent.shapes.oracle")
    at_once = 1

    def connect(self) -> None:
        """It is in this process."""

    def judge(self, look: Look) -> Judgement:
        """As `Judge.judge`; raises nothing."""
        item = look.sample.item
        seed, number = (int(str(item.facts[name])) for name in ("seed", "number"))
        task = tasks_of("draw", limit=number + 1, seed=seed)[number]
        assert task.target is not None and task.wanted is not None
        try:
            picture = np.asarray(opened(look.picture))
        except BadImage as error:
            return Judgement(outcome="unreadable", reason=str(error))
        way, _, kind = item.group.partition(" ")
        if way == "from":
            return _drawn_from(picture, task.wanted, task.target)
        found = agreement(picture, task.target, cast("Condition", kind))
        scores = {"right": float(found >= LEAST), "agreement": found}
        return Judgement(outcome="scored", scores=scores, evidence=(f"{kind} agree by {found:.2f} of 1",))

    def close(self) -> None:
        """It holds nothing."""


def _drawn_from(picture: npt.NDArray[np.uint8], wanted: Wanted, scene: Scene) -> Judgement:
    reading = read(picture)
    judged = judge_reading(reading, wanted)
    held = sum(one.holds for one in judged) / len(judged) if judged else 1.0
    placed = 0.0 if isinstance(reading, Unreadable) else standing(reading, scene)
    wrong = [one.requirement for one in judged if not one.holds]
    reasons = [f"does not hold: {'; '.join(wrong)}"] if wrong else []
    reasons += [f"{placed:.0%} of the objects stand in their place"] if placed < 1 else []
    return Judgement(
        outcome="scored",
        scores={"right": float(not reasons), "words": held, "placed": placed},
        reason=". ".join(reasons) or "words and places hold",
        evidence=(f"seen: {reading}",),
    )
