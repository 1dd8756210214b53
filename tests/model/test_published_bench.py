"""The bench of the published size: what its time does not allow, or what fails, costs one line and no other row."""

import json
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.bench.published import Found, Row, main, measure


def test_rows_without_time_or_luck_are_told_and_the_others_go_on() -> None:
    def bench(row: Row) -> Iterator[Found]:
        if row.name == "broken":
            raise MemoryError("too much")
        yield Found(row.name, "t2i", step=0.5)

    rows = [Row("broken", 1), Row("long", 1e6), Row("good", 1)]
    broken, long, good = measure(bench, rows, time.time() + 100)
    assert "MemoryError: too much" in broken.note and "left out" in long.note and good.step == 0.5


@pytest.mark.slow
def test_the_table_is_written_at_a_tiny_size(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    rows = ["exact", "critic", "fast", "edit, a quarter changes"]
    assert main(["--tiny", "--seconds", "300", "--out", str(tmp_path), "--only", *rows]) == 0
    _, *found = json.loads((tmp_path / "table.json").read_text())
    assert [(one["row"], one["task"]) for one in found if one["step"] > 0] == [
        ("exact", "loading"), ("exact", "t2i"), ("exact", "edit"),
        ("edit, a quarter changes", "edit"), ("critic", "vision tower"), ("critic", "prefill"),
        ("critic", "one token"), ("fast", "t2i"), ("fast", "edit"),
    ]  # fmt: skip
    assert all(one["psnr"] > 10 for one in found if one["row"] in ("fast", "edit, a quarter changes"))
    assert (tmp_path / "table.md").read_text().strip() in capsys.readouterr().out
