"""Commands beside `run`: looking at pictures, earlier runs, the contact sheet, and examples that are true."""

import json
import os
import re
import shlex
import time
from html.parser import HTMLParser
from pathlib import Path
from typing import Any
from urllib.parse import unquote

import pytest
import typer
from PIL import Image

from omniagent import LoraChoice, Result
from omniagent.agent import Agent
from omniagent.cli import build_app
from omniagent.cli.progress.watcher import Watcher
from omniagent.model.scripted import ScriptedGenerator
from omniagent.runs.folder import owned
from omniagent.runs.listing import runs_in
from tests.omniagent.test_cli import call, one_line
from tests.support.faces import TASK, never_right, repaired
from tests.support.scripted_runs import scripted_agent


@pytest.fixture
def picture(tmp_path: Path) -> str:
    Image.new("RGB", (40, 40), "white").save(tmp_path / "a.png")
    return str(tmp_path / "a.png")


@pytest.fixture
def opened(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """What was opened in the browser."""
    pages: list[str] = []
    monkeypatch.setattr("typer.launch", lambda url: pages.append(url) or 0)
    return pages


def looking(tmp_path: Path) -> Agent:
    return scripted_agent(tmp_path / "runs", lambda prompt, question: 0.9 if "circle" in question else 0.2)


def test_check_tells_each_answer_and_exits_by_them(tmp_path: Path, picture: str) -> None:
    good = call(looking(tmp_path), "check", picture, "Is there a circle?")
    assert good.exit_code == 0 and good.stdout == "yes 0.90  Is there a circle?\n"
    bad = call(looking(tmp_path), "check", picture, "Is there a circle?", "Is there a cat?", "--json")
    assert bad.exit_code == 1
    assert [one["verdict"] for one in json.loads(bad.stdout)["checks"]] == ["yes", "no"]
    planned = call(looking(tmp_path), "check", picture, "--task", TASK)
    assert planned.exit_code == 1 and planned.stdout.count("Is ") == 3


def test_describe_says_what_is_there_or_answers(tmp_path: Path, picture: str) -> None:
    assert call(looking(tmp_path), "describe", picture).stdout == "two\n"
    told = call(looking(tmp_path), "describe", picture, "how many?", "--json")
    assert (told.exit_code, json.loads(told.stdout)) == (0, {"text": "two"})


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["check", "nowhere.png", "Is it?"], "nowhere.png"),
        (["check", "{}"], "0 questions"),
        (["check", "{}", " "], "empty"),
        (["describe", "nowhere.png"], "nowhere.png"),
        (["runs", "show", "nobody"], "no run 'nobody'"),
        (["runs", "show", "last"], "no runs in"),
        (["runs", "show", "../x"], "../x"),
        (["critic", "status", "--url", "nourl"], "'nourl' is not allowed"),
        (["calibrate", "--pictures", "cats"], "'cats' is not known"),
    ],
)
def test_what_cannot_be_done_exits_2_with_one_line_and_as_json(
    tmp_path: Path, picture: str, words: list[str], said: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OMNIAGENT_RUNS_DIR", str(tmp_path / "none"))
    given = [word.format(picture) for word in words]
    assert said in one_line(call(looking(tmp_path), *given), 2)
    told = json.loads(call(looking(tmp_path), *given, "--json").stdout)
    assert told["status"] == "error" and said in told["message"]


def made(tmp_path: Path) -> Path:
    """A folder with three runs: one that is over, one that is not, and one with a picture that fails."""
    runs = tmp_path / "runs"
    repaired(runs).run(TASK, thread_id="first")
    never_right(runs).run(TASK, thread_id="second", budget={"max_rounds": 1})  # pyright: ignore[reportArgumentType]
    third = repaired(runs).run(TASK, thread_id="third")
    (third.folder / "result.json").unlink()
    for age, name in enumerate(("third", "second", "first")):
        os.utime(runs / name / "trace.jsonl", (time.time() - 60 * age,) * 2)
    (runs / "notes").mkdir()
    (runs / "broken").mkdir()
    (runs / "broken" / "trace.jsonl").write_text("{}\nno trace\n")
    return runs


def test_earlier_runs_are_listed_shown_and_opened(tmp_path: Path, opened: list[str]) -> None:
    runs = str(made(tmp_path))
    listed = call(None, "runs", "list", "--runs-dir", runs).stdout.splitlines()
    assert [line.split()[0] for line in listed] == ["third", "second", "first"]
    assert "unfinished" in listed[0] and "best effort" in listed[1] and "3/3" in listed[2] and TASK in listed[2]
    told = json.loads(call(None, "runs", "list", "--runs-dir", runs, "--limit", "1", "--json").stdout)
    assert [one["run_id"] for one in told] == ["third"]
    for name in ("first", f"{runs}/first"):
        assert "accepted" in call(None, "runs", "show", name, "--runs-dir", runs).stdout
    assert json.loads(call(None, "runs", "show", "first", "--runs-dir", runs, "--json").stdout)["run_id"] == "first"
    (Path(runs) / "second" / "report.html").unlink()
    for words, name in ((["second"], "second"), ([], "third")):
        outcome = call(None, "runs", "open", *words, "--runs-dir", runs)
        assert outcome.exit_code == 0, outcome.output
        assert opened[-1] == (Path(runs) / name / "report.html").as_uri()
        assert (Path(runs) / name / "report.html").is_file()


def test_prune_removes_old_runs_and_nothing_else(tmp_path: Path) -> None:
    runs = made(tmp_path)
    (tmp_path / "elsewhere").mkdir()
    (runs / "first").rename(tmp_path / "elsewhere" / "kept")
    (runs / "linked").symlink_to(tmp_path / "elsewhere" / "kept")
    there = ["--runs-dir", str(runs)]
    assert "say which runs" in call(None, "runs", "prune", *there).stderr
    assert "say --yes" in call(None, "runs", "prune", "--keep", "0", *there).stderr
    assert "second" in call(None, "runs", "prune", "--keep", "1", "--dry-run", *there).stdout
    assert call(None, "runs", "prune", "--older-than", "1", "--yes", *there).stderr.startswith("nothing to remove")
    assert len(list(runs_in(runs))) == 2
    with owned(runs / "second"):
        outcome = call(None, "runs", "prune", "--keep", "0", "--yes", *there)
    assert "removed 1 of 2" in outcome.stderr and "another run is at work" in outcome.stderr
    assert sorted(path.name for path in runs.iterdir()) == ["broken", "linked", "notes", "second"]
    assert (tmp_path / "elsewhere" / "kept" / "trace.jsonl").is_file()


def test_a_run_takes_steps_guidance_and_loras_and_opens_its_report(tmp_path: Path, opened: list[str]) -> None:
    generator = ScriptedGenerator()
    a, b = tmp_path / "a.safetensors", tmp_path / "b=2"
    a.touch()
    b.touch()
    words = ["--steps", "3", "--guidance", "3.5", "--image-guidance", "1.5", "--negative", "frame"]
    words += ["--lora", f"{a}=0.5", "--lora", str(b), "--open", "--out", str(tmp_path / "here")]
    outcome = call(scripted_agent(tmp_path / "runs", generator=generator), "run", TASK, *words)
    assert outcome.exit_code == 0, outcome.output
    asked = generator.calls[0]
    assert (asked.steps, asked.text_guidance, asked.image_guidance, asked.negative) == (3, 3.5, 1.5, "frame")
    assert generator.calls[0].loras == (LoraChoice(path=str(a), scale=0.5), LoraChoice(path=str(b), scale=1.0))
    assert opened == [(tmp_path / "here" / "report.html").as_uri()]
    assert (tmp_path / "here" / "picture.png").is_file()
    assert "--lora" not in one_line(call(repaired(tmp_path), "run", TASK, "--lora", "nowhere=x"), 2)


def test_where_nothing_opens_pages_the_path_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("typer.launch", lambda url: 3)
    outcome = call(repaired(tmp_path), "run", TASK, "--open", "--out", str(tmp_path / "here"))
    assert outcome.exit_code == 0
    assert f"no program opens it here; it is {tmp_path / 'here' / 'report.html'}" in outcome.stderr


def test_loading_models_is_told_before_they_are_there_and_not_again(tmp_path: Path) -> None:
    agent = repaired(tmp_path)
    first = call(agent, "run", TASK).stderr
    assert first.startswith("loading the models…") and "loading the models" not in call(agent, "run", TASK).stderr
    with Watcher(quiet=True) as watcher:
        watcher.loading(repaired(tmp_path))


class Sheet(HTMLParser):
    def __init__(self, page: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))


def test_a_batch_leaves_a_contact_sheet_whose_links_lead_to_files(tmp_path: Path) -> None:
    evil = '<img src=x onerror=alert(1)> & "circle"'
    tasks = [{"id": "t 1/ü#", "task": TASK}, {"id": 2, "task": evil}, {"id": 3, "task": " "}, {"no": 4}]
    (tmp_path / "tasks.jsonl").write_text("\n".join(map(json.dumps, tasks)))
    out = tmp_path / "out"
    outcome = call(repaired(tmp_path / "runs"), "batch", str(tmp_path / "tasks.jsonl"), "--out", str(out))
    assert outcome.exit_code == 1 and f"4 tasks (2 accepted, 2 error): {out / 'index.html'}" in outcome.stderr
    page = (out / "index.html").read_text()
    tags = Sheet(page).tags
    assert sum(tag == "li" for tag, _ in tags) == 4 and "2 accepted" in page and "2 error" in page
    pictures = [held for tag, held in tags if tag == "img"]
    assert len(pictures) == 2 and all(str(held["src"]).startswith("data:image/jpeg;base64,") for held in pictures)
    assert not any(name.startswith("on") for _, held in tags for name in held)
    links = [str(held["href"]) for tag, held in tags if tag == "a"]
    assert len(links) == 4 and all((out / unquote(link)).is_file() for link in links)
    # Going on draws nothing again, and the sheet is whole all the same.
    call(repaired(tmp_path / "runs"), "batch", str(tmp_path / "tasks.jsonl"), "--out", str(out))
    assert sum(tag == "img" for tag, _ in Sheet((out / "index.html").read_text()).tags) == 2


def commands(group: Any, path: tuple[str, ...] = ()) -> dict[tuple[str, ...], Any]:
    found: dict[tuple[str, ...], Any] = {path: group}
    for name, command in group.commands.items():
        found |= commands(command, (*path, name)) if hasattr(command, "commands") else {(*path, name): command}
    return found


APP: Any = typer.main.get_command(build_app())
COMMANDS = commands(APP)


@pytest.mark.parametrize("path", COMMANDS, ids=lambda path: " ".join(("omniagent", *path)))
def test_every_help_has_examples_that_the_command_reads(path: tuple[str, ...], monkeypatch: pytest.MonkeyPatch) -> None:
    text = call(None, *path, "--help").stdout
    lines = re.findall(r"^ +(omniagent .+)$", text.partition("Examples:")[2], re.MULTILINE)
    assert lines, text
    for line in lines:
        words = shlex.split(line)[1:]
        named = max((known for known in COMMANDS if tuple(words[: len(known)]) == known), key=len)
        assert named[: len(path)] == path and not hasattr(COMMANDS[named], "commands")
        # Reading the words is enough: a wrong option or a missing argument is an error there.
        COMMANDS[named].make_context(" ".join(named), words[len(named) :], obj=None)


def test_every_option_says_what_it_does() -> None:
    options = {
        f"{' '.join(path)} {option.opts[0]}": option
        for path, command in COMMANDS.items()
        for option in command.params
        if option.param_type_name == "option"
    }
    assert not [name for name, option in options.items() if not option.help] and "run --seed" in options


def test_result_folders_are_read_by_what_is_in_them(tmp_path: Path) -> None:
    runs = made(tmp_path)
    assert Result.load(runs / "first").accepted
    assert [run.status for run in runs_in(runs)] == ["unfinished", "best_effort", "accepted"]
    assert list(runs_in(tmp_path / "nowhere")) == []
