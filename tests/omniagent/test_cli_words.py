"""The words of the command line: errors as JSON, names instead of paths, seeds, versions, what is returned and why."""

import json
import re
from pathlib import Path

import pytest
from PIL import Image
from typer.testing import CliRunner

from omniagent import __version__
from omniagent.agent import Agent
from omniagent.cli import build_app
from omniagent.cli.options import ModelOptions
from omniagent.config import Config
from omniagent.graphs.policy import LoopPolicy
from omniagent.model.scripted import ScriptedCritic, ScriptedGenerator
from tests.omniagent.test_cli import call, one_line
from tests.support.faces import HOLDS, TASK, repaired
from tests.support.scripted_runs import LISTED, by_picture, plan_draft, scripted_agent, texts


@pytest.mark.parametrize(
    ("words", "code", "error", "said"),
    [
        (["  "], 2, "BadTask", "empty"),
        (["a", "--image", "nowhere.png"], 2, "BadImage", "nowhere.png"),
        (["a", "--size", "3x3"], 2, "BadSetting", "--size"),
        (["a", "--seed", "x"], 2, "BadSetting", "--seed"),
        (["a", "--colour", "red"], 2, "BadSetting", "--colour"),
        ([], 2, "BadSetting", "task"),
    ],
)
def test_with_json_an_error_is_json_with_the_same_exit_code(
    tmp_path: Path, words: list[str], code: int, error: str, said: str
) -> None:
    outcome = call(repaired(tmp_path), "run", "--json", *words)
    told = json.loads(outcome.stdout)
    assert outcome.exit_code == code and set(told) == {"status", "error", "message"}
    assert (told["status"], told["error"]) == ("error", error) and said in told["message"].lower()
    assert said in outcome.stderr.lower()


def test_with_json_an_unforeseen_error_is_json_too(tmp_path: Path) -> None:
    def make(options: ModelOptions) -> Agent:
        raise RuntimeError("the bug")

    outcome = CliRunner().invoke(build_app(), ["run", TASK, "--json"], obj=make)
    assert outcome.exit_code == 3
    assert json.loads(outcome.stdout) == {"status": "error", "error": "RuntimeError", "message": "the bug"}


def test_a_seed_of_minus_one_is_a_random_one_that_is_told(tmp_path: Path) -> None:
    outcomes = [call(repaired(tmp_path), "run", TASK, "--seed", "-1") for _ in range(2)]
    seeds = {re.findall(r"seed (\d+)", outcome.stdout)[-1] for outcome in outcomes}
    assert len(seeds) == 2 and all(outcome.exit_code == 0 for outcome in outcomes)
    assert call(repaired(tmp_path), "run", TASK, "--seed", "-2").exit_code == 2


def test_the_version_is_told_in_both_ways() -> None:
    told = {call(None, word).stdout for word in ("version", "--version")}
    assert told == {f"omniagent {__version__}\n"}


def test_a_server_without_its_model_ends_at_its_start(tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    for name in ("nowhere", "empty"):
        for command in ("demo", "mcp"):
            assert name in one_line(call(None, command, "--model", str(tmp_path / name)), 2)


def test_the_best_is_named_and_why_it_is_not_the_one_with_most_verdicts(tmp_path: Path) -> None:
    judge = by_picture((0.97, 0.1, 0.1), (0.97, 0.97, 0.1))
    written, config = texts(scope="global"), Config(loop=LoopPolicy(must_wins=False))
    outcome = call(
        scripted_agent(tmp_path, judge, written, config=config), "run", TASK, "--max-rounds", "2", "--candidates", "1"
    )
    assert "returned: a1 of 2 pictures, 1 of 3 requirements hold; seed 0" in outcome.stdout
    assert "a2 holds 2, but a later picture" in outcome.stdout
    assert "2 of 3 requirements do not hold" in outcome.stderr and "r1" not in outcome.stderr
    accepted = call(repaired(tmp_path / "b"), "run", TASK).stdout
    assert "returned: a2 of 2 pictures, 3 of 3 requirements hold; seed 0" in accepted and "but a later" not in accepted


def test_no_path_of_the_installation_leaves_with_a_picture_or_the_report(tmp_path: Path) -> None:
    model = str(tmp_path / "installed" / "shapes")
    critic = ScriptedCritic(by_picture(HOLDS), texts(), model=f"{model}/critic", profile=LISTED)
    agent = scripted_agent(tmp_path, generator=ScriptedGenerator(model=model), critic=critic)
    outcome = call(agent, "run", TASK, "--out", str(tmp_path / "run"))
    with Image.open(tmp_path / "run" / "attempts" / "a1.png") as picture:
        picture.load()
        assert picture.info["omniagent:model"] == "shapes"
    page = (tmp_path / "run" / "report.html").read_text()
    assert model not in page and "shapes/critic" in page
    assert model not in outcome.output and "shapes · critic scripted shapes/critic" in outcome.stderr
    refused = scripted_agent(tmp_path, None, texts(plan_draft("refuse", ())), generator=ScriptedGenerator(model=model))
    assert model not in refused.run("a cat").message


def test_doctor_tells_of_the_machine_where_the_model_cannot_be_had(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_CACHE", str(tmp_path))
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", True)
    outcome = call(None, "doctor", "--model", "OmniGen2/OmniGen2", "--device", "cpu")
    assert outcome.exit_code == 0, outcome.output
    assert "cpu: " in outcome.stdout and "the hub cannot be reached" in outcome.stdout
    # In float32 on a CPU, by the published shapes.
    assert "OmniGen2/OmniGen2 at 1024x1024, GiB: whole 32.4" in outcome.stdout and "choice: " in outcome.stdout
    assert outcome.stdout.splitlines()[-1] == "a picture from words: known once one was drawn"
    # Edits of this preset keep keys and values; and a model with these settings would not be loaded.
    monkeypatch.setenv("OMNIAGENT_PRESET", "edit")
    monkeypatch.setenv("OMNIAGENT_EIGHT_BITS", "true")
    refused = call(None, "doctor", "--model", "OmniGen2/OmniGen2", "--device", "cpu")
    assert refused.exit_code == 0 and "OmniGen2/OmniGen2 at 1024x1024, GiB: whole 36.7" in refused.stdout
    last = refused.stdout.splitlines()[-1]
    assert last.startswith("choice: none: products in eight bits need a CUDA card") and "OMNIAGENT_EIGHT_BITS" in last
    other = call(None, "doctor", "--model", "nobody/nothing", "--device", "cpu")
    assert other.exit_code == 0 and "known once the hub answers" in other.stdout
    assert "no folder here" in one_line(call(None, "doctor", "--model", "./nowhere"), 2, alone=False)
