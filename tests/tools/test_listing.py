"""Layouts in plans: what is asked for is there, what nobody asked for is not, and nothing else is touched."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from omniagent.shapes.tasks.task import sample_task
from omniagent.tools.dialects.listed.layouts import layout_as_counted

ASKED = (
    "Are there exactly 2 red rings?",
    "Is there exactly 1 small blue star?",
    "Is there exactly 1 circle?",
    "Is the background white?",
    "Are there exactly 4 objects in total?",
)


def _told(*parts: str) -> str:
    return f"draw on a white background: {'; '.join(parts)}"


@pytest.mark.parametrize(
    ("told", "meant"),
    [
        (
            _told("red ring at c c", "red ring at m c", "small blue star at c m", "green circle at m m"),
            _told("red ring at c c", "red ring at m c", "small blue star at c m", "green circle at m m"),
        ),
        (
            _told("small blue star at c m", "red ring at c c", "small blue star at m c", "green circle at m m"),
            _told("small blue star at c m", "red ring at c c", "red ring at m c", "green circle at m m"),
        ),
        (
            _told("red ring at c c", "red ring at m c", "small red star at c m", "green circle at m m"),
            _told("red ring at c c", "red ring at m c", "small blue star at c m", "green circle at m m"),
        ),
        (
            _told("red ring at c c", "red ring at m c", "small blue star at c m", "green square inside it"),
            _told("red ring at c c", "red ring at m c", "small blue star at c m", "green circle inside it"),
        ),
        (
            _told("red ring at c c", "red ring at m c", "small blue star at c m", "pink circle at m m", "star at h h"),
            _told("red ring at c c", "red ring at m c", "small blue star at c m", "pink circle at m m"),
        ),
    ],
)  # fmt: skip
def test_what_is_asked_for_takes_the_spot_of_what_is_not(told: str, meant: str) -> None:
    assert layout_as_counted(told, ASKED) == meant


@pytest.mark.parametrize(
    ("told", "asked"),
    [
        ("a cosy room with two red chairs and a lamp", ("Are there exactly 2 red chairs?", "Is there exactly 1 cat?")),
        ("Interior, evening: two chairs by the window; a lamp", ("Are there exactly 3 chairs?",)),
        (_told("red ring at c c"), ("Is there exactly 1 blue star?",)),
        (_told("red ring at c c"), ASKED),
        (_told("red ring at c c", "blue star at m m"), ()),
        ("", ASKED),
    ],
)
def test_what_is_no_complete_list_is_left_alone(told: str, asked: tuple[str, ...]) -> None:
    assert layout_as_counted(told, asked) == told


@pytest.mark.parametrize("seed", range(60))
def test_a_true_plan_stays_as_it_is(seed: int) -> None:
    plan = sample_task(np.random.default_rng(seed), "draw", "train").plan
    assert layout_as_counted(plan.told, [one.question for one in plan.checklist]) == plan.told


@given(
    st.lists(st.sampled_from(["red ring", "small blue star", "green circle", "pink square"]), min_size=4, max_size=7)
)
def test_whatever_was_listed_everything_asked_for_is_listed_afterwards_and_no_more(phrases: list[str]) -> None:
    spots = [f"at {column} c" for column in "acegikm"]
    told = _told(*(f"{phrase} {spot}" for phrase, spot in zip(phrases, spots, strict=False)))
    things = [part.rsplit(" at ", 1)[0] for part in layout_as_counted(told, ASKED).partition(": ")[2].split("; ")]
    assert len(things) == 4
    assert things.count("red ring") == 2 and things.count("small blue star") == 1
    assert sum(thing.endswith("circle") for thing in things) == 1
