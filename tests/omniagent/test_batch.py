"""Batches: one line a task, nothing done twice, and no bad line that stops the rest."""

import base64
import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from omniagent.agent import Agent
from omniagent.batch import BatchLine, Progress, folder_name, run_batch
from omniagent.model.errors import GenerationFailed
from omniagent.model.requests import GenerationRequest
from omniagent.model.scripted import Drawn, ScriptedGenerator, picture_for
from omniagent.runs.result import Result
from omniagent.tools.record.trace import Decided, Event
from tests.omniagent.test_cli import call
from tests.support.faces import repaired
from tests.support.scripted_runs import scripted_agent

FIELDS = {"id", "image", "status", "stop_reason", "answer", "attempts", "usage"}


def tasks_file(folder: Path, *lines: object) -> Path:
    """A tasks' file; what is no text becomes JSON."""
    path = folder / "tasks.jsonl"
    path.write_text("".join((line if isinstance(line, str) else json.dumps(line)) + "\n" for line in lines))
    return path


def task(name: object, words: str = "a red circle", **more: object) -> dict[str, object]:
    return {"id": name, "task": words, **more}


def results(out: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in (out / "results.jsonl").read_text().splitlines()]


def counting(folder: Path) -> tuple[Agent, ScriptedGenerator]:
    """An agent whose pictures all hold, and the generator that counts its calls."""
    generator = ScriptedGenerator()
    return scripted_agent(folder / "unused", generator=generator), generator


def test_every_task_gets_a_line_with_paths_relative_to_the_folder(tmp_path: Path) -> None:
    (tmp_path / "in").mkdir()
    Image.new("RGB", (32, 32), "white").save(tmp_path / "in" / "a.png")
    tasks = tasks_file(tmp_path / "in", task("t1"), task("t2", "image 1 with a circle", images=["a.png"]))
    out = tmp_path / "out"
    run_batch(repaired(tmp_path / "unused"), tasks, out)
    lines = results(out)
    assert [line["id"] for line in lines] == ["t1", "t2"]
    for line in lines:
        assert set(line) >= FIELDS
        assert line["status"] == "accepted" and line["stop_reason"] == "accepted"
        with Image.open(out / line["image"]) as picture:
            assert picture.mode == "RGB"
        assert all((out / made["image"]).is_file() for made in line["attempts"])
    assert [made["accepted_by_critic"] for made in lines[0]["attempts"]] == [False, True]
    assert lines[0]["usage"]["images"] == 2


def test_a_second_run_skips_what_is_done(tmp_path: Path) -> None:
    agent, generator = counting(tmp_path)
    tasks = tasks_file(tmp_path, task("t1"), task("t2"))
    run_batch(agent, tasks, tmp_path / "out")
    before, drawn = (tmp_path / "out" / "results.jsonl").read_bytes(), len(generator.calls)
    tasks_file(tmp_path, task("t1"), task("t2"), task("t3"))
    lines = run_batch(agent, tasks, tmp_path / "out")
    assert [line.id for line in lines] == ["t1", "t2", "t3"]
    assert len(generator.calls) == drawn + 1
    assert (tmp_path / "out" / "results.jsonl").read_bytes().startswith(before)


def test_a_torn_last_line_is_done_again_without_drawing_again(tmp_path: Path) -> None:
    agent, generator = counting(tmp_path)
    tasks = tasks_file(tmp_path, task("t1"), task("t2"))
    run_batch(agent, tasks, tmp_path / "out")
    path, drawn = tmp_path / "out" / "results.jsonl", len(generator.calls)
    whole = path.read_bytes()
    path.write_bytes(whole[:-40])
    run_batch(agent, tasks, tmp_path / "out")
    assert [line["id"] for line in results(tmp_path / "out")] == ["t1", "t2"]
    assert path.read_bytes() == whole
    assert len(generator.calls) == drawn


def test_bad_lines_get_an_error_each_and_the_rest_goes_on(tmp_path: Path) -> None:
    agent, _ = counting(tmp_path)
    tasks = tasks_file(
        tmp_path,
        "{not json",
        task("good"),
        {"id": "no-task"},
        {"task": "no id"},
        task("good", "again"),
        "",
        "[1, 2]",
        task("lost", images=["nowhere.png"]),
        task("blank", "   "),
        task("many", images=["a.png"] * 6),
        task(7),
    )
    run_batch(agent, tasks, tmp_path / "out")
    lines = {line["id"]: line for line in results(tmp_path / "out")}
    assert {name for name, line in lines.items() if line["status"] == "accepted"} == {"good", 7}
    bad = {name: line for name, line in lines.items() if line["status"] == "error"}
    assert set(bad) == {"line-1", "no-task", "line-4", "line-5", "line-7", "lost", "blank", "many"}
    assert "line 2" in bad["line-5"]["message"]
    assert "nowhere.png" in bad["lost"]["message"]
    assert all(line["image"] is None and line["attempts"] == [] for line in bad.values())


def test_an_unknown_key_is_an_error_of_its_line_and_names_the_nearest_known_one(tmp_path: Path) -> None:
    agent, generator = counting(tmp_path)
    Image.new("RGB", (32, 32), "white").save(tmp_path / "a.png")
    tasks = tasks_file(
        tmp_path, task("t1", image="a.png"), task("t2", Images=["a.png"]), {"id": "t3", "prompt": "a cat", "task": "a"}
    )
    run_batch(agent, tasks, tmp_path / "out")
    told = {line["id"]: line["message"] for line in results(tmp_path / "out") if line["status"] == "error"}
    assert "'image' is not known; did you mean 'images'?" in told["t1"] and "line 1" in told["t1"]
    assert "did you mean 'images'?" in told["t2"] and "'prompt' is not known" in told["t3"]
    assert "known are id, task, images" in told["t3"] and generator.calls == []


def test_the_pictures_of_a_line_may_be_one_path_null_or_texts_of_any_form(tmp_path: Path) -> None:
    path = tmp_path / "a.png"
    Image.new("RGB", (32, 32), "white").save(path)
    data = base64.b64encode(path.read_bytes()).decode()
    forms: dict[str, object] = {
        "one": "a.png",
        "uri": path.as_uri(),
        "data": f"data:image/png;charset=utf-8;base64,{data}",
        "bare": [data],
        "absolute": [str(path)],
        "none": None,
    }
    tasks = tasks_file(tmp_path, *(task(name, images=images) for name, images in forms.items()))
    run_batch(counting(tmp_path)[0], tasks, tmp_path / "out")
    assert {line["id"]: line["status"] for line in results(tmp_path / "out")} == dict.fromkeys(forms, "accepted")
    for name in forms:
        given = Result.load(tmp_path / "out" / "runs" / name).task.images
        assert len(given) == (0 if name == "none" else 1), name


def test_a_bad_picture_costs_its_own_line_and_is_not_repeated_at_length(tmp_path: Path) -> None:
    bad: dict[str, object] = {"blank": "", "null": [None], "number": 3, "long": "x" * 9_000, "data": "data:;base64,!"}
    tasks = tasks_file(tmp_path, *(task(name, images=images) for name, images in bad.items()), task("t" * 9_000, 5))  # type: ignore[arg-type]
    run_batch(counting(tmp_path)[0], tasks, tmp_path / "out")
    lines = results(tmp_path / "out")
    assert [line["status"] for line in lines] == ["error"] * 6
    assert all(len(line["message"]) < 600 for line in lines)


def test_folders_of_a_batch_may_begin_at_home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    tasks_file(tmp_path, task("t1"))
    run_batch(counting(tmp_path)[0], Path("~/tasks.jsonl"), Path("~/out"))
    assert results(tmp_path / "out")[0]["image"] == "runs/t1/attempts/a1.png"


def test_a_task_that_fails_costs_its_own_line_and_is_tried_again(tmp_path: Path) -> None:
    first = iter([GenerationFailed("NaN latents")])

    def draw(request: GenerationRequest) -> Drawn:
        return next(first, None) or picture_for(request.instruction, request.seeds[0])

    agent = scripted_agent(tmp_path / "unused", generator=ScriptedGenerator(draw))
    tasks = tasks_file(tmp_path, task("t1"), task("t2"))
    run_batch(agent, tasks, tmp_path / "out")
    assert {line["id"]: line["status"] for line in results(tmp_path / "out")} == {"t1": "failed", "t2": "accepted"}
    run_batch(agent, tasks, tmp_path / "out")
    assert sorted((line["id"], line["status"]) for line in results(tmp_path / "out")) == [
        ("t1", "accepted"),
        ("t2", "accepted"),
    ]


def test_a_cancelled_task_writes_no_line_and_goes_on_the_next_time(tmp_path: Path) -> None:
    agent = repaired(tmp_path / "unused")
    tasks, out = tasks_file(tmp_path, task("t1"), task("t2")), tmp_path / "out"

    def cancel(event: Event) -> None:
        if isinstance(event, Decided):
            agent.cancel()

    assert run_batch(agent, tasks, out, on_event=cancel) == []
    assert not (out / "results.jsonl").exists()
    first = (out / "runs" / "t1" / "attempts" / "a1.png").stat()
    lines = run_batch(agent, tasks, out)
    assert [(line.id, line.status) for line in lines] == [("t1", "accepted"), ("t2", "accepted")]
    assert (out / "runs" / "t1" / "attempts" / "a1.png").stat().st_mtime_ns == first.st_mtime_ns


def test_a_batch_that_is_asked_to_stop_ends_after_the_task_at_hand(tmp_path: Path) -> None:
    done: list[Progress] = []
    tasks = tasks_file(tmp_path, task("t1"), task("t2"))
    lines = run_batch(
        repaired(tmp_path / "unused"),
        tasks,
        tmp_path / "out",
        on_progress=done.append,
        should_stop=lambda: bool(done),
    )
    assert [line.id for line in lines] == ["t1"] and done[0].total == 2


def test_stopping_a_batch_that_goes_on_keeps_finished_lines_on_its_sheet(tmp_path: Path) -> None:
    agent, _ = counting(tmp_path)
    tasks, out = tasks_file(tmp_path, task("t2"), task("t4")), tmp_path / "out"
    run_batch(agent, tasks, out)
    tasks_file(tmp_path, task("t1"), task("t2"), "{bad", task("t3"), task("t4"))
    told: list[Progress] = []
    lines = run_batch(agent, tasks, out, should_stop=lambda: True, on_progress=told.append)
    assert [line.id for line in lines] == [one.line.id for one in told] == ["t2", "t4"]
    assert [line["id"] for line in results(out)] == ["t2", "t4"]
    assert (out / "index.html").read_text().count("report.html") == 2


def test_the_command_shows_progress_and_exits_1_when_some_line_was_bad(tmp_path: Path) -> None:
    tasks = tasks_file(tmp_path, task("t1"), "{not json")
    words = ("batch", str(tasks), "--out", str(tmp_path / "out"))
    outcome = call(repaired(tmp_path / "unused"), *words)
    assert outcome.exit_code == 1, outcome.output
    assert outcome.stdout == ""
    assert "1/2 t1: accepted" in outcome.stderr and "2/2 line-2: error" in outcome.stderr
    tasks_file(tmp_path, task("t1"), task("t2"))
    again = call(repaired(tmp_path / "unused"), *words)
    assert again.exit_code == 0, again.output
    assert "1/2 t1: accepted (done before)" in again.stderr and "2 tasks (2 accepted)" in again.stderr
    told = call(repaired(tmp_path / "unused"), *words, "--json")
    assert told.stdout.splitlines() == (tmp_path / "out" / "results.jsonl").read_text().splitlines()
    missing = call(repaired(tmp_path), "batch", str(tmp_path / "none.jsonl"), "--out", "o", "--json")
    assert missing.exit_code == 2 and json.loads(missing.stdout)["status"] == "error"


def test_a_missing_tasks_file_exits_2(tmp_path: Path) -> None:
    outcome = call(repaired(tmp_path), "batch", str(tmp_path / "none.jsonl"), "--out", str(tmp_path / "out"))
    assert outcome.exit_code == 2 and "none.jsonl" in outcome.stderr


def test_a_model_that_does_not_load_ends_the_batch_at_once(tmp_path: Path) -> None:
    tasks = tasks_file(tmp_path, task("t1"), task("t2"))
    outcome = call(None, "batch", str(tasks), "--out", str(tmp_path / "out"), "--model", str(tmp_path / "no-model"))
    assert outcome.exit_code == 2, outcome.output
    assert not (tmp_path / "out" / "results.jsonl").exists()


@given(st.one_of(st.text(max_size=200), st.integers()))
def test_every_id_has_a_safe_folder_name(name: str | int) -> None:
    folder = folder_name(name)
    assert 0 < len(folder) <= 100
    assert Path(folder).name == folder and folder not in (".", "..")


@given(st.text(max_size=40), st.text(max_size=40))
def test_different_ids_have_different_folders(first: str, second: str) -> None:
    assert (folder_name(first) == folder_name(second)) == (first == second)


def test_a_line_reads_back_as_it_was_written() -> None:
    line = BatchLine(id="ü/1", status="best_effort", stop_reason="round_limit", message='"quoted"\n')
    assert BatchLine.model_validate_json(line.model_dump_json()) == line
