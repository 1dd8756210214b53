"""What a task means by rule: the right mode, a short choice, or an error that names the missing picture."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from omniagent.model.errors import BadTask
from omniagent.tools.dialects.plain.modes import possible_modes
from tests.tools.dialects.plain.captions import CAPTIONS
from tests.tools.dialects.plain.requests_by_mode import REQUESTS


def read(words: str, pictures: int) -> tuple[str, ...] | str:
    try:
        return possible_modes(words, pictures)
    except BadTask as error:
        return str(error)


def test_every_request_gets_its_mode_or_an_error_about_a_picture():
    wrong: list[str] = []
    for (pictures, modes), requests in REQUESTS.items():
        for words in requests:
            found = read(words, pictures)
            right = found == modes if modes else isinstance(found, str) and "given" in found
            if not right:
                wrong.append(f"{pictures} pictures, {words!r}: {found}, not {modes}")
    assert not wrong, "\n".join(wrong)
    assert sum(map(len, REQUESTS.values())) >= 400


def test_capitals_and_courtesies_do_not_change_what_is_meant():
    for (pictures, modes), requests in REQUESTS.items():
        for words in requests:
            if modes in (("edit",), ("compose",)) and words.isascii() and "?" not in words:
                assert read(f"please {words}", pictures) == modes, words
                assert read(words.upper(), pictures) == modes, words


@pytest.mark.parametrize(
    ("words", "pictures", "said"),
    [
        ("Put the cat from image 2 on the sofa", 1, "speaks of image 2, but only 1 picture was given"),
        ("merge image 1, image 2 and image 4", 2, "speaks of image 4, but only 2 pictures were given"),
        ("Use the hat of the third picture", 2, "speaks of image 3, but only 2 pictures were given"),
        ("combine both images", 0, "speaks of image 1 and image 2, but no picture was given"),
        ("Change the background to a beach", 0, "('change the background to a beach'), but none was given"),
        ("turn this photo into a painting", 0, "('this photo'), but none was given"),
        ("describe the attached image", 0, "asks about a picture ('the attached image'), but none was given"),
        ("把图2的猫放到沙发上", 1, "speaks of image 2, but only 1 picture was given"),
        ("描述这张图片", 0, "asks about a picture ('这张图片'), but none was given"),
    ],
)
def test_an_error_names_what_is_missing_and_what_was_given(words: str, pictures: int, said: str):
    with pytest.raises(BadTask) as raised:
        possible_modes(words, pictures)
    assert said in str(raised.value) and "give" in str(raised.value).rpartition(";")[2]


def test_a_mode_that_the_person_set_overrules_what_their_words_say():
    assert possible_modes("how many dogs are there?", 1, fixed="edit") == ("edit",)
    assert possible_modes("make the sky pink", 1, fixed="answer") == ("answer",)
    assert possible_modes("Change the background to a beach", 0, fixed="generate") == ("generate",)
    assert possible_modes("draw a cat", 1, fixed="compose", domain="cats") == ("compose",)


def test_a_set_mode_still_needs_its_pictures():
    for mode in ("edit", "compose"):
        with pytest.raises(BadTask, match=f"mode='{mode}' needs a picture, but none was given"):
            possible_modes("a cat", 0, fixed=mode)
    with pytest.raises(BadTask, match="speaks of image 2"):
        possible_modes("the hat of image 2", 1, fixed="edit")
    with pytest.raises(BadTask, match="asks about a picture"):
        possible_modes("describe this photo", 0, fixed="answer")
    with pytest.raises(BadTask, match="this generator can draw anything"):
        possible_modes("a cat", 0, fixed="refuse")


def test_only_a_generator_with_a_domain_may_refuse_and_never_by_rule():
    for (pictures, modes), requests in REQUESTS.items():
        for words in requests if modes else ():
            found = possible_modes(words, pictures, domain="small coloured shapes")
            assert found == (modes if modes == ("answer",) else (*modes, "refuse")), words
            assert "refuse" not in possible_modes(words, pictures)


def test_a_given_picture_is_never_dropped():
    for requests in REQUESTS.values():
        for words in requests:
            for pictures in (1, 2, 3):
                found = read(words, pictures)
                assert isinstance(found, str) or "generate" not in found, words


@given(
    st.text(max_size=200)
    | st.lists(
        st.sampled_from(("make", "this photo", "image 2", "the", "a", "?", ".", "图", "把", "吗", "can", "you", "draw"))
    ).map(" ".join),
    st.integers(0, 5),
)
def test_any_words_give_modes_or_a_typed_error(words: str, pictures: int):
    found = read(words, pictures)
    assert isinstance(found, str) or 1 <= len(found) <= 3


def test_captions_that_begin_like_orders_are_drawn():
    assert [words for words in CAPTIONS if read(words, 0) != ("generate",)] == []


def test_a_missing_picture_is_found_in_a_long_task():
    story = "The hall is long and lit by candles. " * 300
    assert "speaks of image 2" in read(f"{story} Put the lamp of image 2 on the table.", 1)
    assert read(story, 0) == ("generate",)
