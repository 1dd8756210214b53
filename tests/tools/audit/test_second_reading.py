"""Two readings of one task: what both ask stands, the stricter line wins, and what only one asks is said."""

import json
from collections.abc import Callable, Sequence
from pathlib import Path

from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image
from pydantic import BaseModel

from omniagent.config import Config
from omniagent.graphs.policy import LoopPolicy
from omniagent.model.errors import CriticUnavailable
from omniagent.model.requests import Prompt, Writing
from omniagent.model.scripted import ScriptedCritic, ScriptedGenerator, Verdicts, Written
from omniagent.runs.result import Result
from omniagent.tools.audit import Joined, joined
from omniagent.tools.audit.audit import covered
from omniagent.tools.config import ToolConfig
from omniagent.tools.dialects.plain.prompts import SECOND_SYSTEM
from omniagent.tools.dialects.plain.wanted import told_of, wanted_of
from omniagent.tools.types import Requirement, RequirementKind
from tests.support.scripted_runs import scripted_agent

TASK = "a red car on a bridge with two dogs"
FIRST = ("Is there a red car?", "Is the red car on a bridge?", "Are there exactly two dogs?")


def kind_of(question: str) -> RequirementKind:
    return "count" if "exactly" in question else "relation" if "bridge?" in question else "presence"


def requirements(*questions: str) -> tuple[Requirement, ...]:
    return tuple(Requirement(id=f"r{n}", kind=kind_of(one), question=one) for n, one in enumerate(questions, 1))


def both(task: str, first: Sequence[str], second: Sequence[str]) -> Joined:
    return joined(requirements(*first), requirements(*second), wanted_of(task, "generate"), told_of)


def asked(made: Joined) -> list[str]:
    return [one.question for one in made.checklist]


def checklist(questions: Sequence[str]) -> str:
    lines = [{"kind": kind_of(one), "question": one} for one in questions]
    return json.dumps({"facts": ["a"], "checklist": lines})


def reads(first: Sequence[str], second: Written | Sequence[str]) -> Callable[[Prompt, type[BaseModel] | None], Written]:
    """A planner that reads a task one way, and otherwise when it is asked for a second reading."""

    def write(prompt: Prompt, schema: type[BaseModel] | None) -> Written:
        if prompt.system != SECOND_SYSTEM:
            return checklist(first)
        return checklist(second) if isinstance(second, Sequence) and not isinstance(second, str) else second

    return write


def run(
    folder: Path,
    written: Callable[[Prompt, type[BaseModel] | None], Written],
    verdicts: Verdicts | None = None,
    task: str = TASK,
    **policy: bool,
) -> tuple[Result, ScriptedCritic]:
    critic = ScriptedCritic(verdicts, written)
    config = Config(tools=ToolConfig(backoff=0, critic_tries=1), loop=LoopPolicy.model_validate(policy))
    return scripted_agent(folder, critic=critic, generator=ScriptedGenerator(), config=config).run(task), critic


def second_readings(critic: ScriptedCritic) -> int:
    return sum(isinstance(call, Writing) and call.prompt.system == SECOND_SYSTEM for call in critic.calls)


def test_two_readings_that_say_the_same_in_other_words_change_nothing():
    other = ("Can a red car be seen?", "Does the red car stand on a bridge?", "Are there exactly two dogs there?")
    made = both(TASK, FIRST, other)
    assert made == Joined(requirements(*FIRST))


def test_the_stricter_line_of_two_about_one_thing_stands():
    made = both(TASK, ("Is there a car?", "Is there a bridge?", FIRST[2]), ("Is there a red car?", *FIRST[1:]))
    assert "Is there a car?" not in asked(made) and any("red car" in one for one in asked(made))
    assert len({one.id for one in made.checklist}) == len(made.checklist)


def test_a_line_that_only_one_reading_has_and_the_task_does_not_say_is_left_out_and_named():
    made = both(TASK, (*FIRST, "Is the driver smiling?"), (*FIRST, "Does a ship sail by?"))
    assert asked(made) == list(FIRST)
    assert any("Is the driver smiling?" in note for note in made.notes)
    assert any("Does a ship sail by?" in note for note in made.notes)


def test_a_number_that_the_task_does_not_say_and_the_readings_count_otherwise_is_named():
    made = both("some dogs on a bridge", ("Are there exactly three dogs?",), ("Are there exactly four dogs?",))
    assert asked(made) == ["Are there exactly three dogs?"]
    assert made.notes == (
        "the two readings count otherwise: “Are there exactly three dogs?” and “Are there exactly four dogs?”",
    )


LINES = st.lists(
    st.sampled_from((*FIRST, "Is there a car?", "Is it red?", "Is the driver smiling?", "Is there a ship?")),
    min_size=1,
    unique=True,
)


@given(LINES, LINES)
@settings(max_examples=60, deadline=None)
def test_what_the_task_says_and_a_reading_asks_is_asked_after_both(first: list[str], second: list[str]):
    made = both(TASK, first, second)
    assert made.checklist and len({one.id for one in made.checklist}) == len(made.checklist)
    assert set(asked(made)) <= {*first, *second}
    tellings = [told_of(one) for one in made.checklist]
    for mention in wanted_of(TASK, "generate"):
        if covered(mention, [told_of(one) for one in requirements(*first)]):
            assert covered(mention, tellings)


def test_a_task_is_read_again_where_two_rounds_brought_nothing(tmp_path: Path):
    """The first reading asks for a ship that the task does not name, which no picture has."""
    wrong = (*FIRST, "Is there a ship under the bridge?")

    def judge(prompt: Prompt, question: str) -> float:
        return 0.1 if "ship" in question else 0.97

    result, critic = run(tmp_path, reads(wrong, FIRST), judge)
    assert result.accepted and result.plan is not None and second_readings(critic) == 1
    assert "Is there a ship under the bridge?" in " ".join(result.plan.assumptions)
    assert all("ship" not in one.question for one in result.plan.checklist)
    assert result.usage.rounds == 2, "the pictures that were there are judged by what stands of both readings"


def test_lines_that_the_second_reading_adds_are_asked_about_the_pictures_that_are_there(tmp_path: Path):
    first = ("Is there a car?", "Is there a ship?")

    def judge(prompt: Prompt, question: str) -> float:
        return 0.1 if "ship" in question else 0.97

    result, _ = run(tmp_path, reads(first, FIRST), judge)
    assert result.accepted and result.plan is not None
    said = {verdict.requirement for verdict in result.critiques[0].verdicts}
    assert said == {one.id for one in result.plan.checklist}


def test_a_plan_that_the_critic_doubts_is_read_again_before_a_first_picture_is_accepted(tmp_path: Path):
    unreadable = reads(("",), FIRST)
    result, critic = run(tmp_path, unreadable)
    assert result.accepted and second_readings(critic) == 1 and result.plan is not None
    assert {one.question for one in result.plan.checklist} >= set(FIRST)


def test_a_sure_plan_is_read_once(tmp_path: Path):
    result, critic = run(tmp_path, reads(FIRST, FIRST))
    assert result.accepted and second_readings(critic) == 0


def test_a_task_is_never_read_a_third_time(tmp_path: Path):
    result, critic = run(tmp_path, reads(FIRST, FIRST), lambda prompt, question: 0.1)
    assert not result.accepted and result.usage.rounds > 2 and second_readings(critic) == 1


def test_a_caller_may_leave_the_second_reading_out(tmp_path: Path):
    result, critic = run(tmp_path, reads(FIRST, FIRST), lambda prompt, question: 0.1, second_reading=False)
    assert second_readings(critic) == 0 and not result.accepted


def test_a_second_reading_that_fails_costs_nothing_but_a_note(tmp_path: Path):
    for number, fault in enumerate((CriticUnavailable("gone"), "no json at all")):
        result, _ = run(tmp_path / str(number), reads(FIRST, fault), lambda prompt, question: 0.1)
        assert result.plan is not None and result.best is not None and result.error is None
        assert "could not be read a second time" in " ".join(result.plan.assumptions)


def test_a_second_reading_of_another_kind_of_task_leaves_the_plan_and_says_so(tmp_path: Path):
    """The critic takes one picture for something to change at first, and for something to use later."""
    seen: list[tuple[str, ...]] = []

    def choose(prompt: Prompt, options: tuple[str, ...]) -> str:
        seen.append(options)
        return options[0] if len(seen) == 1 else options[-1]

    critic = ScriptedCritic(lambda prompt, question: 0.1, reads(FIRST, FIRST), choices=choose)
    config = Config(tools=ToolConfig(backoff=0, critic_tries=1), loop=LoopPolicy(forced_choice=False))
    picture = Image.effect_noise((64, 64), 90).convert("RGB")
    result = scripted_agent(tmp_path, critic=critic, config=config).run("snowy winter", [picture])
    assert result.plan is not None and result.plan.mode == "edit"
    assert "read a second time, the task would be one to compose" in " ".join(result.plan.assumptions)
