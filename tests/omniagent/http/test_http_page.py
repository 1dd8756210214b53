"""docs/http.md is true: its Python and its requests run against a server, and its other commands are there."""

import os
import re
import shlex
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from PIL import Image
from typer.testing import CliRunner

from omniagent.cli import build_app
from omniagent.http.guard.keys import Keys
from omniagent.http.settings import PREFIX, HttpSettings
from omniagent.model.requests import Prompt
from tests.support.faces import HOLDS
from tests.support.http_server import ALICE, Served, serving
from tests.support.paths import ROOT
from tests.support.scripted_runs import by_picture, plan_draft, scripted_agent, texts

PAGE = (ROOT / "docs" / "http.md").read_text()
BLOCKS = re.findall(r"^```(\w+)\n(.*?)^```", PAGE, re.MULTILINE | re.DOTALL)
PYTHON = [code for language, code in BLOCKS if language == "python"]
CONSOLE = "".join(code for language, code in BLOCKS if language == "console").replace("\\\n", " ")
COMMANDS = [line.removeprefix("$ ") for line in CONSOLE.splitlines() if line.startswith("$ ")]
ADDRESS = "http://127.0.0.1:8000"


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    def plans(prompt: Prompt, schema: Any) -> Any:
        pictures = sum(isinstance(part, Image.Image) for part in prompt.parts)
        return texts(plan_draft("edit" if pictures else "generate"))(prompt, schema)

    with serving(scripted_agent(tmp_path_factory.mktemp("runs"), by_picture(HOLDS), plans)) as made:
        yield made


@pytest.fixture(autouse=True)
def among_pictures(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A folder with the pictures that the page names."""
    monkeypatch.chdir(tmp_path)
    for name, color in (("photo", "blue"), ("logo", "red")):
        Image.new("RGB", (96, 64), color).save(f"{name}.png")
    mask = Image.new("RGBA", (96, 64), "black")
    mask.paste((0, 0, 0, 0), (32, 16, 64, 48))
    mask.save("mask.png")


def test_its_python_draws_edits_and_streams(served: Served, capsys: pytest.CaptureFixture[str]):
    (code,) = PYTHON
    assert ADDRESS in code and 'api_key="…"' in code
    code = code.replace(ADDRESS, served.url).replace('api_key="…"', f'api_key="{ALICE}"')
    exec(compile(code, "http.md", "exec"), {"__name__": "page"})
    told = capsys.readouterr().out.splitlines()
    assert [line.split()[0] for line in told[:2]] == ["7", "8"] and "('Is the circle red?', 'yes')" in told[0]
    assert told[-1] == "image_generation.completed False"
    with Image.open("edited.png") as edited:
        assert edited.size == (96, 64)


def test_its_requests_are_answered(served: Served):
    requests = [line for line in COMMANDS if line.startswith("curl ")]
    assert len(requests) >= 2
    for line in requests:
        assert ADDRESS in line
        done = subprocess.run(
            ["sh", "-c", line.replace("curl ", "curl --fail-with-body --noproxy '*' ", 1).replace(ADDRESS, served.url)],
            env={**os.environ, "KEY": ALICE},
            capture_output=True,
            text=True,
        )
        assert done.returncode == 0 and done.stdout.startswith("{"), f"{line}: {done.stdout} {done.stderr}"


def test_its_other_commands_are_there(monkeypatch: pytest.MonkeyPatch):
    extras = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["optional-dependencies"]
    makefile = (ROOT / "Makefile").read_text()
    monkeypatch.chdir(ROOT)
    for line in COMMANDS:
        words = shlex.split(line, comments=True)
        match words[0]:
            case "curl" | "echo":
                pass  # These run above and below.
            case "pip":
                assert (extra := re.search(r"\[(\w+)\]", words[2])) and extra[1] in extras
            case "omniagent":
                told = CliRunner().invoke(build_app(), [*words[1:], "--help"])
                assert told.exit_code == 0, line
            case "make":
                assert re.search(rf"^{words[1]}:", makefile, re.MULTILINE)
            case "python":
                done = subprocess.run([sys.executable, *words[1:], "--help"], capture_output=True, text=True)
                assert done.returncode == 0 and words[3] in done.stdout, done.stderr
            case other:
                raise AssertionError(f"{other} is a command that is not tried here: {line}")


def test_its_settings_exist_and_its_key_file_is_read(tmp_path: Path):
    (line,) = [line for line in COMMANDS if line.startswith("echo ")]
    subprocess.run(["sh", "-c", line], check=True)
    assert Keys.read(HttpSettings(keys_file=tmp_path / "keys.txt")).asked_for
    named = set(re.findall(rf"{PREFIX}([A-Z_]+)", PAGE))
    assert named and named <= {name.upper() for name in HttpSettings.model_fields}
