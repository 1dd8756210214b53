"""False twins: the same question about another number, colour or side."""

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from omniagent.model.profile import CriticProfile
from omniagent.model.requests import Prompt
from omniagent.model.scripted import ScriptedCritic
from omniagent.tools.dialects.plain.language.twins import false_twin
from omniagent.tools.dialects.plain.stated import stated_of
from omniagent.tools.instruments.judging import held_to_twin
from omniagent.tools.types import Requirement, RequirementKind, Stated
from tests.tools.instruments.test_evidence import looked_at

TWINS: list[tuple[RequirementKind, str, str]] = [
    ("count", "Are there exactly three apples?", "Are there exactly four apples?"),
    ("count", "Can 12 birds be seen?", "Can 13 birds be seen?"),
    ("attribute", "Is the car red?", "Is the car blue?"),
    ("attribute", "Is the man's left shoe red?", "Is the man's left shoe blue?"),
    ("relation", "Is the red car left of the blue truck?", "Is the red car right of the blue truck?"),
    ("relation", "Is the cat in front of the sofa?", "Is the cat behind the sofa?"),
]
NONE: list[tuple[RequirementKind, str]] = [
    ("presence", "Is there a red car?"),
    ("attribute", "Is the car red and white?"),
    ("attribute", 'Is the word "RED" red?'),
    ("attribute", "Is the car not red?"),
    ("attribute", "Is the sky dramatic?"),
    ("count", "Are there 2 dogs on the 3 chairs?"),
    ("count", "Is there one cat?"),
    ("relation", "Is the cat left of the dog and right of the tree?"),
    ("count", "Are there at least two cats?"),
    ("count", "Are there fewer than five cats?"),
    ("count", "Are there three cats or more?"),
    ("count", "Are there twenty-five cats?"),
    ("count", "画面中至少有 3 只猫吗？"),
    ("attribute", "Is the glass half full?"),
    ("attribute", "Is the door partly open?"),
    ("attribute", "Is the orange peeled?"),
    ("relation", "Is the cat right next to the dog?"),
]
INEXACT = [
    "at least two cats", "at most 3 cats", "more than two cats", "no fewer than two cats", "up to five cats",
    "two or more cats", "two cats or more", "three cats at most", "3+ cats", "2-3 cats", "two to four cats",
    "about ten cats", "between two and four cats", "half a dozen eggs", "two dozen eggs",
    "2.5 pizzas", "twenty-five cats",
    "画面中至少有 3 只猫吗", "最多 3 只猫", "有 3 只以上的猫", "mindestens 3 Katzen", "au moins 3 chats",
    "al menos 3 gatos", "almeno 3 gatti", "pelo menos 3 gatos", "minstens 3 katten", "не менее 3 кошек",
    "少なくとも 3 匹",
]  # fmt: skip
UNNAMED = [
    "Is it left of the dog?",
    "Is the dog left of them?",
    "Is the one left of the dog?",
    "Is one cat above the other?",
]


@pytest.mark.parametrize(("kind", "question", "twin"), TWINS)
def test_a_twin_asks_for_another_number_colour_or_side(kind: RequirementKind, question: str, twin: str):
    assert false_twin(kind, question) == twin


@pytest.mark.parametrize(("kind", "question"), NONE)
def test_a_question_that_no_one_word_decides_has_no_twin(kind: RequirementKind, question: str):
    assert false_twin(kind, question) is None


@pytest.mark.parametrize("amount", INEXACT)
def test_bounds_ranges_and_guesses_are_never_held_to_one_number(amount: str):
    assert stated_of("count", f"Are there {amount}?") == Stated()
    assert false_twin("count", f"Are there {amount}?") is None


@pytest.mark.parametrize(
    ("question", "thing", "number"),
    [
        ("Are there exactly three apples visible in the picture?", "apples", 3),
        ("Can 12 birds be seen?", "birds", 12),
        ("Are there two towers between four trees?", "towers", 2),
        ("Are there five cats about a table?", "cats", 5),
    ],
)
def test_a_whole_count_is_measured_and_its_thing_named_alone(question: str, thing: str, number: int):
    stated = stated_of("count", question)
    assert stated.number == number and stated.thing.startswith(thing)


@pytest.mark.parametrize("question", UNNAMED)
def test_what_has_no_name_is_not_located(question: str):
    assert stated_of("relation", question) == Stated()
    assert stated_of("relation", "Is the cat sitting directly left of the dog?").thing == "cat"


@given(st.floats(0, 1), st.floats(0, 1))
def test_a_yes_to_the_twin_takes_from_a_verdict_and_a_no_adds_nothing(p: float, twin: float):
    held = held_to_twin(p, twin)
    assert 0 <= held <= p + 1e-9 and held_to_twin(p, 0.0) == pytest.approx(p)


def test_an_unsure_critic_that_also_says_yes_to_the_twin_is_not_believed(tmp_path: Path):
    red = Requirement(id="r1", kind="attribute", question="Is the car red?")

    def judge(prompt: Prompt, question: str) -> float:
        return 0.9 if "blue" in question or "Look once more" in question else 0.55

    critic = ScriptedCritic(judge, profile=CriticProfile(name="plain"))
    [verdict] = looked_at(tmp_path, [red], critic)
    assert verdict.answer == "unsure" and verdict.asked == 3
    assert len(critic.calls) == 2, "the twin shares a call with the other wording"
