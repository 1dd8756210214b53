"""Folders in the settings: `~` is expanded once, wherever it comes from, and everybody finds the same place."""

import asyncio
import base64
from pathlib import Path
from typing import Any

import pytest
from mcp import Client
from pydantic import ValidationError

from omniagent.agent import Agent
from omniagent.config import Config, misspelt
from omniagent.integrations.mcp import build_server
from omniagent.model.critic.service.record import state_folder
from omniagent.model.critic.service.settings import find_python
from omniagent.model.errors import BadSetting
from omniagent.runs.result import Result
from tests.omniagent.test_cli import call
from tests.support.faces import TASK, repaired
from tests.support.scripted_runs import scripted_agent


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A home folder, and a working folder that is another."""
    (tmp_path / "work").mkdir()
    monkeypatch.chdir(tmp_path / "work")
    monkeypatch.setenv("HOME", str(tmp_path))
    return tmp_path


def test_folders_from_the_environment_begin_at_home(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OMNIAGENT_RUNS_DIR", "~/my runs")
    monkeypatch.setenv("OMNIAGENT_MODEL", "~/models/mine")
    assert Config.read().runs_dir == home / "my runs" and Config.read().model == str(home / "models/mine")
    assert Agent().config.runs_dir == home / "my runs"
    assert Agent(runs_dir="~/other").config.runs_dir == home / "other"
    assert state_folder(environ={"OMNIAGENT_CRITIC_DIR": "~/critic"}) == home / "critic"
    (home / "python").touch()
    assert find_python(environ={"OMNIAGENT_CRITIC_PYTHON": "~/python"}) == home / "python"
    assert not list((home / "work").iterdir())


def test_a_relative_runs_folder_stays_where_the_settings_were_read(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    agent = scripted_agent(Path("runs"))
    (home / "elsewhere").mkdir()
    monkeypatch.chdir(home / "elsewhere")
    assert agent.run("a red circle").folder.parent == home / "work" / "runs"
    assert Config().runs_dir == home / "elsewhere" / "runs"


def test_the_home_of_nobody_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OMNIAGENT_RUNS_DIR", "~nobody-of-that-name/runs")
    with pytest.raises(BadSetting, match="nobody-of-that-name"):
        Config.read()
    with pytest.raises(ValidationError, match="nobody-of-that-name"):
        Config(model="~nobody-of-that-name/model")
    monkeypatch.delenv("OMNIAGENT_RUNS_DIR")
    with pytest.raises(BadSetting, match="nobody-of-that-name"):
        Agent(runs_dir="~nobody-of-that-name/runs")


def test_the_link_of_a_run_at_home_is_read_over_mcp(home: Path) -> None:
    async def read() -> tuple[Any, Any]:
        async with Client(build_server(repaired(Path("~/my runs")))) as client:
            made = (await client.call_tool("create_image", {"task": TASK})).structured_content
            return made, await client.read_resource(f"omniagent://runs/{made['run_id']}/picture.png")

    made, found = asyncio.run(read())
    assert Path(made["path"]).is_relative_to(home / "my runs")
    assert base64.b64decode(found.contents[0].blob) == Path(made["path"]).read_bytes()


def test_quoted_paths_of_the_command_line_begin_at_home(home: Path) -> None:
    agent = repaired(Path("runs"))
    assert call(agent, "run", TASK, "--out=~/a run").exit_code == 0
    assert call(None, "report", "~/a run").stdout.strip() == str(home / "a run" / "report.html")
    (home / "tasks.jsonl").write_text('{"id": 1, "task": "a red circle"}\n')
    outcome = call(agent, "batch", "~/tasks.jsonl", "--out", "~/results")
    assert outcome.exit_code == 0, outcome.output
    assert (home / "results" / "results.jsonl").is_file()
    assert call(agent, "run", TASK, "--out", "~nobody-of-that-name/x").exit_code == 2
    assert not Path("~").exists()


def test_a_misspelt_variable_is_told_with_the_setting_that_is_meant(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    fine = ("OMNIAGENT_MODEL", "OMNIAGENT_BUDGET__MAX_ROUNDS", "OMNIAGENT_CRITIC_DIR", "OMNIAGENT_DEBUG", "OMNIAGENT_X")
    assert misspelt(dict.fromkeys((*fine, "MODLE"), "")) == {}
    wrong = {"OMNIAGENT_MODLE": "OMNIAGENT_MODEL", "OMNIAGENT_BUGET__MAX_ROUNDS": "OMNIAGENT_BUDGET"}
    assert misspelt(dict.fromkeys(wrong, "")) == wrong
    monkeypatch.setenv("OMNIAGENT_RUN_DIR", str(tmp_path))
    outcome = call(repaired(tmp_path), "run", TASK)
    assert outcome.exit_code == 0
    assert "OMNIAGENT_RUN_DIR' is no setting and has no effect; did you mean OMNIAGENT_RUNS_DIR?" in outcome.stderr


def test_results_are_saved_and_loaded_at_home(home: Path) -> None:
    result = repaired(Path("runs")).run(TASK)
    result.save("~/saved")
    assert (home / "saved" / "picture.png").is_file()
    assert Result.load("~/saved").image is not None
