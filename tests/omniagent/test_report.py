"""The report: one file that shows the whole run, needs no network, and outlives a broken run."""

import base64
import re
from pathlib import Path

import pytest
from PIL import Image

from omniagent.model.errors import BadSetting
from omniagent.runs.notebook import result_html
from omniagent.runs.report import write_report
from omniagent.runs.result import Result
from omniagent.runs.sheet import Card, write_sheet
from tests.support.broken_pictures import TORN_PNG
from tests.support.faces import TASK, repaired
from tests.support.scripted_runs import plan_draft, scripted_agent, texts


@pytest.fixture
def run(tmp_path: Path) -> Result:
    return repaired(tmp_path).run(TASK, seed=5)


def page_of(result: Result) -> str:
    return (result.folder / "report.html").read_text()


def test_the_page_shows_plan_attempts_verdicts_decisions_and_the_stop_reason(run: Result) -> None:
    page = page_of(run)
    for need in run.checklist:
        assert need.question in page
    for attempt in run.attempts:
        assert attempt.id in page and attempt.instruction in page
    for decision in run.decisions:
        assert decision.reason in page
    for said in ("0.97", "0.10", "before: a1", "every requirement holds", "critic calls", "generator", "seed 5"):
        assert said in page, said


def test_every_picture_is_inside_the_page_and_nothing_comes_from_elsewhere(run: Result) -> None:
    page = page_of(run)
    sources = re.findall(r'(?:src|href)="([^"]*)"', page)
    assert len(sources) >= 4 and all(source.startswith("data:image/") for source in sources)
    full = base64.b64encode(run.path_of("a2").read_bytes()).decode()
    assert full in page
    assert "<script" not in page and "http" not in re.sub(r"http-equiv", "", page)


def test_text_of_the_task_cannot_become_markup(tmp_path: Path) -> None:
    written = texts(plan_draft(instruction="<img src=x onerror=alert(1)>"))
    result = scripted_agent(tmp_path, None, written).run("draw </title><script>alert(1)</script>")
    page = page_of(result)
    assert "<script" not in page and "<img src=x" not in page
    assert "&lt;script&gt;" in page


def test_a_run_that_was_killed_gives_the_report_of_what_it_had_done(run: Result) -> None:
    trace = run.folder / "trace.jsonl"
    lines = trace.read_text().splitlines(keepends=True)
    seen = next(number for number, line in enumerate(lines) if '"attempt_made"' in line)
    trace.write_text("".join(lines[: seen + 1]) + lines[seen + 1][:30])
    page = write_report(run.folder).read_text()
    assert "unfinished" in page and "a1" in page and "before: a1" not in page


def test_missing_picture_files_leave_a_note_in_their_place(run: Result) -> None:
    for path in [*run.folder.glob("images/*.png"), *run.folder.glob("attempts/*.png")]:
        path.unlink()
    page = write_report(run.folder).read_text()
    assert "picture file missing" in page and "<img" not in page


def test_large_input_pictures_are_shown_small(tmp_path: Path) -> None:
    picture = Image.effect_noise((1200, 800), 80).convert("RGB")
    result = scripted_agent(tmp_path, None, texts(plan_draft("edit"))).run("make it red", [picture])
    assert len(page_of(result)) < 400_000


def test_a_folder_without_a_trace_is_refused(tmp_path: Path) -> None:
    with pytest.raises(BadSetting, match=r"trace\.jsonl"):
        write_report(tmp_path)


def test_no_page_of_a_run_is_lost_to_a_picture_that_no_decoder_reads(tmp_path: Path) -> None:
    result = repaired(tmp_path).run(TASK, seed=5)
    for path in result.folder.rglob("*.png"):
        path.write_bytes(TORN_PNG)
    write_report(result.folder)
    assert (result.folder / "report.html").read_text().count("Is the circle red?") > 1
    assert "no picture file" in result_html(result)
    card = Card("one", TASK, "accepted", "", "picture.png", None)
    assert TASK in write_sheet(result.folder, "tasks.jsonl", [card]).read_text()
