"""Tasks that say two things of one: the person is asked, or what is said later is taken and named."""

import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from omniagent.config import Config
from omniagent.graphs.policy import LoopPolicy
from omniagent.model.scripted import ScriptedCritic
from omniagent.runs.result import Result
from omniagent.tools.config import ToolConfig
from omniagent.tools.dialects.base import GivenTask, Reading
from omniagent.tools.dialects.plain.dialect import Plain
from omniagent.tools.dialects.plain.language.contradictions import contradictions
from omniagent.tools.dialects.plain.language.vocabulary import COLOURS
from tests.support.scripted_runs import scripted_agent

CONTRADICTORY = [
    ("a red car on a bridge, the car is blue", ("a red car", "the car is blue")),
    ("a large red bus in front of a church. The bus is yellow.", ("a large red bus", "the bus is yellow")),
    ("three cats on a wall; the four cats look left", ("three cats", "the four cats")),
    ("a lamp on the left of the desk. The lamp is on the right", ("a lamp on the left", "the lamp is on the right")),
    ("一只红色的猫在沙发上，猫是蓝色的", ("红色的猫", "猫是蓝色")),
    (
        "a cat to the left of a sofa, the cat is on the right of the sofa",
        ("a cat to the left", "the cat is on the right"),
    ),
    ("a red van parked by a shop and the van is green in colour", ("a red van", "the van is green")),
]
CONSISTENT = [
    "a red car and a blue car",
    "a red car, the car should be red",
    "three cats on a wall, the two cats on the left are black",
    "a red car that turns blue; the car is blue",
    "a red car, no, the car is blue",
    "a black cat, the cat is white and black",
    'a sign that says "the car is blue" beside a red car',
    "a man in a red jacket and a woman in a blue jacket, the jacket is green",
    "a red rose in a vase, the vase is blue",
    "一只红猫和一只蓝猫",
    "A white coffee cup on a table. The coffee is black.",
    "a white house; the house is red-roofed",
    "a red fire truck, the fire is orange",
    "a cat on the left side of the sofa, the cat is on the right of the dog",
    "a cat on the left of the sofa. the cat is on the right wall",
    "a black cat with a hat. the cat is white around the nose",
    "a red box on a table. inside the box is blue",
    "a navy coat on a hook, the coat is blue",
    "a golden ring, the ring is yellow",
    "at least three cats on a wall; the four cats look left",
    "three dog bowls on a floor, the four dog beds behind them",
    "three or more cats, the five cats look left",
    "一个红色的花盆，花是白色的",
    "一只黑色的猫，熊猫是白色的",
    "a lighthouse on a cliff at dusk",
]
TASK = CONTRADICTORY[0][0]


@pytest.mark.parametrize(("task", "said"), CONTRADICTORY)
def test_one_thing_in_two_colours_numbers_or_places_is_a_contradiction(task: str, said: tuple[str, str]):
    assert [(one.first, one.then) for one in contradictions(task)] == [said]


@pytest.mark.parametrize("task", CONSISTENT)
def test_two_things_parts_corrections_and_quotes_contradict_nothing(task: str):
    assert contradictions(task) == ()


@given(st.text(max_size=300), st.sampled_from(sorted(COLOURS)))
def test_any_words_are_read_without_a_fault_and_one_colour_never_contradicts_itself(words: str, colour: str):
    assert all(one.values[0] != one.values[1] for one in contradictions(words))
    assert contradictions(f"a {colour} vase. the vase is {colour}") == ()


@pytest.mark.parametrize(
    ("task", "kept"),
    [
        ("a red car on a bridge, the car is blue, a woman in a red scarf", "red scarf"),
        ("two ants on a mat beside 12 plants. the four ants sleep", "12 plants"),
    ],
)
def test_what_is_given_up_of_one_thing_stays_asked_for_of_others(task: str, kept: str):
    reading = Reading("generate", task)
    wanted = Plain().wanted(GivenTask(words=task, pictures=()), reading)
    assert kept in [one.said for one in wanted if one.kind in ("colour", "number")]
    assert contradictions(task)


def run(folder: Path, *, answer: str | None) -> tuple[Result, list[str]]:
    """A run whose planner asks for the car in red, as it was said first."""
    asked: list[str] = []

    def reply(question: str) -> str:
        asked.append(question)
        return answer or ""

    lines = [
        {"kind": "attribute", "question": "Is the car red?"},
        {"kind": "presence", "question": "Is there a bridge?"},
    ]
    critic = ScriptedCritic(None, lambda prompt, schema: json.dumps({"facts": ["a"], "checklist": lines}))
    config = Config(tools=ToolConfig(backoff=0), loop=LoopPolicy(ask=answer is not None))
    agent = scripted_agent(folder, critic=critic, config=config, on_question=reply)
    return agent.run(TASK), asked


@pytest.mark.parametrize(
    ("answer", "colour", "other"), [("the red one", "red", "blue"), ("blue, please", "blue", "red")]
)
def test_the_person_is_asked_which_of_two_wishes_they_mean(tmp_path: Path, answer: str, colour: str, other: str):
    result, asked = run(tmp_path, answer=answer)
    assert asked == ["You say “a red car” and also “the car is blue”. Which of the two do you mean?"]
    questions = " ".join(one.question for one in result.checklist)
    assert colour in questions and other not in questions and result.accepted


def test_where_nothing_can_be_asked_what_is_said_later_is_taken_and_told(tmp_path: Path):
    result, asked = run(tmp_path, answer=None)
    questions = " ".join(one.question for one in result.checklist)
    assert not asked and "blue" in questions and "red" not in questions
    assert result.plan is not None
    assert "the task says “a red car” and “the car is blue” of one thing; “blue” was taken" in result.plan.assumptions
