"""A true edit of the shapes world loses nothing when what was not to change is taken back."""

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from omniagent.model.requests import CancelToken
from omniagent.model.runtime import ModelRuntime
from omniagent.model.scripted import ScriptedCritic, ScriptedGenerator
from omniagent.shapes.oracle.judge import judge
from omniagent.shapes.scene.render import render
from omniagent.shapes.tasks.task import ShapesTask, sample_task
from omniagent.shapes.words.phrases import describe
from omniagent.tools.dialects import dialect_of
from omniagent.tools.drawing.restore import RESTORE, RestoreIn
from omniagent.tools.meter import CallMeter
from omniagent.tools.record.store import ImageStore
from omniagent.tools.record.trace import Trace
from omniagent.tools.tool import ToolContext
from omniagent.tools.types import Critique, Requirement
from tests.support.scripted_runs import LISTED


@pytest.fixture
def context(tmp_path: Path) -> ToolContext:
    return ToolContext(
        runtime=ModelRuntime(ScriptedGenerator(), ScriptedCritic(profile=LISTED)),
        store=ImageStore(tmp_path / "images"),
        trace=Trace(tmp_path / "trace.jsonl", "test"),
        token=CancelToken(),
        calls=CallMeter(10),
    )


def restored(context: ToolContext, task: ShapesTask, after: Image.Image) -> Image.Image | None:
    dialect = dialect_of(LISTED)
    checklist = tuple(
        Requirement(id=f"r{n}", kind=one.kind, question=one.question, stated=dialect.stated(one.kind, one.question))
        for n, one in enumerate(task.plan.checklist, start=1)
    )
    made = RESTORE(
        RestoreIn(
            source=context.store.put(Image.fromarray(task.images[0])),
            picture=context.store.put(after),
            checklist=checklist,
            seen=describe(task.scenes[0]),
            critique=Critique(attempt="a1", verdicts=()),
        ),
        context,
    )
    return None if made.image is None else context.store.get(made.image)


def holds(task: ShapesTask, picture: Image.Image) -> bool:
    assert task.wanted is not None
    return all(line.holds for line in judge(np.asarray(picture.convert("RGB")), task.wanted))


def test_true_edits_are_left_right_and_smeared_bystanders_come_back(context: ToolContext) -> None:
    looked = mended = grounds = 0
    for seed in range(30):
        task = sample_task(np.random.default_rng([31, seed]), "edit")
        assert task.target is not None
        right = Image.fromarray(render(task.target))
        whole = restored(context, task, right)
        assert whole is None or holds(task, whole), task.instruction
        kept = [item for item in task.scenes[0].items if item in task.target.items]
        if not kept or not holds(task, right):
            continue
        # One thing that was to stay is smeared, as small networks do to what stands in a ring.
        item = kept[0]
        left, top, right_end, lower = (
            max(0, round(at) + by) for by in (-round(item.radius), round(item.radius)) for at in (item.x, item.y)
        )
        spoilt = right.copy()
        smear = right.crop((left, top, right_end, lower)).resize((3, 3)).resize((right_end - left, lower - top))
        spoilt.paste(smear, (left, top))
        if holds(task, spoilt):
            continue
        looked += 1
        back = restored(context, task, spoilt)
        came = back is not None and holds(task, back)
        mended += came
        grounds += came and task.scenes[0].background != task.target.background
    assert looked > 15 and mended > 0.7 * looked and grounds > 0, (mended, looked, grounds)
