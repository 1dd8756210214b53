"""Evaluations: what is counted, what is kept, and that a broken-off evaluation goes on."""

import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image
from pydantic import BaseModel

from omniagent.agent import Agent
from omniagent.config import Config
from omniagent.model.errors import BadSetting, Cancelled
from omniagent.model.intervals import wilson
from omniagent.model.profile import GeneratorProfile
from omniagent.model.requests import GenerationRequest, Prompt
from omniagent.model.scripted import ScriptedCritic, ScriptedGenerator
from omniagent.shapes.evaluation import figures_of, run_suite, table, tasks_of
from omniagent.shapes.evaluation.records import JudgedAttempt, Record, append_record, read_records
from omniagent.shapes.evaluation.runner import RESULTS_FILE, same_answer
from omniagent.shapes.scene.render import render
from omniagent.shapes.tasks.task import ShapesTask
from omniagent.tools.config import ToolConfig
from omniagent.tools.dialects.base import GivenTask
from omniagent.tools.dialects.drafts import PlanDraft
from omniagent.tools.dialects.listed.readings import understood_as
from omniagent.tools.types import Budget
from tests.omniagent.test_cli import call, one_line
from tests.support.scripted_runs import LISTED


def words_of(task: ShapesTask) -> str:
    """The task's words as the planner gets them."""
    pictures = tuple(Image.fromarray(picture) for picture in task.images)
    return understood_as(GivenTask(task.instruction, pictures))[0].words


def agent_for(tasks: list[ShapesTask], folder: Path, *, wrong_first: bool = False) -> tuple[Agent, ScriptedGenerator]:
    """An agent that knows the truth: it plans and draws each task right, at the second attempt when asked to."""
    plans = {task.instruction: task.plan for task in tasks}
    targets = {task.plan.told: task.target for task in tasks}

    def draw(request: GenerationRequest) -> list[Image.Image]:
        target = targets[request.instruction]
        assert target is not None
        first = wrong_first and len(generator.calls) % 2 == 1
        picture = np.full((128, 128, 3), 128, dtype=np.uint8) if first else render(target)
        return [Image.fromarray(picture)] * len(request.seeds)

    def write(prompt: Prompt, schema: type[BaseModel] | None) -> BaseModel | str:
        asked = " ".join(part for part in prompt.parts if isinstance(part, str))
        task = next(task for task in tasks if words_of(task) in asked)
        return plans[task.instruction] if schema is PlanDraft else task.answer or "no"

    def judge(prompt: Prompt, question: str) -> float:
        picture = next(part for part in reversed(prompt.parts) if isinstance(part, Image.Image))
        flat = len(picture.getcolors(1 << 20) or []) == 1
        holds = 0.02 if flat else 0.98
        return 1 - holds if "Is the answer to this no?" in question else holds

    generator = ScriptedGenerator(draw, profile=GeneratorProfile(domain="flat shapes"))
    agent = Agent(
        generator=generator,
        critic=ScriptedCritic(judge, write, profile=LISTED),
        config=Config(tools=ToolConfig(backoff=0)),
        runs_dir=folder,
        budget=Budget(max_rounds=2, max_images=2, candidates=1),
    )
    return agent, generator


@pytest.mark.parametrize("suite", ["draw", "edit", "reference", "questions", "outside"])
def test_suites_hold_test_tasks_that_never_change(suite: str):
    tasks = tasks_of(suite, limit=3)
    assert tasks == tasks_of(suite, limit=4)[:3]
    assert len({task.instruction for task in tasks}) == 3
    assert all(task.split == "test" for task in tasks if task.scenes or task.target)


@pytest.mark.parametrize(("suite", "limit"), [("poems", 1), ("draw", 0)])
def test_a_wrong_suite_or_limit_is_named(suite: str, limit: int):
    with pytest.raises(BadSetting, match=suite if suite == "poems" else "limit=0"):
        tasks_of(suite, limit=limit)


def test_an_agent_that_draws_the_truth_is_right_at_once(tmp_path: Path):
    tasks = tasks_of("draw", limit=2)
    agent, _ = agent_for(tasks, tmp_path / "runs")
    figures = run_suite(agent, tasks, tmp_path / "out")
    assert (figures.right.count, figures.right_first.count, figures.errors) == (2, 2, 0)
    assert figures.requirements.value == 1
    assert (figures.false_accept.of, figures.false_reject.count, figures.false_reject.of) == (0, 0, 2)


def test_a_repaired_picture_counts_as_right_after_reflection_only(tmp_path: Path):
    tasks = tasks_of("draw", limit=1)
    agent, _ = agent_for(tasks, tmp_path / "runs", wrong_first=True)
    figures = run_suite(agent, tasks, tmp_path / "out")
    assert (figures.right_first.count, figures.right.count, figures.worse.count) == (0, 1, 0)
    assert figures.pictures == 2 and figures.seconds_per_picture is not None


def test_questions_and_refusals_are_judged_by_their_truth(tmp_path: Path):
    questions, outside = tasks_of("questions", limit=2), tasks_of("outside", limit=2)
    agent, generator = agent_for([*questions, *outside], tmp_path / "runs")
    assert run_suite(agent, questions, tmp_path / "questions").right.count == 2
    refused = run_suite(agent, outside, tmp_path / "outside")
    assert refused.right.count == 2 and refused.refused.of == 0
    assert generator.calls == []


def test_a_broken_off_evaluation_goes_on_where_it_was(tmp_path: Path):
    tasks = tasks_of("draw", limit=3)
    agent, generator = agent_for(tasks, tmp_path / "runs")
    run_suite(agent, tasks[:2], tmp_path / "out")
    results = tmp_path / "out" / RESULTS_FILE
    results.write_bytes(results.read_bytes()[:-20])
    seen: list[int] = []
    figures = run_suite(agent, tasks, tmp_path / "out", on_record=lambda record: seen.append(record.index))
    assert (figures.tasks, figures.right.count, seen) == (3, 3, [0, 1, 2])
    assert sorted(record.index for record in read_records(results)) == [0, 1, 2]
    calls = len(generator.calls)
    assert run_suite(agent, tasks, tmp_path / "out") == figures
    assert len(generator.calls) == calls


def test_a_cancelled_task_ends_the_evaluation_and_is_run_again_by_the_next(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    tasks = tasks_of("draw", limit=2)
    agent, _ = agent_for(tasks, tmp_path / "runs")
    seen: list[int] = []
    with monkeypatch.context() as patched:
        ask = agent.runtime.critic.yes_no

        def cancelled_at_the_second(*asked: Any, **more: Any) -> Any:
            if seen:
                agent.cancel()
            return ask(*asked, **more)

        patched.setattr(agent.runtime.critic, "yes_no", cancelled_at_the_second)
        with pytest.raises(Cancelled, match="task 2"):
            run_suite(agent, tasks, tmp_path / "out", on_record=lambda record: seen.append(record.index))
    assert [one.index for one in read_records(tmp_path / "out" / RESULTS_FILE)] == seen == [0]
    assert run_suite(agent, tasks, tmp_path / "out").right.count == 2


def test_a_folder_with_other_tasks_is_not_mixed_in(tmp_path: Path):
    tasks = tasks_of("draw", limit=2)
    agent, _ = agent_for(tasks, tmp_path / "runs")
    run_suite(agent, tasks[:1], tmp_path / "out")
    with pytest.raises(BadSetting, match="holds other tasks"):
        run_suite(agent, tasks[1:], tmp_path / "out")


def test_an_error_is_counted_and_its_task_tried_again(tmp_path: Path):
    tasks = tasks_of("draw", limit=1)
    agent, _ = agent_for(tasks, tmp_path / "runs")
    broken = Agent(
        generator=ScriptedGenerator(), critic=ScriptedCritic(None, [], profile=LISTED), runs_dir=tmp_path / "broken"
    )
    failed = run_suite(broken, tasks, tmp_path / "out")
    assert (failed.errors, failed.right.count) == (1, 0)
    # The failed run's own folder stays for inspection, so the new run needs another.
    again = run_suite(agent, tasks, tmp_path / "out")
    assert again.errors == 0


def test_a_model_that_is_not_there_ends_the_evaluation_at_once(tmp_path: Path):
    words = ("eval", "draw", "--limit", "2", "--out", str(tmp_path / "out"), "--model", str(tmp_path / "nowhere"))
    assert "nowhere" in one_line(call(None, *words), 2)
    assert not (tmp_path / "out" / "draw" / RESULTS_FILE).exists()


def test_an_unknown_suite_is_told_as_every_other_wrong_word_of_the_command_line():
    told = call(None, "eval", "draws").stderr
    assert "Usage: omniagent eval" in told and "did you mean 'draw'?" in told and "python -m" not in told
    done = subprocess.run(
        [sys.executable, "-m", "omniagent.shapes.evaluation", "poems"], capture_output=True, text=True
    )
    assert done.returncode == 2 and "Usage: omniagent eval" in done.stderr and "'poems' is not known" in done.stderr


def judged(held: int, accepted: bool, name: str = "a") -> JudgedAttempt:
    return JudgedAttempt(id=name, held=held, of=3, accepted_by_critic=accepted)


def test_the_critic_is_measured_against_the_oracle_on_every_picture():
    record = Record(
        index=0,
        kind="draw",
        instruction="a red circle",
        expected_mode="generate",
        mode="edit",
        attempts=(judged(2, False, "a"), judged(1, True, "b"), judged(3, False, "c")),
        best="b",
        right=False,
    )
    figures = figures_of([record])
    assert (figures.false_accept.count, figures.false_accept.of) == (1, 2)
    assert (figures.false_reject.count, figures.false_reject.of) == (1, 1)
    assert figures.worse.count == 1 and figures.mode_right.count == 0
    assert (figures.requirements.count, figures.requirements.of) == (1, 3)
    assert "33.3%" in table([figures])


def test_of_accepted_pictures_and_of_plans_it_is_counted_which_are_right():
    def record(index: int, *, accepted: bool, right: bool, told: bool | None) -> Record:
        return Record(
            index=index, kind="edit", instruction="", expected_mode="edit", accepted=accepted, right=right, told=told
        )

    figures = figures_of(
        [
            record(0, accepted=True, right=True, told=True),
            record(1, accepted=True, right=False, told=False),
            record(2, accepted=False, right=True, told=None),
        ]
    )
    assert (figures.accepted_right.count, figures.accepted_right.of) == (1, 2)
    assert (figures.told.count, figures.told.of) == (1, 2)


def test_a_plan_that_tells_the_generator_something_else_is_counted_as_not_told(tmp_path: Path):
    tasks = tasks_of("edit", limit=2)
    agent, _ = agent_for(tasks, tmp_path / "runs")
    assert run_suite(agent, tasks, tmp_path / "true").told.count == 2
    others = [replace(task, plan=task.plan.model_copy(update={"change": "redden it"})) for task in tasks]
    assert run_suite(agent, others, tmp_path / "other").told.count == 0


def test_a_word_that_the_lexicon_does_not_hold_is_refused_by_name(tmp_path: Path):
    tasks = [task for task in tasks_of("draw-synonym", limit=25) if task.new_word and " " not in task.new_word][:3]
    agent, _ = agent_for(tasks, tmp_path / "runs")
    figures = run_suite(agent, tasks, tmp_path / "out")
    records = list(read_records(tmp_path / "out" / RESULTS_FILE))
    assert [record.new_word for record in records] == [task.new_word for task in tasks]
    # A misspelling, as it seems, of a known word is read as that.
    assert any(record.named and record.stage == "refused" for record in records)
    assert figures.right_or_named.count == figures.right_or_named.of == len(tasks) == 3


def test_the_chain_tells_what_went_wrong_first():
    good, bad = judged(3, True), judged(1, True)
    usual = {"index": 0, "kind": "draw", "instruction": "", "expected_mode": "generate", "stop_reason": "accepted"}

    def stage(**other: object) -> str:
        return Record.model_validate(usual | other).stage

    assert stage(plan_right=True, right=True, accepted=True, attempts=(good,), best="a") == "returned"
    assert stage(plan_right=None, stop_reason="refused") == "refused"
    assert stage(plan_right=False, accepted=True, attempts=(bad,), best="a") == "misread"
    assert stage(plan_right=True, accepted=True, attempts=(bad,), best="a") == "mispainted"
    assert stage(plan_right=True, right=True, accepted=False, attempts=(good,), best="a") == "misjudged"
    assert stage(kind="outside", plan_right=False, stop_reason="accepted", attempts=(good,)) == "misread"
    assert stage(kind="outside", plan_right=True, right=True, stop_reason="refused") == "returned"
    assert stage(kind="question", plan_right=True, right=False, accepted=True) == "misjudged"
    record = Record.model_validate(usual | {"plan_right": True, "right": True, "accepted": True})
    assert figures_of([record]).chain == {
        "refused": 0, "misread": 0, "mispainted": 0, "misjudged": 0, "returned": 1,
    }  # fmt: skip
    assert "chain: first misread" in table([figures_of([record])])


def test_a_cut_off_line_does_not_swallow_the_next(tmp_path: Path):
    path = tmp_path / "results.jsonl"
    record = Record(index=1, kind="draw", instruction="a red circle", expected_mode="generate")
    path.write_text('{"index": 0, "ki')
    append_record(path, record)
    assert list(read_records(path)) == [record]


def test_the_interval_is_wilsons():
    # E. B. Wilson's interval for 8 of 10, as tabulated by statsmodels: 0.4902 to 0.9433.
    assert wilson(8, 10) == pytest.approx((0.4902, 0.9433), abs=1e-4)
    assert wilson(0, 0) == (0.0, 1.0)
    assert wilson(0, 50)[0] == 0 and wilson(50, 50)[1] == pytest.approx(1)


@pytest.mark.parametrize(
    ("given", "expected", "same"),
    [
        ("Two.", "2", True),
        ("the red one", "red one", True),
        ("red", "blue", False),
        ("yes", "no", False),
        ("", "no", False),
    ],
)
def test_answers_are_compared_by_what_they_say(given: str, expected: str, same: bool):
    assert same_answer(given, expected) is same


def test_a_suite_runs_by_every_policy_in_folders_of_its_own_and_goes_on(tmp_path: Path):
    tasks = tasks_of("draw", limit=2)
    agent, generator = agent_for(tasks, tmp_path / "runs", wrong_first=True)
    words = [
        "eval",
        "draw",
        "--limit",
        "2",
        "--policy",
        "best-of-n,agent",
        "--budget",
        "2",
        "--out",
        str(tmp_path / "e"),
    ]
    first = call(agent, *words)
    assert first.exit_code == 0, first.stderr
    assert "| best-of-n | 2 | 2.0 |" in first.stdout and "| agent | 2 |" in first.stdout
    assert "|  | best-of-n, 2 | agent, 2 |" in first.stdout
    made = {path.name for path in (tmp_path / "e" / "draw").iterdir()}
    assert made == {"best-of-n-2", "agent-2", "comparison.json", "comparison.svg"}
    asked = len(generator.calls)
    again = call(agent, *words)
    assert again.stdout == first.stdout and len(generator.calls) == asked
