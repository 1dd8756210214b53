"""Plans of any vision-language model, from the tool to the finished run: nothing is altered, and nothing costs the
picture."""

import json
from collections.abc import Callable, Sequence
from pathlib import Path

import pytest
from PIL import Image
from pydantic import BaseModel

from omniagent import ModelRuntime, ScriptedCritic, ScriptedGenerator
from omniagent.agent import Agent
from omniagent.config import Config
from omniagent.graphs.policy import LoopPolicy
from omniagent.model.errors import BadSetting, BadTask
from omniagent.model.profile import CriticProfile, GeneratorProfile
from omniagent.model.requests import CancelToken, Prompt, Writing
from omniagent.model.scripted import Texts, Verdicts
from omniagent.runs.result import Result
from omniagent.tools.config import ToolConfig
from omniagent.tools.dialects.plain.checklist import UNREAD
from omniagent.tools.dialects.plain.forms import RepairForm
from omniagent.tools.meter import CallMeter
from omniagent.tools.plan import PLAN, PlanIn
from omniagent.tools.record.store import ImageStore
from omniagent.tools.record.trace import Trace
from omniagent.tools.tool import ToolContext
from omniagent.tools.types import Mode, Plan, Task
from tests.support.scripted_runs import LISTED, QUESTIONS, by_picture, plan_draft, scripted_agent, texts
from tests.tools.dialects.plain.raw_replies import CHECKLISTS, REPAIRS
from tests.tools.dialects.plain.reviewed_plans import REVIEWED

REPLIES = (
    *[raw for raw in CHECKLISTS if raw.questions][::6],
    *(raw for raw in CHECKLISTS if not raw.questions),
)
"""Some that can be read, and all that cannot."""
GOOD, POOR = (0.97, 0.97, 0.97), (0.97, 0.97, 0.1)


def pictures(count: int) -> list[Image.Image]:
    return [Image.new("RGB", (32, 32), (60 * number, 90, 120)) for number in range(count)]


def checklist(questions: Sequence[str]) -> str:
    lines = [{"kind": "presence", "question": question} for question in questions]
    return json.dumps({"facts": ["a"], "checklist": lines})


def agent_of(
    folder: Path,
    written: Texts,
    verdicts: Verdicts | None = None,
    *,
    generator: ScriptedGenerator | None = None,
    picks: Callable[[Prompt, tuple[str, ...]], str] | None = None,
) -> Agent:
    """An agent whose critic speaks the plain dialect, as every model does that was not trained for another."""
    critic = ScriptedCritic(verdicts, written, choices=picks)
    return scripted_agent(folder, critic=critic, generator=generator or ScriptedGenerator())


def plan_by_tool(folder: Path, words: str, count: int, questions: Sequence[str]) -> Plan:
    critic = ScriptedCritic(texts=[checklist(questions)])
    store = ImageStore(folder / "images")
    context = ToolContext(
        runtime=ModelRuntime(ScriptedGenerator(), critic),
        store=store,
        trace=Trace(folder / "trace.jsonl", "plan"),
        token=CancelToken(),
        calls=CallMeter(9),
        config=ToolConfig(backoff=0),
    )
    task = Task(instruction=words, images=tuple(store.put(picture) for picture in pictures(count)))
    return PLAN(PlanIn(task=task), context).plan


def planned(result: Result) -> Plan:
    assert result.plan is not None
    return result.plan


@pytest.mark.parametrize(("words", "count", "mode", "questions"), REVIEWED)
def test_the_plans_that_the_listed_notation_once_damaged_come_out_unaltered(
    tmp_path: Path, words: str, count: int, mode: Mode, questions: tuple[str, ...]
) -> None:
    generator = ScriptedGenerator()
    result = agent_of(tmp_path / "runs", [checklist(questions)], generator=generator).run(words, pictures(count))
    for plan in (plan_by_tool(tmp_path, words, count, questions), planned(result)):
        assert (plan.mode, plan.instruction, plan.assumptions) == (mode, words, ())
        # What the checklist leaves out of the task is asked for behind it.
        assert tuple(one.question for one in plan.checklist)[: len(questions)] == questions
    assert result.accepted
    assert [(call.instruction, len(call.references)) for call in generator.calls] == [(words, count)]


def test_replies_as_small_models_write_them_end_with_a_picture_and_never_as_a_fault_of_the_critic(
    tmp_path: Path,
) -> None:
    words = "a cat with a red hat"
    assert len(REPLIES) >= 10 and sum(not raw.questions for raw in REPLIES) >= 3
    for number, raw in enumerate(REPLIES):
        generator = ScriptedGenerator()
        agent = agent_of(tmp_path / str(number), lambda prompt, schema, text=raw.text: text, generator=generator)
        result = agent.run(words)
        assert (result.stop_reason, result.error, result.image is not None) == ("accepted", None, True), raw.text
        assert [call.instruction for call in generator.calls] == [words]
        asked = tuple(one.question for one in result.checklist)
        if raw.questions:
            assert asked[: len(raw.questions)] == raw.questions and UNREAD not in planned(result).assumptions
        else:
            assert len(asked) == 1 and words in asked[0] and UNREAD in planned(result).assumptions


def test_a_checklist_that_cannot_be_read_is_asked_for_again_with_what_was_wrong(tmp_path: Path) -> None:
    critic = ScriptedCritic(texts=["I'm sorry, but I can't help with that.", checklist(QUESTIONS)])
    result = scripted_agent(tmp_path, critic=critic).run("a red circle")
    assert tuple(one.question for one in result.checklist) == QUESTIONS
    first, second = (call.prompt for call in critic.calls if isinstance(call, Writing))
    assert second.parts[: len(first.parts)] == first.parts
    assert "I'm sorry" in str(second.parts[-1]) and "cannot be used" in str(second.parts[-1])


@pytest.mark.parametrize("reply", [raw.text for raw in REPAIRS if not raw.instruction])
def test_a_repair_that_cannot_be_read_ends_in_a_redraw_and_not_in_a_fault_of_the_critic(
    tmp_path: Path, reply: str
) -> None:
    repairs: list[str] = []

    def write(prompt: Prompt, schema: type[BaseModel] | None) -> str:
        if schema is RepairForm:
            repairs.append(reply)
            return reply
        return checklist(QUESTIONS)

    result = agent_of(tmp_path, write, by_picture(POOR, GOOD)).run("a red circle")
    assert (result.stop_reason, result.accepted, len(repairs)) == ("accepted", True, 2)
    assert [decision.action for decision in result.decisions] == ["regenerate", "accept"]
    assert all(attempt.parent is None for attempt in result.attempts)


def test_a_repair_that_can_be_read_is_carried_out_in_its_own_words(tmp_path: Path) -> None:
    told = [raw for raw in REPAIRS if raw.instruction and raw.scope == "local"][:3]
    for number, raw in enumerate(told):
        agent = agent_of(
            tmp_path / str(number),
            lambda prompt, schema, text=raw.text: text if schema is RepairForm else checklist(QUESTIONS),
            by_picture(POOR, GOOD),
        )
        result = agent.run("a red circle")
        assert [decision.action for decision in result.decisions] == ["edit", "accept"]
        # The generator is told what the critic wrote; a full stop at the end goes.
        assert result.attempts[-1].instruction == raw.instruction.rstrip(".")


def test_only_a_generator_with_a_domain_refuses_and_its_refusal_names_another_model(tmp_path: Path) -> None:
    offered: list[int] = []

    def last(prompt: Prompt, options: tuple[str, ...]) -> str:
        offered.append(len(options))
        return options[-1]

    def run(name: str, profile: GeneratorProfile) -> tuple[Result, ScriptedGenerator]:
        generator = ScriptedGenerator(profile=profile)
        agent = agent_of(tmp_path / name, [checklist(["Is there a cat?"])], generator=generator, picks=last)
        return agent.run("Draw a cat on a roof"), generator

    narrow, idle = run("narrow", GeneratorProfile(domain="flat shapes", instead="someone/wider"))
    assert (narrow.stop_reason, narrow.image, idle.calls) == ("refused", None, [])
    assert "flat shapes" in narrow.message and "someone/wider" in narrow.message and len(offered) == 1
    lonely, _ = run("lonely", GeneratorProfile(domain="flat shapes"))
    assert lonely.stop_reason == "refused" and "use another model" in lonely.message
    wide, busy = run("wide", GeneratorProfile(instead="someone/wider"))
    assert wide.accepted and len(busy.calls) == 1 and len(offered) == 2


@pytest.mark.parametrize(
    "words", ["a cat on a roof", "Make the sky darker", "the same in winter", "draw this as a comic"]
)
@pytest.mark.parametrize("count", [1, 2])
def test_a_given_picture_is_never_dropped_silently(tmp_path: Path, words: str, count: int) -> None:
    given = pictures(count)
    for pick in (0, -1):
        generator = ScriptedGenerator()
        agent = agent_of(
            tmp_path / str(pick),
            lambda prompt, schema: checklist(["Is it right?"]) if schema else "It is a plain ground.",
            lambda prompt, question: 0.97,
            generator=generator,
            picks=lambda prompt, options, pick=pick: options[pick],
        )
        result = agent.run(words, given)
        drawn = [[one.tobytes() for one in call.references] for call in generator.calls]
        everything = [one.tobytes() for one in given]
        assert planned(result).mode == "answer" or (drawn and all(one == everything for one in drawn))


@pytest.mark.parametrize(
    ("words", "count", "mode"),
    [
        ("draw what is in image 2", 0, None),
        ("put the cat of image 2 on the sofa of image 1", 1, None),
        ("give image 1 the colours of image 3", 2, "compose"),
    ],
)
def test_a_task_that_names_a_missing_picture_is_drawn_once_the_person_says_what_is_meant(
    tmp_path: Path, words: str, count: int, mode: Mode | None
) -> None:
    def agent(folder: Path, *, ask: bool) -> Agent:
        critic = ScriptedCritic(by_picture(GOOD), lambda prompt, schema: checklist(QUESTIONS))
        config = Config(loop=LoopPolicy(ask=ask))
        return scripted_agent(folder, critic=critic, config=config, on_question=reply)

    def reply(question: str) -> str:
        asked.append(question)
        return "I mean a black cat"

    asked: list[str] = []
    result = agent(tmp_path / "asks", ask=True).run(words, pictures(count), mode=mode)
    assert result.attempts and len(asked) == 1
    assert planned(result).instruction == f"{words}\nI mean a black cat"
    with pytest.raises(BadTask, match="give every picture that it speaks of"):
        agent(tmp_path / "does not", ask=False).run(words, pictures(count), mode=mode)
    assert len(asked) == 1


def test_a_planner_that_drops_a_picture_has_it_said(tmp_path: Path) -> None:
    for count, said in ((1, "image 1 is not used"), (3, "images 1 to 3 are not used")):
        result = scripted_agent(tmp_path / str(count)).run("a red circle", pictures(count))
        assert planned(result).mode == "generate" and said in " ".join(planned(result).assumptions)
    assert planned(scripted_agent(tmp_path / "none").run("a red circle")).assumptions == ()


@pytest.mark.parametrize("profile", [CriticProfile(), LISTED], ids=["plain", "listed"])
@pytest.mark.parametrize("mode", ["generate", "edit", "compose", "answer"])
def test_a_mode_that_the_person_sets_overrules_the_reading(tmp_path: Path, mode: Mode, profile: CriticProfile) -> None:
    other: Mode = "edit" if mode == "generate" else "generate"
    written = texts(plan_draft(other)) if profile is LISTED else lambda prompt, schema: checklist(QUESTIONS)
    generator = ScriptedGenerator()
    agent = scripted_agent(
        tmp_path, critic=ScriptedCritic(by_picture(GOOD), written, profile=profile), generator=generator
    )
    words = "Make the sky darker" if mode == "generate" else "a red circle"
    result = agent.run(words, pictures(1), mode=mode)
    assert planned(result).mode == mode
    assert bool(result.answer) == (mode == "answer") and bool(generator.calls) == (mode != "answer")
    assert all(bool(call.references) == (mode != "generate") for call in generator.calls)
    if mode == "generate":
        assert planned(result).assumptions == ("image 1 is not used: the mode was set to generate",)


@pytest.mark.parametrize("profile", [CriticProfile(), LISTED], ids=["plain", "listed"])
def test_a_mode_that_cannot_be_is_the_callers_error_and_says_what_is_missing(
    tmp_path: Path, profile: CriticProfile
) -> None:
    critic, generator = ScriptedCritic(None, texts(), profile=profile), ScriptedGenerator()
    agent = scripted_agent(tmp_path, critic=critic, generator=generator)
    for mode in ("edit", "compose"):
        with pytest.raises(BadTask, match=f"mode='{mode}' needs a picture"):
            agent.run("a red circle", mode=mode)
    for wrong in ("paint", "refuse"):
        with pytest.raises(BadSetting, match=f"mode='{wrong}'"):
            agent.run("a red circle", mode=wrong)  # pyright: ignore[reportArgumentType]
    assert not generator.calls and not critic.calls


def test_a_thread_does_not_take_the_picture_of_another_mode_for_its_own(tmp_path: Path) -> None:
    agent = agent_of(tmp_path, lambda prompt, schema: checklist(QUESTIONS))
    first = agent.run("a red circle", pictures(1), mode="edit", thread_id="t")
    assert agent.run("a red circle", pictures(1), mode="edit", thread_id="t").attempts == first.attempts
    with pytest.raises(BadSetting, match="another thread_id"):
        agent.run("a red circle", pictures(1), mode="generate", thread_id="t")
