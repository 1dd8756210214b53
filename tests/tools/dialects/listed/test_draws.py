"""Requests for pictures in anybody's words: read whole into what they ask for, or left to the model, or named."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from omniagent.shapes.tasks.task import draw_task
from omniagent.tools.dialects.listed.draws import heard
from omniagent.tools.dialects.listed.plain_words import plain_request

READ = {
    "A wee crimson disc on a plain white backdrop": "a small red circle on a white background",
    "two stars, one red and one blue": "a red star and a blue star",
    "three circles: two red and one green": "two red circles and a green circle",
    "a red and a blue star": "a red star and a blue star",
    "two squares: a red and a blue one": "a red square and a blue square",
    "I'd like a green triangle over a yellow one": "a green triangle above a yellow triangle",
    "a blue star, a green star and the same in pink": "a blue star, a green star and a pink star",
    "there's a big green square and below that a tiny orange circle": (
        "a small orange circle below a large green square"
    ),
    "in the upper left corner a red triangle, in the lower right corner a blue ring": (
        "a red triangle at the top left and a blue ring at the bottom right"
    ),
    "on the left side a cyan circle and on the right side a pink star": "a cyan circle to the left of a pink star",
    "top: a red star, bottom: a blue ring": "a red star above a blue ring",
    "A ring containing a small purple circle, grey background": (
        "a small purple circle inside a ring on a gray background"
    ),
    "a striped hoop with a little star in the middle of it": "a small star inside a striped ring",
    "one square inside a ring (the square is blue, the ring is red)": "a blue square inside a red ring",
    "a red circle, no, make that blue": "a blue circle",
    "draw a circle and color it blue": "a blue circle",
    "circle, green, big; square, red, little": "a large green circle and a small red square",
    "- red star\n- blue ring": "a red star and a blue ring",
    "A yellow star.  Above it, a pink ring.  Below it, a cyan square.": (
        "a pink ring above a yellow star and a cyan square; the cyan square is below the yellow star"
    ),
    "put a pink circle between a cyan square and a purple square": (
        "a cyan square to the left of a pink circle and a purple square; "
        "the pink circle is to the left of the purple square"
    ),
    "The background should be black. Draw a yellow ring in the middle.": (
        "a yellow ring in the centre on a black background"
    ),
    "a teeny red hoop with an orange star sitting in it, dark backdrop": (
        "an orange star inside a small red ring on a black background"
    ),
    "take a black canvas and draw six cyan triangles on it": "six cyan triangles on a black background",
    "two circles on white. hmm, on gray instead": "two circles on a gray background",
    "I WANT TO SEE THREE POLKA DOT TRIANGLES, PLEASE!": "three dotted triangles",
    "red square with a white backdrop, and under the square there's a blue triangle": (
        "a blue triangle below a red square on a white background"
    ),
    "Red circle. Blue square. Both on black.": "a red circle and a blue square on a black background",
    "🟡🟡🟡 above 🟦": "three yellow circles above a blue square",
    "i want a red cirlce and a purpel square": "a red circle and a purple square",
    "Ein roter Kreis über einem blauen Quadrat": "a red circle above a blue square",
    "un círculo rojo": "a red circle",
    "画一个红色的圆形在蓝色正方形的左边": "the red circle to the left of the blue square",
    "黑色背景上有三个黄色的星星": "three yellow stars on a black background",
    "一个大的红色圆环里面有一个小的黄色星星": "a small yellow star inside a large red ring",
}

_PIECES = [
    *("a", "red", "two", "circle", "star", "ring", "and", ",", ".", "above", "inside", "it", "that", "one", "the"),
    *("other", "no", "make", "with", "below", "of", "3", "-1", "on", "white", "background", "then", "first", "dots"),
    *("圆", "在", "的", "左边", "🔴", "(", ")", ";", ":", "left", "top", "same", "another", "each"),
]


def test_a_request_in_the_models_own_grammar_keeps_its_words_and_is_read_as_it_was_meant() -> None:
    for seed in range(400):
        task = draw_task(np.random.default_rng([41, seed]))
        said = heard(task.instruction)
        assert said.words == plain_request(task.instruction)
        assert said.asked is not None, task.instruction
        assert {one.question for one in said.asked.checklist} == {one.question for one in task.plan.checklist}


@pytest.mark.parametrize(("words", "own"), READ.items())
def test_a_request_in_other_words_is_brought_to_the_models_own(words: str, own: str) -> None:
    said = heard(words)
    assert said.asked is not None
    assert said.words == own.replace("the red circle to", "a red circle to").replace("of the blue", "of a blue")
    again = heard(said.words)
    assert again.asked is not None and again.asked.checklist == said.asked.checklist


@pytest.mark.parametrize(
    ("words", "why"),
    [
        ("seven blue circles", "asks for 7 things"),
        ("minus one star", "asks for -1 things"),
        ("no circles", "asks for 0 things"),
        ("a hundred rings", "asks for 100 things"),
        ("red", "of no thing"),
        ("a blue background with a red circle", "blue background"),
        ("a circle inside a blue square", "inside rings only"),
    ],
)
def test_what_cannot_be_drawn_is_refused_with_its_reason(words: str, why: str) -> None:
    said = heard(words)
    assert said.asked is None and why in said.reason


@pytest.mark.parametrize(
    ("words", "unknown"),
    [
        ("a red square and a dog", "dog"),
        ("a tiny white dot beside a hexagon", "hexagon"),
        ("a red white star", "white"),
        ("a tower in blue", "tower"),
    ],
)
def test_unknown_words_are_named(words: str, unknown: str) -> None:
    said = heard(words)
    assert said.asked is None and unknown in said.unknown


def test_what_is_only_nearly_meant_or_left_out_is_said() -> None:
    said = heard("a happy crimson star next to some dots")
    assert said.words == "a red star to the left of three circles"
    for part in ("“happy” is left out", "“crimson” is read as red", "“next to” is read as left of"):
        assert any(part in one for one in said.assumptions), said.assumptions


@pytest.mark.parametrize(
    "words",
    [
        "two circles diagonally aligned",
        "a red circle, below that",
        "a red circle, item 3 is blue",
        "a red circle without a square",
        "a circle, not a square",
    ],
)
def test_a_request_is_not_read_by_leaving_out_what_changes_it(words: str) -> None:
    assert heard(words).asked is None


def test_several_relations_of_two_things_are_all_kept() -> None:
    said = heard("a red circle above a blue square; the red circle is to the left of the blue square")
    assert said.asked is not None
    asked = [one.question for one in said.asked.checklist]
    assert "Is the red circle above the blue square?" in asked
    assert "Is the red circle left of the blue square?" in asked


def test_relations_that_cannot_both_hold_are_named() -> None:
    said = heard("a red circle above a blue square; the blue square is above the red circle")
    assert said.asked is None and "the other way round" in said.reason


def test_two_things_of_one_name_in_several_relations_are_left_to_the_model() -> None:
    assert heard("on 🔴 🔴 左边").asked is None


@settings(max_examples=150, deadline=None)
@given(
    st.lists(
        st.sampled_from(_PIECES),
        max_size=25,
    ).map(" ".join)
)
def test_no_row_of_words_breaks_the_reader(words: str) -> None:
    said = heard(words)
    assert said.words or not words.strip()
    if said.asked is not None:
        assert 1 <= said.asked.objects <= 6
