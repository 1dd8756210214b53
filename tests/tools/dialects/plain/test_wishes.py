"""Requests for several changes, taken apart without altering a word."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from omniagent.tools.dialects.plain.language.wishes import MOST, kept_wishes, wishes_of
from omniagent.tools.dialects.plain.refining import added_wishes

SEVERAL = {
    "remove the lamp, make the wall blue, add a cat": ("remove the lamp", "make the wall blue", "add a cat"),
    "Can you remove the lamp and make the wall blue?": ("remove the lamp", "make the wall blue"),
    "put a red hat on the cat, add a cat on the sofa": ("add a cat on the sofa", "put a red hat on the cat"),
    "turn it into a watercolor, then remove the dog": ("remove the dog", "turn it into a watercolor"),
    "Add 1,000 balloons, remove the car and make it snow": ("Add 1,000 balloons", "remove the car and make it snow"),
    "Remove Mr. Smith, add a dog": ("Remove Mr. Smith", "add a dog"),
    "Write 'Tea, then cake' on the sign, and remove the bike": (
        "Write 'Tea, then cake' on the sign",
        "remove the bike",
    ),
    "Add a sign that says ‘Stop, remove shoes’ and paint the door red": (
        "Add a sign that says ‘Stop, remove shoes’",
        "paint the door red",
    ),
    "change her dress to red, her shoes to black and remove the bag": (
        "change her dress to red, her shoes to black",
        "remove the bag",
    ),
    "加一个写着『你好，加一只狗』的牌子，去掉汽车": ("加一个写着『你好，加一只狗』的牌子", "去掉汽车"),
    "把灯去掉，把墙变成蓝色，然后加一只猫": ("把灯去掉", "把墙变成蓝色", "加一只猫"),
    "不要那辆车，加一只狗": ("不要那辆车", "加一只狗"),
    "Make sure the door is red, and remove the car": ("Make sure the door is red", "remove the car"),
}


@pytest.mark.parametrize("words", SEVERAL)
def test_a_request_for_several_changes_is_cut_between_them_alone(words: str):
    assert wishes_of(words) == SEVERAL[words]


@pytest.mark.parametrize(
    "words",
    [
        "make the sky darker",
        "add a cat and make it black",
        "make the wall blue and the door green",
        "add a cat, a dog and a bird",
        "remove the lamp and the chair",
        "a cat and a dog",
        "别墅的屋顶改成红色，去掉汽车",
        "don't forget to add a hat, remove the car",
    ],
)
def test_a_request_for_one_change_or_of_unclear_parts_is_left_whole(words: str):
    assert wishes_of(words) == ()


@pytest.mark.parametrize(
    ("words", "kept"),
    [
        ("remove the man; keep the lamp lit. Add a tree!", ("keep the lamp lit",)),
        ("don’t change the sky, remove the car, add a bird", ("don’t change the sky",)),
        ("去掉汽车，加一只狗，其他保持不变", ("其他保持不变",)),
        ("Ensure the man smiles, remove the car", ()),
        ("leave out the dog, add a cat", ()),
    ],
)
def test_what_is_to_be_kept_belongs_to_every_step(words: str, kept: tuple[str, ...]):
    assert kept_wishes(words) == kept


_PIECES = [*SEVERAL, "it", "the cat", "“a, b”", "'c. d'", ",", "and then", "1,5", "。", "make", "别", "\0", "No.", ";"]


@given(st.lists(st.sampled_from(_PIECES), max_size=6).map(" ".join))
def test_every_wish_stands_in_the_request_as_it_is(words: str):
    wishes = wishes_of(words)
    assert len(wishes) <= MOST and len(wishes) != 1
    assert all(wish in words and wish.strip() == wish != "" for wish in (*wishes, *kept_wishes(words)))


@pytest.mark.parametrize(
    ("told", "added"),
    [
        ("Add a large felt hat to the man's head, wholly visible.", 0),
        ("Remove the shadow of the hat; fill the place with matching grass", 0),
        ("Add a hat to the man. Make the sky purple and give the woman green hair.", 2),
        ("Add a hat to the man. Change the car into a horse.", 1),
        ("Add a hat and a wooden fence to the man's garden. Add a fence to the man.", 1),
    ],
)
def test_a_new_instruction_that_changes_something_else_is_found(told: str, added: int):
    assert len(list(added_wishes(told, "add a hat to the man. Is there a hat on the man?"))) == added
