"""Names in plans: what nobody saw is taken for what it is most like, and nothing else is touched."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from omniagent.shapes.tasks.task import sample_task
from omniagent.tools.dialects.listed.names import named_as_seen, names_in, questions_as_seen, questions_as_told

SEEN = ["white background; ring (red small, centre); ring (blue small, top right); star (yellow, left)"]


@pytest.mark.parametrize(
    ("told", "meant"),
    [
        ("make the ring (red small, top right) blue", "make the ring (red small, centre) blue"),
        ("make the ring (red, centre) blue", "make the ring (red small, centre) blue"),
        ("remove the star (yellow large, right)", "remove the star (yellow, left)"),
        ("swap the ring (red small, left) and the star (yellow, top)",
         "swap the ring (red small, centre) and the star (yellow, left)"),
        ("make the ring (red small, centre) striped", "make the ring (red small, centre) striped"),
        ("make the ring (green small, bottom) blue", "make the ring (green small, bottom) blue"),
        ("add a circle (red, left) at c c", "add a circle (red, left) at c c"),
        ("star (yellow) from image 1 at c c", "star (yellow) from image 1 at c c"),
        ("make it brighter (a little, please)", "make it brighter (a little, please)"),
    ],
)  # fmt: skip
def test_a_name_that_nothing_bears_is_brought_to_the_thing_it_is_most_like(told: str, meant: str) -> None:
    assert named_as_seen(told, SEEN) == meant


@pytest.mark.parametrize(
    ("told", "meant"),
    [
        ("star (blue) from image 1 at c c", "star (yellow, left) from image 1 at c c"),
        ("star (yellow) from image 1 at c c", "star (yellow) from image 1 at c c"),
        ("star (yellow) from image 2 at c c", "star (green small, top) from image 2 at c c"),
        (
            "ring (red) from image 1 and circle (red) from image 2",
            "ring (red) from image 1 and circle (red) from image 2",
        ),
        ("ring (green) from image 1 at c c", "ring (green) from image 1 at c c"),
        ("star (yellow) from image 3 at c c", "star (yellow) from image 3 at c c"),
    ],
)
def test_a_thing_of_one_picture_is_sought_in_that_picture(told: str, meant: str) -> None:
    assert named_as_seen(told, [*SEEN, "gray background; star (green small, top)"]) == meant


def test_what_a_change_leaves_alone_is_asked_for_where_it_was_seen() -> None:
    change = "make the ring (red small, centre) green"
    asked = [
        "Is there a ring (green small, centre)?",
        "Is there a ring (blue small, left)?",
        "Is the background white?",
    ]
    assert questions_as_seen(asked, SEEN, change) == (asked[0], "Is there a ring (blue small, top right)?", asked[2])


def test_what_a_change_leaves_alone_is_asked_for_as_it_was_seen() -> None:
    change = "make the star (yellow, left) green"
    asked = ("Is there a ring (green small, centre)?", "Is there a ring (blue small, top right)?")
    assert questions_as_seen(asked, SEEN, change) == ("Is there a ring (red small, centre)?", asked[1])
    swapped = "swap the star (yellow, left) and the ring (red small, centre)"
    assert questions_as_seen(asked[:1], SEEN, swapped) == asked[:1]


def test_a_thing_that_moves_is_asked_for_at_its_new_place() -> None:
    asked = ["Is there a star (yellow, bottom right)?"]
    assert questions_as_seen(asked, SEEN, "move the star (yellow, left) to m m") == tuple(asked)


def test_one_of_two_that_are_alike_is_not_guessed() -> None:
    seen = ["black background; star (red, left); star (red, right)"]
    assert questions_as_seen(["Is there a star (red, top)?"], seen, "make the background gray") == (
        "Is there a star (red, top)?",
    )


@pytest.mark.parametrize(
    "seen",
    [
        ["a street with a car (blue, right) and a tree"],
        ["white background; car (blue, right) beside a tree"],
        ["Interior with vase (small, by the window)"],
    ],
)
def test_free_prose_is_no_list_to_check_names_against(seen: list[str]) -> None:
    for change in ("add a car (red, left)", "replace the cup with a vase (tall glass, on the table)"):
        assert named_as_seen(change, seen) == change
        assert questions_as_seen(["Is there a car (blue, left)?"], seen, change) == ("Is there a car (blue, left)?",)


@pytest.mark.parametrize("change", ["move the star to the right", "move the star (yellow) to m r"])
def test_what_the_change_speaks_of_in_other_words_is_not_put_back(change: str) -> None:
    asked = ("Is there a star (yellow, right)?",)
    assert questions_as_seen(asked, SEEN, change) == asked


@pytest.mark.parametrize("kind", ["edit", "reference"])
@pytest.mark.parametrize("seed", range(30))
def test_a_true_plan_stays_as_it_is(kind: str, seed: int) -> None:
    plan = sample_task(np.random.default_rng(seed), kind, "train").plan  # pyright: ignore[reportArgumentType]
    assert named_as_seen(plan.told, plan.seen) == plan.told
    asked = tuple(one.question for one in plan.checklist)
    settled = questions_as_seen if kind == "edit" else questions_as_told
    assert settled(asked, plan.seen, plan.told) == asked


def test_a_thing_that_changes_is_not_asked_for_as_it_was() -> None:
    asked = ("Is there a ring (blue small, top right)?", "Is there a ring (red small, centre)?")
    assert questions_as_seen(asked, SEEN, "make the ring (red small, centre) green") == (asked[0], None)


@pytest.mark.parametrize(
    "change",
    [
        "add a small red square left of the star (yellow, left)",
        "keep the star (yellow, left) and make the ring (red small, centre) green",
        "make the ring (red small, centre) as yellow as the star (yellow, left)",
    ],
)
def test_a_thing_that_a_change_only_points_at_is_asked_for(change: str) -> None:
    asked = ("Is there a star (yellow, left)?", "Is the background white?")
    assert questions_as_seen(asked, SEEN, change) == asked


def test_of_two_things_that_are_swapped_neither_is_asked_for_as_it_was() -> None:
    asked = ("Is there a star (yellow, left)?", "Is there a ring (red small, centre)?", "Is the background white?")
    change = "swap the star (yellow, left) and the ring (red small, centre)"
    assert questions_as_seen(asked, SEEN, change) == (None, None, asked[2])


@pytest.mark.parametrize("question", ["Is there a star (yellow, left)?", "Is the star (yellow, left) gone?"])
def test_a_checklist_is_never_emptied_and_what_asks_for_the_change_stays(question: str) -> None:
    assert questions_as_seen([question], SEEN, "remove the star (yellow, left)") == (question,)


def test_one_of_two_that_bear_one_name_may_stay() -> None:
    seen = ["black background; star (red, left); star (red, left)"]
    asked = ("Is there a star (red, left)?",)
    assert questions_as_seen(asked, seen, "remove the star (red, left)") == asked


@pytest.mark.parametrize(
    ("asked", "meant"),
    [
        ("Is there a ring (green dotted)?", "Is there a ring (red)?"),
        ("Is there a ring (green dotted, top)?", "Is there a ring (red, top)?"),
        ("Is there a star (yellow)?", "Is there a star (yellow)?"),
        ("Is there a circle (pink)?", "Is there a circle (pink)?"),
        ("Is the picture (all of it) bright?", "Is the picture (all of it) bright?"),
    ],
)
def test_a_composition_is_asked_for_what_the_painter_was_told(asked: str, meant: str) -> None:
    told = "draw on a white background: ring (red) from image 1 at c c; star (yellow small, left) from image 1 at m m"
    assert questions_as_told([asked], SEEN, told) == (meant,)


def test_the_words_of_a_mended_name_are_mended_in_other_questions() -> None:
    told = "draw on a white background: ring (red small) from image 1 at c c; star (yellow) from image 2 at m m"
    asked = ["Is there a ring (blue dotted)?", "Is there a star (yellow)?", "Is the dotted blue ring above the star?"]
    assert questions_as_told(asked, [], told) == (
        "Is there a ring (red small)?", asked[1], "Is the small red ring above the star?",
    )  # fmt: skip


def test_what_was_seen_but_will_not_be_there_is_not_asked_for() -> None:
    told = "draw on a white background: ring (green) from image 1 at c c"
    assert questions_as_told(["Is there a ring (red small)?"], SEEN, told) == ("Is there a ring (green)?",)
    kept = "image 1 with the ring (green) from image 2 added at c c"
    assert questions_as_told(["Is there a ring (red small)?"], SEEN, kept) == ("Is there a ring (red small)?",)


def test_a_mended_name_is_mended_wherever_it_is_said_and_only_there() -> None:
    told = "draw: ring (orange) from image 1 at c c; earring (green) from image 2 at m m"
    asked = [
        "Is there a ring (green)?",
        "Is there a ring (green, top)?",
        "Is there an earring (green)?",
        "Is a green ring up?",
    ]
    assert questions_as_told(asked, [], told) == (
        "Is there a ring (orange)?", "Is there a ring (orange, top)?", asked[2], "Is an orange ring up?",
    )  # fmt: skip


def test_of_two_told_things_of_one_noun_none_is_guessed() -> None:
    told = "draw: ring (red) from image 1 at c c; ring (blue) from image 2 at m m"
    asked = ("Is there a ring (green)?", "Is there a ring (pink)?")
    assert questions_as_told(asked, [], told) == asked


@given(st.text(alphabet="ab (),;", max_size=40), st.lists(st.text(alphabet="ab (),;", max_size=40), max_size=3))
def test_corrected_names_are_seen_ones_or_those_that_were_written(text: str, seen: list[str]) -> None:
    known = {name.text for one in seen for name in names_in(one)} | {name.text for name in names_in(text)}
    assert {name.text for name in names_in(named_as_seen(text, seen))} <= known
