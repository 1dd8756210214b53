"""False twins: the same question about another number, colour or side."""

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from omniagent.model.profile import CriticProfile
from omniagent.model.requests import Prompt
from omniagent.model.scripted import ScriptedCritic
from omniagent.tools.dialects.plain.language.twins import false_twin
from omniagent.tools.instruments.judging import held_to_twin
from omniagent.tools.types import Requirement, RequirementKind
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
]


@pytest.mark.parametrize(("kind", "question", "twin"), TWINS)
def test_a_twin_asks_for_another_number_colour_or_side(kind: RequirementKind, question: str, twin: str):
    assert false_twin(kind, question) == twin


@pytest.mark.parametrize(("kind", "question"), NONE)
def test_a_question_that_no_one_word_decides_has_no_twin(kind: RequirementKind, question: str):
    assert false_twin(kind, question) is None


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
