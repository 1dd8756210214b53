"""Evidence drawn over pictures: in the report as an overlay without scripts, and as a picture for frontends."""

import re
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from omniagent.runs.marked import COLOURS, change_of, marked, marks_of
from omniagent.runs.report import write_report
from omniagent.tools.record.store import ImageStore
from omniagent.tools.record.trace import AttemptMade, Critiqued, Planned, RunStarted, Trace
from omniagent.tools.types import (
    Answer,
    Attempt,
    Box,
    Budget,
    ChangeMap,
    Critique,
    Evidence,
    Instrument,
    Plan,
    Requirement,
    Task,
    Verdict,
)

MAP = ChangeMap(rows=("09", "30"), outside=0.2)


def at(label: str, side: int, share: float = 0.25) -> Box:
    """A box from that share of the picture to its middle."""
    return Box(label=label, left=share * side, top=share * side, right=side / 2, bottom=side / 2)


def verdict(
    name: str, answer: Answer, instrument: Instrument, *boxes: Box, changed: ChangeMap | None = None
) -> Verdict:
    evidence = Evidence(instrument=instrument, answer=answer, probability=0.5, boxes=boxes, changed=changed)
    return Verdict(requirement=name, answer=answer, probability=0.5, evidence=(evidence,))


def judged(side: int) -> Critique:
    fox = at("fox", side)
    return Critique(
        attempt="a1",
        verdicts=(
            verdict("r1", "yes", "boxes", fox),
            verdict("r2", "no", "boxes", fox, at("<b>tent</b>", side, 0.1)),
            verdict("r3", "unsure", "reading", at("欢迎光临", side, 0.4)),
            verdict("r4", "yes", "pixels", at("sky", side, 0.0), changed=MAP),
        ),
    )


def test_a_box_that_several_verdicts_rest_on_is_drawn_once_by_the_worst_of_them() -> None:
    marks = marks_of(judged(100))
    assert [(mark.number, mark.label, mark.answer, mark.line) for mark in marks] == [
        (1, "fox", "no", "solid"),
        (2, "<b>tent</b>", "no", "solid"),
        (3, "欢迎光临", "unsure", "solid"),
        (4, "sky", "yes", "dashed"),
    ]
    assert marks[0].told == "1 fox, no, at 25,25,50,50"
    assert change_of(judged(100)) == MAP


@pytest.mark.parametrize("side", [8, 128, 4096])
def test_boxes_and_changes_are_drawn_where_they_are_at_any_size(side: int) -> None:
    drawn = marked(Image.new("RGB", (side, side), "white"), judged(side))
    assert drawn.size == ((512, 512) if side < 512 else (1536, 1536))
    pixels = np.asarray(drawn).astype(int)
    green = tuple(int(COLOURS["yes"][place : place + 2], 16) for place in (1, 3, 5))
    rows, columns = np.nonzero((abs(pixels - green) < 12).all(axis=2))
    assert rows.min() == columns.min() == 0
    assert rows.max() / drawn.height == pytest.approx(0.5, abs=0.02)
    kept, changed = pixels[drawn.height // 10 * 4, drawn.width // 50], pixels[drawn.height // 4, drawn.width - 9]
    assert changed[1] < 150 < kept[1]


def test_a_picture_without_evidence_stays_as_it_is() -> None:
    plain = Image.effect_noise((600, 400), 90).convert("RGB")
    assert marked(plain, None).tobytes() == plain.tobytes()


@pytest.fixture
def page(tmp_path: Path) -> str:
    store, trace = ImageStore(tmp_path / "images"), Trace(tmp_path / "trace.jsonl", "run")
    picture = store.put(Image.effect_noise((128, 96), 90).convert("RGB"))
    need = [Requirement(id=f"r{number}", kind="presence", question="Is there a fox?") for number in range(1, 5)]
    task = Task(instruction="a fox")
    trace.add(
        RunStarted(
            task=task, budget=Budget(), seed=1, folder=str(tmp_path), generator="g", critic_backend="b", critic="c"
        )
    )
    trace.add(Planned(plan=Plan(mode="generate", instruction="a fox", checklist=tuple(need))))
    for name in ("a1", "a2"):
        trace.add(AttemptMade(attempt=Attempt(id=name, image=picture, instruction="a fox", seed=1)))
    trace.add(Critiqued(critique=judged(96)))
    return write_report(tmp_path).read_text()


def test_the_report_lays_the_evidence_over_the_picture_with_a_switch_for_each_kind(page: str) -> None:
    assert page.count('viewBox="0 0 128 96"') == 1
    assert len(re.findall(r'<rect class="solid"', page)) == 3 and page.count('<rect class="dashed"') == 1
    for kind in ("boxes", "changes"):
        assert f'id="a1-{kind}"' in page and f'<label for="a1-{kind}">' in page
    assert 'id="a2-boxes"' not in page
    assert "1 fox, no, at 24,24,48,48" in page and "欢迎光临" in page
    assert "<script" not in page and "<b>tent" not in page and "&lt;b&gt;tent" in page
