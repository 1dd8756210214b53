"""Requests for changes of a picture in anybody's words: read whole, and told of the things that were seen."""

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from omniagent import ScriptedCritic, ScriptedGenerator
from omniagent.shapes.tasks.task import sample_task
from omniagent.tools.dialects.listed.changes import changes_in, composed, composition_in, grounded
from tests.support.scripted_runs import LISTED, by_picture, plan_draft, scripted_agent, texts

SEEN = "white background; star (yellow large, top left); circle (blue, left); ring (red striped small, bottom right)"
LEFT_ALONE = "star (yellow large, top left)"

READ = {
    "take the star off": "remove the star",
    "I'd rather have a square than the ring": "turn the ring into a square",
    "fill the ball with emerald, and get rid of the hoop": "make the circle green and remove the ring",
    "please do both: shrink the star, and put a teeny pink square in the lower right corner": (
        "make the star smaller and add a small pink square at the bottom right"
    ),
    "paint the disc red, no wait, purple": "make the circle purple",
    "the ring should go to the upper left corner": "move the ring to the top left",
    "could the star and the circle change places?": "swap the star and the circle",
    "1) delete the star\n2) black backdrop": "remove the star and make the background black",
    "the circle -> cyan": "make the circle cyan",
    "make the one in the top left green": "make the object at the top left green",
    "make it three circles": "make it three circles",
    "add two more rings": "add two more rings",
    "remove the star and the ring": "remove the star and remove the ring",
    "make the star red and the circle green": "make the star red and make the circle green",
    "make the star red and move it to the centre": "make the star red and move the star to the centre",
    "a pink triangle is missing in the centre": "add a pink triangle at the centre",
    "the star is too big. everything else stays.": "make the star smaller",
    "without the hoop, please": "remove the ring",
    "put the circle below the star": "move the circle below the star",
    "make the star and the ring red": "make the star red and make the ring red",
    "turn the yellow star into a green square": "make the yellow star green and turn it into a square",
    "replace the star by a red triangle": "turn the star into a triangle and make it red",
    "erase everything except the star": "remove all but the star",
    "keep only the star": "remove all but the star",
    "delete the left circle": "remove the circle at the left",
    "put a small green ring next to the star": "add a small green ring left of the star",
    "remove the stripes from the ring": "make the ring solid",
    "give the star polka dots": "make the star dotted",
    "change all yellow to red": "make the yellow objects red",
    "fewer circles": "remove the circle",
    "I don't like the ring, remove it": "remove the ring",
    "swap the colours of the star and the circle": "swap the colours of the star and the circle",
    "make the circle the same colour as the star": "make the circle the same colour as the star",
    "duplicate the star": "add a copy of the star",
    "nudge the star a bit to the left": "move the star a bit left",
    "double the size of the circle": "make the circle larger",
    "add a red star in the top right corner and a blue one in the bottom left": (
        "add a red star at the top right and add a blue star at the bottom left"
    ),
}
"""Requests about one picture, and the same in the model's own grammar."""


@pytest.mark.parametrize(("words", "own"), READ.items())
def test_a_change_in_other_words_is_brought_to_the_models_own(words: str, own: str) -> None:
    read = changes_in(words)
    assert read is not None and read.text == own


@pytest.mark.parametrize(
    "words",
    [
        "what colour is the star?",
        "how many circles are there?",
        "is the star above the ring?",
        "are there two rings?",
        "make the star navy and add a dog",
        "make it prettier",
        "turn the star into a hedgehog",
        "make the background blue",
        "remove",
        "",
        "a" * 500,
    ],
)
def test_what_asks_for_no_known_change_is_left_to_the_model(words: str) -> None:
    assert changes_in(words) is None


@pytest.mark.parametrize(
    ("words", "change", "line"),
    [
        ("make the star red", "make the star (yellow large, top left) red", "star (red large, top left)"),
        ("remove the hoop", "remove the ring (red striped small, bottom right)", LEFT_ALONE),
        ("put the disc in the middle", "move the circle (blue, left) to h h", "circle (blue, centre)"),
        (
            "swap the star and the ring",
            "swap the star (yellow large, top left) and the ring (red striped small, bottom right)",
            "star (yellow large, bottom right)",
        ),
        ("put the circle below the star", "move the circle (blue, left) to c m", "circle (blue, bottom left)"),
        ("add another circle", "add a blue circle at m c", "circle (blue, top right)"),
        ("add a small pink square", "add a small pink square at m c", "square (pink small)"),
        ("make the crimson hoop green", "make the ring (red striped small, bottom right) green", "ring (green striped"),
        (
            "turn the yellow star into a green square",
            "make the star (yellow large, top left) green and turn the star (green large, top left) into a square",
            "square (green large, top left)",
        ),
        (
            "keep only the star",
            "remove the circle (blue, left) and remove the ring (red striped small, bottom right)",
            LEFT_ALONE,
        ),
        (
            "make everything red",
            "make the star (yellow large, top left) red and make the circle (blue, left) red",
            "red",
        ),
        (
            "swap the colours of the star and the circle",
            "make the star (yellow large, top left) blue and make the circle (blue, left) yellow",
            "circle (yellow, left)",
        ),
        ("make the circle as big as the ring", "make the circle (blue, left) small", "circle (blue small, left)"),
        ("move the ring a bit up", "move the ring (red striped small, bottom right) to m h", "small, right)"),
        ("put a pink square beside the circle", "add a pink square at h h", "square (pink, centre)"),
        (
            "add two small pink stars at the bottom",
            "add a small pink star at c m and add a small pink star at h m",
            "star (pink small, bottom)",
        ),
    ],
)
def test_a_change_is_told_of_what_was_seen_and_asks_for_what_follows(words: str, change: str, line: str) -> None:
    read = changes_in(words)
    assert read is not None
    told = grounded(read.wishes, SEEN)
    assert told is not None and told.change == change
    assert any(line in one.question for one in told.checklist)


@pytest.mark.parametrize(
    "words",
    [
        "remove the pink square",
        "make it red",
        "swap the star and the star",
        "make the star the size of the circle",
        "nudge the star up",
        "add four red stars at the top",
    ],
)
def test_a_change_of_what_was_not_seen_is_not_told(words: str) -> None:
    read = changes_in(words)
    assert read is not None and grounded(read.wishes, SEEN) is None


def test_of_several_things_with_one_name_the_planner_says_which() -> None:
    read = changes_in("make the star red")
    seen = "black background; star (blue, left); star (green, right)"
    assert read is not None and grounded(read.wishes, seen) is None
    told = grounded(read.wishes, seen, "make the star (green, right) red")
    assert told is not None and told.change == "make the star (green, right) red"


def test_a_description_in_prose_is_told_nothing() -> None:
    read = changes_in("make the star red")
    assert read is not None and grounded(read.wishes, "A yellow star on a white page.") is None


def test_changes_in_the_models_own_grammar_are_told_as_its_lessons_tell_them() -> None:
    for seed in range(150):
        task = sample_task(np.random.default_rng([17, seed]), "edit")
        read = changes_in(task.instruction)
        assert read is not None, task.instruction
        told = grounded(read.wishes, task.plan.seen[0])
        assert told is not None, task.instruction
        assert told.change.split(" and ") == task.plan.change.split(" and "), task.instruction
        kept = {one.question for one in task.plan.checklist}
        assert len({one.question for one in told.checklist} ^ kept) <= 2, task.instruction


OTHER = "black background; ring (green dotted small, top); ring (pink, right)"
PUT_TOGETHER = {
    "take the star out of the first picture, put the green hoop of picture 2 below it": (
        "draw on a white background: star (yellow) from image 1 at h c; ring (green dotted) from image 2 at h m"
    ),
    "the ball from image 1 left of the pink ring from image 2, grey backdrop": (
        "draw on a gray background: circle (blue) from image 1 at c h; ring (pink) from image 2 at m h"
    ),
    "show the star of image 1 on image 2's background": "draw on a black background: star (yellow) from image 1 at h h",
    "paste the pink donut of the second image into the first image, in the upper right corner": (
        "image 1 with the ring (pink) from image 2 added at m c"
    ),
    "right of the pink ring from image 2 put the disc from image 1": (
        "draw on a white background: circle (blue) from image 1 at m h; ring (pink) from image 2 at c h"
    ),
}


@pytest.mark.parametrize(("words", "told"), PUT_TOGETHER.items())
def test_a_composition_in_other_words_is_told_of_what_was_seen(words: str, told: str) -> None:
    asked = composition_in(words, 2)
    assert asked is not None
    made = composed(asked, (SEEN, OTHER))
    assert made is not None and made.change == told


@pytest.mark.parametrize(
    "words",
    [
        "the star from image 1 and the dog from image 2",
        "the star from image 3 on black",
        "make the star red",
        "what is in image 2?",
        "the star from image 1 without the ring from image 2",
    ],
)
def test_a_composition_with_unknown_parts_is_left_to_the_model(words: str) -> None:
    assert composition_in(words, 2) is None


def test_a_composition_of_a_thing_that_was_not_seen_is_not_told() -> None:
    asked = composition_in("the pink star from image 1 on black", 2)
    assert asked is not None and composed(asked, (SEEN, OTHER)) is not None
    other = composition_in("the square from image 1 on black", 2)
    assert other is not None and composed(other, (SEEN, OTHER)) is None


def test_compositions_in_the_models_own_grammar_are_told_as_its_lessons_tell_them() -> None:
    for seed in range(100):
        task = sample_task(np.random.default_rng([19, seed]), "reference")
        asked = composition_in(task.instruction, len(task.images))
        assert asked is not None, task.instruction
        made = composed(asked, task.plan.seen, task.plan.change)
        assert made is not None, task.instruction
        assert made.change == task.plan.change, task.instruction


def test_questions_are_never_read_as_changes() -> None:
    for seed in range(150):
        task = sample_task(np.random.default_rng([18, seed]), "question")
        assert changes_in(task.instruction) is None, task.instruction


_WORDS = [
    "the",
    "star",
    "circle",
    "red",
    "and",
    "make",
    "remove",
    "no",
    "it",
    "to",
    "top left",
    ",",
    ".",
    "a",
    "3",
    "圆",
]


@given(st.lists(st.sampled_from(_WORDS), max_size=12).map(" ".join))
@settings(max_examples=120, deadline=None)
def test_any_row_of_words_is_read_or_left_alone(words: str) -> None:
    read = changes_in(words)
    told = None if read is None else grounded(read.wishes, SEEN)
    assert told is None or (told.change and 3 <= len(told.checklist) <= 8)


@pytest.mark.parametrize("row", ["please, ", "and the star ", "make the star red and ", "now and then, "])
def test_a_long_row_of_clauses_that_end_in_nothing_is_left_alone(row: str) -> None:
    assert changes_in(f"{row * (380 // len(row))}zzz") is None


def test_a_change_that_the_planner_takes_for_a_question_is_still_made(tmp_path: Path) -> None:
    critic = ScriptedCritic(by_picture((0.9,)), texts(plan_draft("answer", ()), answer=SEEN), profile=LISTED)
    agent = scripted_agent(tmp_path, critic=critic, generator=ScriptedGenerator())
    result = agent.run("could the star become green?", images=[Image.new("RGB", (128, 128), "white")])
    assert result.plan is not None and result.plan.mode == "edit"
    assert result.plan.instruction == "make the star (yellow large, top left) green"
