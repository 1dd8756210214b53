"""The bench of the published size: what its time does not allow, or what fails, costs one line and no other row."""

import json
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.bench.published import Found, Row, main, measure
from tests.bench.published_rows import table


def test_rows_without_time_or_luck_are_told_and_the_others_go_on() -> None:
    def bench(row: Row) -> Iterator[Found]:
        if row.name == "broken":
            raise MemoryError("too much")
        yield Found(row.name, "t2i", step=0.5)

    rows = [Row("broken", 1), Row("long", 1e6), Row("good", 1)]
    broken, long, good = measure(bench, rows, time.time() + 100)
    assert "MemoryError: too much" in broken.note and "left out" in long.note and good.step == 0.5


def test_short_times_are_told_in_milliseconds_and_steps_in_seconds() -> None:
    shown = table([Found("product", "as it is", step=0.000567), Found("exact", "t2i", 0.1266, 0.1242, 0.1267)], "card")
    assert "| 0.567 ms |" in shown and "| 0.1266 s (0.1242–0.1267) |" in shown


@pytest.mark.slow
def test_the_table_is_written_at_a_tiny_size(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    rows = ["exact", "critic", "attention", "fast", "edit, a quarter changes"]
    assert main(["--tiny", "--profile", "--seconds", "300", "--out", str(tmp_path), "--only", *rows]) == 0
    _, *found = json.loads((tmp_path / "table.json").read_text())
    assert [(one["row"], one["task"]) for one in found if one["step"]] == [
        ("exact", "loading"), ("exact", "t2i"), ("exact", "edit"),
        ("edit, a quarter changes", "edit"), ("critic", "vision tower"), ("critic", "prefill"),
        ("critic", "one token"), ("attention, 66 tokens", "default"), ("attention, 130 tokens", "default"),
        ("fast", "t2i"), ("fast", "edit"),
    ]  # fmt: skip
    compared = {one["row"]: one["psnr"] for one in found if one["picture"]}
    # Random weights change all of an edit, so one that keeps its source is not compared.
    assert compared["fast"] > 10 and compared["edit, a quarter changes"] is None
    assert "aten::" in (tmp_path / "profile-exact-edit.txt").read_text()
    assert (tmp_path / "table.md").read_text().strip() in capsys.readouterr().out
