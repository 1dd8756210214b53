"""Questions held against the critic's own description, by arithmetic on the notation."""

import numpy as np
import pytest

from omniagent.shapes.tasks.task import sample_task
from omniagent.shapes.words.phrases import describe
from omniagent.tools.dialects.listed.described import holds_as_described

SEEN = "black background; star (red small, top left); star (red small, top right); ring (blue striped, bottom)"


@pytest.mark.parametrize(
    ("question", "holds"),
    [
        ("Are there exactly 2 red stars?", True),
        ("Are there exactly 3 red stars?", False),
        ("Is there exactly 1 striped blue ring?", True),
        ("Is there exactly 1 solid blue ring?", False),
        ("Are there exactly 3 objects in total?", True),
        ("Is the background black?", True),
        ("Is the background white?", False),
        ("Is there a star (red small, top left)?", True),
        ("Is there a star (red small, top)?", True),
        ("Is there a star (red small, bottom)?", False),
        ("Is there a star (green small, top left)?", False),
        ("Are the red stars above the blue ring?", True),
        ("Is the blue ring above the red stars?", False),
        ("Is the blue ring left of the green square?", False),
        ("Is the blue ring inside the red star?", None),
        ("Is it pretty?", None),
    ],
)
def test_a_question_is_answered_from_the_description(question: str, holds: bool | None) -> None:
    assert holds_as_described(question, SEEN) is holds


def test_a_description_in_prose_tells_nothing() -> None:
    assert holds_as_described("Is the background black?", "Two red stars over a blue ring.") is None


def test_true_descriptions_contradict_no_line_of_a_true_checklist() -> None:
    for seed in range(200):
        task = sample_task(np.random.default_rng([23, seed]), "draw" if seed % 2 else "edit")
        assert task.target is not None
        seen = describe(task.target)
        for line in task.plan.checklist:
            assert holds_as_described(line.question, seen) is not False, (line.question, seen)
