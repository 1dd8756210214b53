"""The check of a machine: scripted models whose faults it must find, the bundled checkpoint on its own tasks."""

import json
import re
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from omniagent.agent import Agent
from omniagent.config import Config
from omniagent.model.profile import GeneratorProfile
from omniagent.model.requests import Prompt
from omniagent.model.scripted import ScriptedCritic, ScriptedGenerator
from omniagent.selfcheck.check import Report
from omniagent.selfcheck.tasks import COUNT, general_tasks, tasks_for
from omniagent.tools.config import ToolConfig
from tests.omniagent.test_cli import call


def words_of(prompt: Prompt) -> str:
    return " ".join(part for part in prompt.parts if isinstance(part, str))


def reads(prompt: Prompt, schema: type | None) -> str:
    """A critic that reads every task: its own words are the checklist's, and questions are answered."""
    told = words_of(prompt)
    if schema is None:
        return "A cat beside a cup of coffee."
    if schema.__name__ == "RewriteForm":
        return json.dumps({"instruction": "a black cat with a red hat sits on a chair"})
    found = re.findall(r"<(?:task|request)>(.*?)</", told, re.DOTALL)
    task = found[-1] if found else told
    lines = [{"kind": "presence", "question": f"Does it show this: {task[:120]}?"}]
    return json.dumps({"facts": ["it is shown"], "checklist": lines})


def agent_of(folder: Path, texts: Any) -> Agent:
    return Agent(
        generator=ScriptedGenerator(size=(64, 64)),
        critic=ScriptedCritic(texts=texts),
        config=Config(tools=ToolConfig(backoff=0), calibrated=False),
        runs_dir=folder,
    )


def checked(agent: Agent | None, out: Path, *words: str) -> tuple[int, Report]:
    outcome = call(agent, "selfcheck", "--out", str(out), "--judged", "0", "--json", *words)
    assert outcome.stdout, outcome.output
    report = Report.model_validate_json(outcome.stdout)
    assert report == Report.model_validate_json((out / "selfcheck.json").read_text())
    return outcome.exit_code, report


def test_there_are_twenty_tasks_of_every_kind_and_their_pictures_ship_with_the_package() -> None:
    tasks = general_tasks()
    assert len(tasks) == COUNT == 20 and len({task.name for task in tasks}) == COUNT
    kinds = {task.kind for task in tasks}
    assert {"text", "counts", "edit", "references", "question", "Chinese"} <= kinds
    assert all(picture.mode == "RGB" for task in tasks for picture in task.pictures())
    assert [len(task.pictures()) for task in tasks if task.kind == "references"] == [2, 2, 2]
    of_shapes = tasks_for(GeneratorProfile(name="shapes", domain="shapes", examples=("a red circle", "a blue ring")))
    assert len(of_shapes) == COUNT and of_shapes[0].words == "a red circle"
    assert [task.mode for task in of_shapes].count("edit") == 6
    other = tasks_for(GeneratorProfile(name="birds", domain="birds", examples=("a wren",)))
    assert [task.words for task in other] == ["a wren"]


@pytest.mark.slow
def test_a_machine_whose_critic_reads_everything_passes_and_goes_on_without_drawing_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # Large photos would be compared pixel by pixel, which is tested elsewhere.
    monkeypatch.setattr("omniagent.selfcheck.tasks._photo", lambda name: Image.new("RGB", (48, 32), "gray"))
    agent, out = agent_of(tmp_path / "runs", reads), tmp_path / "checked"
    code, report = checked(agent, out)
    wrong = [(one.name, one.message, one.mode) for one in report.tasks if not (one.read and one.mode_right)]
    assert code == 0, (wrong, report.lines)
    assert report.right and len(report.tasks) == COUNT and "GiB of main memory" in report.memory
    page = (out / "selfcheck.html").read_text()
    assert "everything holds" in page and page.count("<img") >= 17 and "http" not in re.sub("http-equiv", "", page)
    drawn = len(generator_calls(agent))
    assert checked(agent, out)[0] == 0 and len(generator_calls(agent)) == drawn


def generator_calls(agent: Agent) -> list[Any]:
    from omniagent.model.guarded import bare

    return bare(agent.runtime.generator).calls


def test_a_critic_that_writes_nonsense_fails_the_check_by_name(tmp_path: Path) -> None:
    agent = agent_of(tmp_path / "runs", lambda prompt, schema: "Sorry, what?")
    code, report = checked(agent, tmp_path / "checked", "--limit", "3")
    assert code == 1 and not report.right
    bad = {line.name for line in report.lines if not line.right}
    assert "plans could be read" in bad
    assert all(one.ended for one in report.tasks)


def test_a_generator_that_fails_ends_no_check_and_is_told(tmp_path: Path) -> None:
    generator = ScriptedGenerator(script=lambda request: RuntimeError("the card is gone"))
    agent = Agent(
        generator=generator,
        critic=ScriptedCritic(texts=reads),
        config=Config(tools=ToolConfig(backoff=0), calibrated=False),
        runs_dir=tmp_path,
    )
    code, report = checked(agent, tmp_path / "checked", "--limit", "2")
    assert code == 1 and [one.ended for one in report.tasks] == [False, False]
    assert "the card is gone" in report.tasks[0].message


def test_the_critic_is_judged_on_a_few_known_pictures_and_no_calibration_is_replaced(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OMNIAGENT_CALIBRATION_DIR", str(tmp_path / "kept"))
    agent, out = agent_of(tmp_path / "runs", reads), tmp_path / "checked"
    outcome = call(agent, "selfcheck", "--out", str(out), "--judged", "6", "--limit", "1")
    report = Report.model_validate_json((out / "selfcheck.json").read_text())
    assert report.critic_judged is not None and report.critic_judged.pictures == 6
    # A critic that says yes to everything tells nothing from nothing.
    assert not report.critic_judged.discerns and outcome.exit_code == 1
    assert not (tmp_path / "kept").exists() and list((out / "calibration").iterdir())


@pytest.mark.bundled
def test_the_bundled_checkpoint_is_checked_on_tasks_of_its_world(tmp_path: Path) -> None:
    out = tmp_path / "checked"
    outcome = call(
        None, "selfcheck", "--out", str(out), "--judged", "0", "--limit", "3", "--preset", "fast", "--max-images", "1"
    )
    assert outcome.exit_code == 0, outcome.output
    report = Report.model_validate_json((out / "selfcheck.json").read_text())
    assert [one.mode for one in report.tasks] == ["generate"] * 3
    with Image.open(out / (report.tasks[0].picture or "")) as picture:
        assert picture.size == (128, 128)
