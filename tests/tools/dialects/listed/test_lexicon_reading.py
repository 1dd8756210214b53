"""The lexicon's reading: people's words become the model's own, and the model's own stay as they are."""

import sys

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from omniagent.shapes.tasks.task import KINDS, Kind, sample_task
from omniagent.tools.dialects.listed import lexicon
from omniagent.tools.dialects.listed.plain_words import plain_request
from tests.tools.dialects.listed.foreign import foreign

BOOK = lexicon.load()
READ = {
    "a crimson disc": "a red circle",
    "Could you paint me a wee blue box, please?": "draw a small blue square",
    "two stars, one red and one blue": "a red star and a blue star",
    "three rings: one green and the others pink": "a green ring and two pink rings",
    "a red circle; no, make it blue": "a blue circle",
    "a green triangle and beneath it a purple hoop": "a purple ring beneath a green triangle",
    "a circle in red with a star in blue to its left": "a red circle with a blue star to its left",
    "a donut around a yellow star": "a yellow star inside a ring",
    "a polka-dot square over a plain jet-black backdrop": "a dotted square on a black background",
    "half a dozen dots": "six circles",
    "ditch the ball": "remove the circle",
    "how many boxes can you see?": "how many squares are there?",
    "🔴 above 🟦": "a red circle above a blue square",
    "在红色的圆的左边画一个蓝色的方块": "draw one blue square left of a red circle",
    "把红色的圆变成蓝色": "make the red circle blue",
    "白色背景上有两个绿色三角形": "two green triangles on a white background",
    "un círculo rojo sobre fondo negro": "a red circle on a black background",
    "zwei kleine blaue Sterne": "two small blue stars",
    "deux étoiles jaunes": "two yellow stars",
}
REFUSED = {
    "a red circle and a hedgehog, please": "hedgehog",
    "一只狗和一个红色的圆": "狗",
    "seven red circles": "seven",
    "100 stars": "1 to 6",
    "minus one blue stars": "minus",
    "a red circle without a background": "without",
    "a black star": "backgrounds only",
    "a star on a red background": "white, black or gray",
    "a red star on the left": "corners",
    "hello, thanks!": "nothing",
}


@pytest.mark.slow
@pytest.mark.parametrize("kind", KINDS)
def test_a_request_in_the_models_own_grammar_never_changes(kind: Kind) -> None:
    for number in range(400):
        task = sample_task(np.random.default_rng([41, number, *kind.encode()]), kind)
        for said in (task.instruction, task.instruction.upper(), f"  {task.instruction.rstrip('.')}!"):
            if '"' in said:
                continue
            understood = BOOK.read(said)
            assert (understood.words, understood.changes) == (plain_request(said), ()), said
            assert kind == "outside" or not (understood.refusals or understood.assumptions), said


@pytest.mark.parametrize("said", READ)
def test_other_words_become_the_models_own_and_the_reading_tells_what_changed(said: str) -> None:
    understood = BOOK.read(said)
    assert (understood.words, understood.unknown, understood.refusals) == (READ[said], (), ())
    assert understood.changes


def test_every_reading_is_final() -> None:
    for said in (*READ, *(one.says for one in foreign())):
        words = BOOK.read(said).words
        assert BOOK.read(words).words == words, said


@pytest.mark.parametrize("said", REFUSED)
def test_what_cannot_be_drawn_is_refused_by_name_and_keeps_its_words(said: str) -> None:
    understood = BOOK.read(said)
    assert understood.words == plain_request(said)
    assert REFUSED[said] in " ".join(understood.refusals)


def test_a_near_word_is_an_assumption_and_an_exact_one_is_none() -> None:
    assert BOOK.read("a crimson circle").assumptions == ("“crimson” is read as red",)
    assert BOOK.read("a stripy disc").assumptions == ()
    assert BOOK.read("a red trianglr").assumptions == ("“trianglr” is read as a misspelt triangle",)


def test_words_that_are_held_out_are_known_to_the_shipped_lexicon_alone() -> None:
    shared = lexicon.load(held_out=False)
    for shape in ("circle", "ring"):
        for way in BOOK.held_out_ways("shapes", shape):
            assert BOOK.read(f"draw a blue {way}").words == f"draw a blue {shape}", way
            assert shared.read(f"draw a blue {way}").words != f"draw a blue {shape}", way


def test_each_exact_way_to_say_a_look_is_read_as_what_it_means() -> None:
    for category in ("sizes", "colours", "fills"):
        for look in BOOK.canonicals(category):
            for way in BOOK.ways(category, look) if not look.startswith("with") else ():
                words = BOOK.read(f"draw a {way} star").words.split()
                assert words[-1] == "star" and look in words and len(words) == 4, (way, words)


@settings(max_examples=300, deadline=None)
@given(st.text(max_size=80))
def test_no_text_is_too_odd_to_be_read(text: str) -> None:
    understood = BOOK.read(text)
    assert BOOK.read(understood.words).words == understood.words


MIXED = (
    "a an the red crimson disc circle boxes on above next to it that and , . ; two three star background black in",
    "with stripes polka dots please not no make move left right top draw ring around inside 把 圆 红色 的 在 🔴 big",
)
WORDS = st.sampled_from(" ".join(MIXED).split())


@settings(max_examples=300, deadline=None)
@given(st.lists(WORDS, max_size=14))
def test_any_mix_of_known_words_is_read_without_a_fault(words: list[str]) -> None:
    BOOK.read(" ".join(words))


def calls_of(text: str) -> int:
    """How many functions are called and left while a text is read."""
    events = 0

    def count(*_: object) -> None:
        nonlocal events
        events += 1

    before = sys.getprofile()
    sys.setprofile(count)
    try:
        BOOK.read(text)
    finally:
        sys.setprofile(before)
    return events


@pytest.mark.parametrize("word", ["word", "disc", "a red circle and", "红色的圆", "made of"])
def test_twice_as_many_words_take_twice_as_many_calls(word: str) -> None:
    half = " ".join([word] * (1_000 // len(word.split())))
    BOOK.read(half)
    assert calls_of(f"{half} {half}") < 2.1 * calls_of(half)
