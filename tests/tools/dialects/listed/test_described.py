"""Questions held against the critic's own description, by arithmetic on the notation."""

import numpy as np
import pytest

from omniagent.shapes.tasks.task import sample_task
from omniagent.shapes.words.phrases import describe
from omniagent.tools.dialects.listed.described import changed_places, holds_as_described

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


@pytest.mark.parametrize(
    ("lines", "places"),
    [
        (("star (red small, top left)", "star (red small, top right)", "ring (blue striped, bottom)"), ()),
        (
            ("star (red small, top left)", "star (green small, top right)", "ring (blue striped, bottom)"),
            ("x2 y0",) * 2,
        ),
        (("star (red, top left)", "ring (blue striped, bottom)"), ("x2 y0",)),
        (("star (red small, top left)", "star (red small, right)", "ring (blue striped, bottom)"), ("x2 y1", "x2 y0")),
        (
            (
                "star (red small, top left)",
                "star (red small, top right)",
                "ring (blue striped, bottom)",
                "square (pink, left)",
            ),
            ("x0 y1",),
        ),
    ],
    ids=["nothing", "a colour", "a thing that goes", "a move", "a thing that comes"],
)
def test_the_places_of_a_change_follow_from_the_description_and_the_checklist(
    lines: tuple[str, ...], places: tuple[str, ...]
) -> None:
    questions = [f"Is there a {line}?" for line in lines]
    boxes = changed_places([*questions, "Is the background black?"], SEEN, (300, 150))
    assert boxes is not None
    assert tuple(f"x{round(box.left / 100)} y{round(box.top / 50)}" for box in boxes) == places
    assert all(round(box.right - box.left) == 100 and round(box.bottom - box.top) == 50 for box in boxes)


@pytest.mark.parametrize(
    "questions",
    [
        ["Is there a star (red small)?"],
        ["Is there a star?"],
        ["Are there exactly 3 red stars?"],
    ],
    ids=["a thing without a place", "a thing without a look", "a number of things"],
)
def test_where_a_checklist_leaves_places_open_no_place_of_the_change_is_told(questions: list[str]) -> None:
    assert changed_places(questions, SEEN, (96, 96)) is None
    assert changed_places(["Is the background black?"], "Two red stars over a ring.", (96, 96)) is None
