"""The command line: exit codes, what goes to stdout, and one clear line for whatever is wrong."""

import errno
import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from PIL import Image
from typer.testing import CliRunner, Result

from omniagent.agent import Agent
from omniagent.cli import build_app
from omniagent.cli.options import ModelOptions, make_agent
from omniagent.model.errors import CriticUnavailable, GenerationFailed
from omniagent.model.profile import GeneratorProfile
from omniagent.model.scripted import ScriptedCritic, ScriptedGenerator
from omniagent.tools.record.attempt_files import read_lineage
from tests.support.faces import SCENARIO, TASK, never_right, repaired
from tests.support.paths import ROOT
from tests.support.processes import Process
from tests.support.scripted_runs import LISTED, plan_draft, scripted_agent, texts


def call(agent: Agent | None, *words: str, stdin: str | None = None) -> Result:
    """The command in this process; with `agent` None the real maker makes it."""

    def make(options: ModelOptions) -> Agent:
        return agent if agent is not None else make_agent(options)

    return CliRunner().invoke(build_app(), [str(word) for word in words], input=stdin, obj=make, prog_name="omniagent")


def one_line(outcome: Result, code: int, *, alone: bool = True) -> str:
    """The one error line of a failed command; `alone`: nothing stands on stdout."""
    assert outcome.exit_code == code, outcome.output
    assert "Traceback" not in outcome.output
    assert outcome.stdout == "" or not alone
    (line,) = [line for line in outcome.stderr.splitlines() if line.startswith("error:")]
    return line


def test_an_accepted_run_exits_0_and_prints_the_verdicts(tmp_path: Path) -> None:
    outcome = call(repaired(tmp_path), "run", TASK, "--out", str(tmp_path / "here"))
    assert outcome.exit_code == 0, outcome.output
    assert "accepted" in outcome.stdout and "0.97  Is the circle red?" in outcome.stdout
    assert (tmp_path / "here" / "report.html").is_file()


def test_json_is_alone_on_stdout_and_the_trace_is_on_stderr(tmp_path: Path) -> None:
    outcome = call(repaired(tmp_path), "run", TASK, "--json")
    result = json.loads(outcome.stdout)
    assert (result["status"], result["stop_reason"], result["accepted"]) == ("accepted", "accepted", True)
    with Image.open(result["image"]) as picture:
        assert picture.size == (128, 128)
    assert "drew a1" in outcome.stderr and "every requirement holds" in outcome.stderr


def test_best_effort_exits_1_with_the_best_picture(tmp_path: Path) -> None:
    outcome = call(never_right(tmp_path), "run", TASK, "--json", "--max-rounds", "2")
    assert outcome.exit_code == 1
    result = json.loads(outcome.stdout)
    assert result["status"] == "best_effort" and Path(result["image"]).is_file()


def test_a_question_is_answered_with_exit_0(tmp_path: Path) -> None:
    picture = tmp_path / "a.png"
    Image.new("RGB", (32, 32), "white").save(picture)
    agent = scripted_agent(tmp_path, None, texts(plan_draft("answer", ())))
    outcome = call(agent, "run", "how many circles?", "--image", str(picture))
    assert outcome.exit_code == 0, outcome.output
    assert "answer: two" in outcome.stdout


def test_a_refusal_exits_1_and_names_the_model_that_could(tmp_path: Path) -> None:
    generator = ScriptedGenerator(profile=GeneratorProfile(domain="flat shapes", instead="OmniGen2/OmniGen2"))
    agent = scripted_agent(tmp_path, None, texts(plan_draft("refuse", ())), generator=generator)
    outcome = call(agent, "run", "a cat")
    assert outcome.exit_code == 1
    assert "OmniGen2/OmniGen2" in outcome.stdout


def test_a_generator_that_fails_exits_3(tmp_path: Path) -> None:
    generator = ScriptedGenerator(lambda request: GenerationFailed("NaN latents; use another seed"))
    outcome = call(scripted_agent(tmp_path, generator=generator), "run", TASK)
    assert outcome.exit_code == 3
    assert "NaN latents" in outcome.output and "Traceback" not in outcome.output


def test_a_critic_that_never_answers_exits_3_without_a_picture(tmp_path: Path) -> None:
    critic = ScriptedCritic(texts=lambda prompt, schema: CriticUnavailable("nobody listens on port 1"), profile=LISTED)
    outcome = call(scripted_agent(tmp_path, critic=critic), "run", TASK, "--json")
    assert outcome.exit_code == 3, outcome.output
    assert json.loads(outcome.stdout)["stop_reason"] == "critic_unavailable"


def test_the_same_thread_goes_on_instead_of_drawing_again(tmp_path: Path) -> None:
    agent = repaired(tmp_path)
    first = json.loads(call(agent, "run", TASK, "--json", "--thread", "mine").stdout)
    again = call(agent, "run", TASK, "--json", "--thread", "mine")
    assert json.loads(again.stdout)["attempts"] == first["attempts"]
    assert "going on with run mine" in again.stderr


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["--size", "3x3"], "--size"),
        (["--size", "large"], "--size"),
        (["--critic", "somewhere"], "--critic"),
        (["--max-rounds", "0"], "--max-rounds"),
        (["--candidates", "99"], "--candidates"),
        (["--time-limit", "-1"], "--time-limit"),
        (["--seed", "x"], "--seed"),
        (["--colour", "red"], "--colour"),
    ],
)
def test_a_bad_option_exits_2_and_is_named(tmp_path: Path, words: list[str], said: str) -> None:
    outcome = call(repaired(tmp_path), "run", TASK, *words)
    assert outcome.exit_code == 2, outcome.output
    assert said in outcome.stderr and "Traceback" not in outcome.stderr


def test_no_task_at_all_exits_2(tmp_path: Path) -> None:
    assert call(repaired(tmp_path), "run").exit_code == 2


@pytest.mark.parametrize(
    ("task", "said"), [("  ", "empty"), ("word " * 10_000, "10,000 words"), ("\x00\x01\x02", "control character")]
)
def test_a_bad_task_exits_2_with_one_line(tmp_path: Path, task: str, said: str) -> None:
    assert said in one_line(call(repaired(tmp_path), "run", task), 2)


def bad_pictures(folder: Path) -> dict[str, list[Path]]:
    """Kinds of input pictures that cannot be used."""
    good, cut, text = folder / "good.png", folder / "cut.png", folder / "text.png"
    Image.effect_noise((64, 64), 50).convert("RGB").save(good)
    cut.write_bytes(good.read_bytes()[:200])
    text.write_text("no picture at all")
    (folder / "empty.png").touch()
    return {
        "missing": [folder / "nowhere.png"],
        "truncated": [cut],
        "no picture": [text],
        "empty": [folder / "empty.png"],
        "a folder": [folder],
        "6 pictures": [good] * 6,
        "20 pictures": [good] * 20,
    }


@pytest.mark.parametrize(
    "said", ["missing", "truncated", "no picture", "empty", "a folder", "6 pictures", "20 pictures"]
)
def test_a_bad_picture_exits_2_with_one_line(tmp_path: Path, said: str) -> None:
    words = [word for path in bad_pictures(tmp_path)[said] for word in ("--image", str(path))]
    assert said in one_line(call(repaired(tmp_path), "run", TASK, *words), 2)


def test_an_unknown_model_exits_2_with_one_line(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    line = one_line(call(None, "run", TASK, "--model", str(tmp_path / "no-model")), 2)
    assert "no-model" in line


def test_a_folder_that_is_no_model_exits_2_with_one_line(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    assert str(tmp_path) in one_line(call(None, "run", TASK, "--model", str(tmp_path)), 2)


def test_a_bad_environment_variable_exits_2_and_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OMNIAGENT_BUDGET__MAX_ROUNDS", "many")
    assert "max_rounds" in one_line(call(None, "run", TASK), 2)


def test_an_output_folder_below_a_file_exits_2_with_one_line(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")
    line = one_line(call(repaired(tmp_path), "run", TASK, "--out", str(tmp_path / "file" / "run")), 2)
    assert str(tmp_path / "file") in line


def test_a_full_disk_exits_3_and_keeps_what_was_finished(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    finished = tmp_path / "run" / "attempts" / "a1.png"

    def fsync(handle: int) -> None:
        if finished.exists():
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr("omniagent.tools.record.files.os.fsync", fsync)
    line = one_line(call(never_right(tmp_path), "run", TASK, "--out", str(tmp_path / "run")), 3)
    assert "no room left" in line
    assert read_lineage(finished).id == "a1"
    assert "no room left" in (tmp_path / "run" / "trace.jsonl").read_text()


def test_an_unforeseen_error_is_one_line_too(tmp_path: Path) -> None:
    def make(options: ModelOptions) -> Agent:
        raise RuntimeError("the bug")

    outcome = CliRunner().invoke(build_app(), ["run", TASK], obj=make)
    assert "RuntimeError: the bug" in one_line(outcome, 3)


@pytest.mark.slow
def test_ctrl_c_keeps_and_reports_the_best_so_far(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "tests.support.launch", "run", TASK, "--json", "--out", str(tmp_path / "run")]
    environment = {**os.environ, SCENARIO: "stuck"}
    with Process(
        command, cwd=ROOT, env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout is not None and process.stderr is not None
        for line in process.stderr:
            if line.startswith("edit"):
                process.send_signal(signal.SIGINT)
                break
        told = process.stderr.read()
        result = json.loads(process.stdout.read())
    assert process.returncode == 130, told
    assert (result["status"], result["best"]["id"]) == ("cancelled", "a1")
    assert Path(result["image"]).is_file() and (tmp_path / "run" / "report.html").is_file()
    assert "Traceback" not in told


@pytest.mark.slow
def test_a_second_ctrl_c_leaves_at_once_and_names_the_folder(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "tests.support.launch", "run", TASK, "--json", "--out", str(tmp_path / "run")]
    environment = {**os.environ, SCENARIO: "deaf"}
    with Process(
        command, cwd=ROOT, env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout is not None and process.stderr is not None
        told: list[str] = []
        for line in process.stderr:
            told.append(line)
            if line.startswith(("deaf", "stopping")):
                process.send_signal(signal.SIGINT)
    assert process.returncode == 130, told
    assert told[-1].startswith("left at once") and str(tmp_path / "run") in told[-1]


def test_report_draws_the_page_again_and_refuses_other_folders(tmp_path: Path) -> None:
    assert call(repaired(tmp_path), "run", TASK, "--out", str(tmp_path / "run")).exit_code == 0
    page = tmp_path / "run" / "report.html"
    page.unlink()
    assert call(None, "report", str(tmp_path / "run")).exit_code == 0
    assert page.is_file()
    assert "trace.jsonl" in one_line(call(None, "report", str(tmp_path)), 2)
