"""The README is true: its Python runs, its commands exist and run, and its links lead somewhere."""

import json
import os
import re
import shlex
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest
from typer.testing import CliRunner

from omniagent.cli import build_app
from omniagent.config import bundled_checkpoint
from omniagent.model.runtime import ModelRuntime
from omniagent.model.scripted import ScriptedCritic, ScriptedGenerator
from tests.support.paths import ROOT
from tests.support.scripted_runs import LISTED, texts

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
# In the text, and without arguments: with nothing on stdin the server ends at once.
MENTIONED = ["omniagent mcp"]
# Servers stay, and the published weights cannot be downloaded where tests run.
RUNS = [line for line in COMMANDS if re.match(r"omniagent (?!demo|serve)|echo ", line) and "OmniGen2/" not in line]


@pytest.fixture(autouse=True)
def in_an_empty_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Scripted models where there is no checkpoint."""
    monkeypatch.chdir(tmp_path)
    if not Path(os.environ.get("OMNIAGENT_MODEL", bundled_checkpoint())).is_dir():
        fakes = ModelRuntime(ScriptedGenerator(), ScriptedCritic(None, texts(), profile=LISTED))
        monkeypatch.setattr("omniagent.models.load_runtime", lambda *given, **more: fakes)


@pytest.fixture
def shell(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """An environment in which `omniagent` is on the path, with the agent of the end-to-end tests."""
    folder = tmp_path_factory.mktemp("bin")
    (folder / "omniagent").write_text(f'#!/bin/sh\nexec {shlex.quote(sys.executable)} -m tests.support.launch "$@"\n')
    (folder / "omniagent").chmod(0o755)
    path = os.pathsep.join((str(folder), os.environ["PATH"]))
    return {**os.environ, "PATH": path, "PYTHONPATH": str(ROOT)}


@pytest.mark.slow
@pytest.mark.parametrize("code", PYTHON, ids=range(len(PYTHON)))
def test_its_python_runs_in_an_empty_folder(code: str) -> None:
    exec(compile(code, "README.md", "exec"), {"__name__": "readme"})


@pytest.mark.slow
def test_its_commands_run_as_printed_in_an_empty_folder(tmp_path: Path, shell: dict[str, str]) -> None:
    assert len(RUNS) >= 5 and any(line.startswith("omniagent batch") for line in RUNS)
    for line in [*RUNS, *MENTIONED]:
        done = subprocess.run(
            ["sh", "-c", line], cwd=tmp_path, env=shell, stdin=subprocess.DEVNULL, capture_output=True, text=True
        )
        assert done.returncode in (0, 1, 4) and "error:" not in done.stderr, f"{line}: {done.stderr}"


def test_its_other_commands_are_there() -> None:
    makefile = (ROOT / "Makefile").read_text()
    targets = set(re.findall(r"^([\w-]+):", makefile, re.MULTILINE))
    for line in (line for line in COMMANDS if line not in RUNS):
        words = shlex.split(line)
        if words[0] == "make":
            assert words[1] in targets, line
            assert {word.split("=")[0] for word in words[2:]} <= set(re.findall(r"^export (\w+) \?=", makefile, re.M))
        elif words[0] == "omniagent":
            assert CliRunner().invoke(build_app(), [*words[1:], "--help"]).exit_code == 0
        elif words[0] != "pip":
            assert line == ". .venv/bin/activate" and "VENV := .venv" in makefile


def test_activation_comes_before_the_first_command_that_needs_it_and_extras_can_be_installed() -> None:
    first = next(place for place, line in enumerate(COMMANDS) if line.startswith("omniagent "))
    assert ". .venv/bin/activate" in COMMANDS[:first]
    known = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["optional-dependencies"]
    named = re.search(r"pip install '\.\[([\w,]+)\]'", README)
    assert named and set(named[1].split(",")) == set(known) - {"dev", "docs"}


def test_its_lines_are_short_and_it_names_the_server_as_the_mcp_registry_looks_for_it() -> None:
    assert not [line for line in README.splitlines() if len(line) > 120]
    name = json.loads((ROOT / "server.json").read_text())["name"]
    assert f"<!-- mcp-name: {name} -->" in README


def test_the_pictures_of_the_repository_are_under_2_mb_together() -> None:
    listed = subprocess.run(["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, text=True, check=True).stdout
    kinds = {".png", ".webp", ".jpg", ".gif", ".svg"}
    pictures = [ROOT / name for name in listed.split("\0") if Path(name).suffix in kinds]
    assert pictures and sum(path.stat().st_size for path in pictures if path.exists()) < 2_000_000


def test_its_links_lead_to_files() -> None:
    for target in re.findall(r"\]\((?!https?://)([^)#]+)", README):
        assert (ROOT / target).exists(), target
