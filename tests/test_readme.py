"""The README is true: its Python runs, its commands exist and run, and its links lead somewhere."""

import json
import os
import re
import shlex
from pathlib import Path

import pytest
from PIL import Image
from typer.testing import CliRunner

from omniagent.cli import build_app
from omniagent.config import bundled_checkpoint
from omniagent.model.runtime import ModelRuntime
from omniagent.model.scripted import ScriptedCritic, ScriptedGenerator
from tests.faces import make_test_agent
from tests.scripted_runs import texts

ROOT = Path(__file__).parent.parent
README = (ROOT / "README.md").read_text()
BLOCKS = re.findall(r"^```(\w+)\n(.*?)^```", README, re.MULTILINE | re.DOTALL)
PYTHON = [code for language, code in BLOCKS if language == "python"]
COMMANDS = [
    line.removeprefix("$ ")
    for language, code in BLOCKS
    if language == "console"
    for line in code.splitlines()
    if line.startswith("$ ")
]
SERVERS = ("demo", "mcp")


def a_circle(path: Path) -> None:
    Image.new("RGB", (64, 64), "white").save(path)


@pytest.fixture(autouse=True)
def in_a_folder_of_its_own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The files that the examples speak of; scripted models where there is no checkpoint."""
    monkeypatch.chdir(tmp_path)
    a_circle(tmp_path / "picture.png")
    (tmp_path / "tasks.jsonl").write_text(json.dumps({"id": "t1", "task": "a red circle"}) + "\n")
    if not Path(os.environ.get("OMNIAGENT_MODEL", bundled_checkpoint())).is_dir():
        fakes = ModelRuntime(ScriptedGenerator(), ScriptedCritic(None, texts()))
        monkeypatch.setattr("omniagent.loading.load_runtime", lambda *given, **more: fakes)


@pytest.mark.parametrize("code", PYTHON, ids=range(len(PYTHON)))
def test_its_python_runs(code: str) -> None:
    exec(compile(code, "README.md", "exec"), {"__name__": "readme"})


def test_its_omniagent_commands_run_in_their_order() -> None:
    lines = [line for line in COMMANDS if line.startswith("omniagent ") and line.split()[1] not in SERVERS]
    assert len(lines) >= 4
    for line in lines:
        outcome = CliRunner().invoke(build_app(), shlex.split(line)[1:], obj=make_test_agent)
        assert outcome.exit_code in (0, 1), f"{line}: {outcome.output}"


def test_its_make_commands_and_servers_exist() -> None:
    targets = set(re.findall(r"^([\w-]+):", (ROOT / "Makefile").read_text(), re.MULTILINE))
    rest = [line.split() for line in COMMANDS if line.startswith("make ") or line.split()[1] in SERVERS]
    assert {words[1] for words in rest if words[0] == "make"} <= targets
    for words in (words for words in rest if words[0] == "omniagent"):
        assert CliRunner().invoke(build_app(), [*words[1:], "--help"]).exit_code == 0


def test_its_links_lead_to_files() -> None:
    for target in re.findall(r"\]\((?!https?://)([^)#]+)", README):
        assert (ROOT / target).exists(), target
