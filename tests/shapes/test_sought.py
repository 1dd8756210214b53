"""An edit's checklist asks for single objects: true of the picture that was wanted, false of the one that was given."""

import numpy as np
import pytest

from omniagent.shapes.scene.world import Item, Scene
from omniagent.shapes.tasks.task import edit_task, reference_task, some_scene
from omniagent.shapes.words.phrases import describe, located, told
from omniagent.shapes.words.sought import Sought, as_it_is
from omniagent.shapes.words.statements import object_statements, truth_of

STAR = Item("star", "blue", "striped", 21, 21, 10)


def test_a_checklist_holds_of_the_target_and_not_of_the_source() -> None:
    rng = np.random.default_rng(4)
    blind: list[str] = []
    for _ in range(300):
        task = edit_task(rng)
        assert task.target is not None and task.wanted is not None
        asked = {draft.question for draft in task.plan.checklist}
        wanted = truth_of(task.target, task.wanted, task.sought)
        assert asked <= set(wanted)
        assert all(wanted[question] for question in asked), task
        given = truth_of(task.scenes[0], task.wanted, task.sought)
        if all(given[question] for question in asked):
            blind.append(task.instruction)
    # Like objects may change places, and an object may lie within the margin of the place it is moved to.
    assert len(blind) <= 3, blind


def test_a_plan_names_objects_in_the_words_of_what_it_saw() -> None:
    rng = np.random.default_rng(5)
    named = 0
    for make in (edit_task, reference_task):
        for _ in range(100):
            task = make(rng)
            seen = " ".join(task.plan.seen)
            items = [item for scene in task.scenes for item in scene.items]
            assert all(located(item) in seen for item in items)
            short = [told(item.shape, item.colour, item.fill) for item in items]
            named += any(one in task.plan.told for one in [*map(located, items), *short])
    assert named > 160


@pytest.mark.parametrize(
    ("asked", "found"),
    [
        (Sought("striped", "blue", "star"), True),
        (Sought("striped", "blue", "star", "small", "top left"), True),
        (Sought("striped", "blue", "star", "large"), False),
        (Sought("striped", "blue", "star", None, "centre"), False),
        (Sought("solid", "blue", "star"), False),
        (Sought("striped", "red", "star"), False),
        (Sought("striped", "blue", "ring"), False),
    ],
)
def test_an_object_is_found_by_each_of_its_words(asked: Sought, found: bool) -> None:
    assert asked.found_in(Scene("white", (STAR,))) is found


@pytest.mark.parametrize(("x", "found"), [(40, True), (46, True), (47, False)])
def test_a_place_ends_four_pixels_beyond_its_edge(x: float, found: bool) -> None:
    beside = Item("star", "blue", "striped", x, 21, 10)
    assert as_it_is(STAR).found_in(Scene("white", (beside,))) is found


def test_questions_for_objects_are_asked_in_the_words_of_a_description() -> None:
    assert describe(Scene("white", (STAR,))) == "white background; star (blue striped small, top left)"
    assert as_it_is(STAR).draft.question == "Is there a star (blue striped small, top left)?"
    assert Sought("solid", "orange", "ring").draft.question == "Is there a ring (orange)?"


def test_lessons_on_objects_say_yes_and_no_about_as_often() -> None:
    rng = np.random.default_rng(6)
    said = [one.true for _ in range(300) for scene in [some_scene(rng)] for one in object_statements(rng, scene, scene)]
    assert 0.4 < np.mean(said) < 0.7
