"""Requests in plain form: what decides nothing has one form, the words stay, and only where it is asked for."""

from __future__ import annotations

import string
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image
from pydantic import BaseModel

from omniagent import Agent, ScriptedCritic
from omniagent.config import bundled_checkpoint
from omniagent.model.checkpoint.settings import FAMILY, read_profiles
from omniagent.model.profile import CRITICS, CriticProfile
from omniagent.model.requests import CancelToken, Prompt
from omniagent.model.scripted import Questions
from omniagent.shapes.tasks.task import KINDS, sample_task
from omniagent.tools.dialects.listed.plain_words import plain_question, plain_request
from omniagent.tools.meter import CallMeter
from omniagent.tools.plan import PLAN, PlanIn
from omniagent.tools.record.store import ImageStore
from omniagent.tools.record.trace import Trace, read_trace
from omniagent.tools.tool import ToolContext
from omniagent.tools.types import Plan, Task
from tests.support.scripted_runs import LISTED, plan_draft, scripted_agent

SAME = {
    "a red circle": (
        "A red circle",
        "A RED CIRCLE",
        "A Red Circle.",
        "a red circle!!!",
        "a red circle…",
        "a red circle ,",
        "a red circle;",
        "a red circle:",
        "a red circle —",
        "- a red circle",
        "¡A red circle!",
        "  a  red   circle  ",
        "a red\ncircle",
        "a red\r\n\r\ncircle\r\n",
        "a\tred\u00a0circle",
        "a red\u3000circle",
        "a red\u200b circle",
        "\ufeffa red circle",
        "a re\u00add circle",
        "“a red circle”",
        "‘a red circle’ !",
        '"A red circle."',
        "'a red circle'",
        "«A red circle»",
        "(a red circle)",
        "[a red circle]",
        "\uff41\u3000\uff52\uff45\uff44 circle\uff01",
        "a red circle\u3002",
    ),
    "draw a red circle": ("Draw a red circle!", "DRAW A RED CIRCLE.", "Draw A Red Circle"),
    "blue star on a black background, please": ("Blue star on a black background, please!",),
    "I want a blue star": ("i want a blue star", "I WANT A BLUE STAR!"),
    "a red circle, a blue star; the star is left of it": ("A red circle , a blue star ; the star is left of it.",),
    "how many circles are there?": ("How many circles are there ?", "HOW MANY CIRCLES ARE THERE???!"),
    'write "HELLO World" below the circle': ("Write “HELLO World” below the circle.",),
    "don't change the circle": ("Don’t change the circle!",),
}


def test_case_white_space_and_punctuation_around_a_request_decide_nothing() -> None:
    for plain, others in SAME.items():
        for one in (plain, *others):
            assert plain_request(one) == plain, repr(one)


@given(st.text(min_size=1, max_size=60))
def test_plain_form_is_final_and_never_empty(text: str) -> None:
    made = plain_request(text)
    assert made and plain_request(made) == made


@given(st.text(alphabet=string.ascii_letters + string.digits + " ,;.!?'\n\t", max_size=60))
def test_the_words_stay_whatever_the_form(text: str) -> None:
    def words(of: str) -> list[str]:
        return "".join(each if each.isalnum() else " " for each in of.lower()).split()

    assert words(plain_request(text)) == words(text)


@pytest.mark.slow
def test_what_a_plain_checkpoint_was_trained_on_keeps_its_words_and_its_questions() -> None:
    for kind in KINDS:
        for number in range(80):
            task = sample_task(np.random.default_rng([5, number, *kind.encode()]), kind, "test")
            said, made = task.instruction, plain_request(task.instruction)
            # The training's own forms: with or without a capital and a full stop. The plain one is among them.
            assert made.casefold() == said.rstrip(".").casefold()
            assert made.endswith("?") == said.endswith("?") and made != "" and plain_request(made) == made
            for one in task.plan.checklist:
                assert plain_question(one.question) == one.question


def test_a_yes_no_question_gets_the_form_of_a_checklist() -> None:
    for one in (
        "is there a red circle",
        "IS THERE A RED CIRCLE ?",
        " Is there\na red circle??",
        "“Is there a red circle?”",
    ):
        assert plain_question(one) == "Is there a red circle?"


def written(prompt: Prompt, schema: type[BaseModel] | None) -> BaseModel | str:
    asks = any("many" in part.lower() for part in prompt.parts if isinstance(part, str))
    return plan_draft("answer" if asks else "generate", () if asks else ("Is there a circle?",)) if schema else "two"


def overheard(folder: Path, profile: CriticProfile) -> tuple[list[str], str]:
    """What the critic hears of a shouted task, question and check, and the task as the trace tells it."""
    critic = ScriptedCritic(texts=written, profile=profile)
    agent = scripted_agent(folder, critic=critic)
    picture = Image.new("RGB", (64, 64), "white")
    result = agent.run("A RED\nCIRCLE!")
    assert agent.run("HOW MANY  CIRCLES?!", [picture]).answer == "two"
    checked = agent.check(picture, ["is there A RED circle"])
    assert checked.checklist[0].question == "is there A RED circle"
    heard = [part for call in critic.calls for part in call.prompt.parts if isinstance(part, str)]
    heard += [question for call in critic.calls if isinstance(call, Questions) for question in call.questions]
    return heard, next(iter(read_trace(result.folder / "trace.jsonl"))).model_dump_json()


def test_only_a_critic_of_plain_words_hears_them_and_people_see_their_own(tmp_path: Path) -> None:
    heard, told = overheard(tmp_path / "plain", LISTED)
    assert "<task>a red circle</task>" in heard and "<task>how many circles are there?</task>" in heard
    assert "<question>Is there a red circle?</question>" in heard
    assert "A RED\\nCIRCLE!" in told
    heard, told = overheard(tmp_path / "as said", CriticProfile())
    said = "\n".join(heard)
    assert "<task>A RED\nCIRCLE!</task>" in said and "<question>HOW MANY  CIRCLES?!</question>" in said
    assert "<question>is there A RED circle</question>" in said
    assert "A RED\\nCIRCLE!" in told


def test_the_bundled_critic_alone_asks_for_requests_in_plain_form() -> None:
    assert read_profiles(Path(bundled_checkpoint())).critic.dialect == "listed"
    assert FAMILY.critic.dialect == "plain"
    assert all(profile.dialect != "listed" for profile in CRITICS.values())


@pytest.mark.bundled
def test_the_bundled_model_plans_every_form_of_a_request_like_its_plain_one(tmp_path: Path) -> None:
    agent = Agent(runs_dir=tmp_path)
    context = ToolContext(
        runtime=agent.runtime,
        store=ImageStore(tmp_path / "images"),
        trace=Trace(tmp_path / "trace.jsonl", "plans"),
        token=CancelToken(),
        calls=CallMeter(100),
        config=agent.config.tools,
    )

    def plan(words: str) -> Plan:
        return PLAN(PlanIn(task=Task(instruction=words)), context).plan

    forms = {
        "red circle": ("Red circle", "RED CIRCLE!"),
        "a red circle": ("A RED CIRCLE", "a red\ncircle", "  a  red   circle  ", "“a red circle”", "A Red Circle."),
        "draw a red circle": ("Draw a red circle!",),
        "blue star on a black background, please": ("blue star on a black background, please!",),
    }
    for plain, others in forms.items():
        wanted = plan(plain)
        assert wanted.mode == "generate"
        for one in others:
            made = plan(one)
            assert made == wanted, one
