"""Names and lines that are no UTF-8: refused before anything is drawn, read, or costing their own line only."""

import os
from pathlib import Path

import pytest
from PIL import Image

from omniagent.agent import Agent
from omniagent.batch import run_batch
from omniagent.model.errors import BadSetting
from omniagent.model.scripted import ScriptedGenerator
from tests.support.scripted_runs import scripted_agent


def test_names_that_are_no_utf_8_are_refused_before_anything_is_drawn(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    strange = os.fsdecode(b"\xff\xfe")
    generator = ScriptedGenerator()
    agent = scripted_agent(tmp_path / "runs", generator=generator)
    for arguments in ({"out": tmp_path / strange}, {"out": str(tmp_path / strange)}, {"out": "a\0b"}):
        with pytest.raises(BadSetting, match="folder"):
            agent.run("a red circle", **arguments)
    for name in ("model", "critic", "generator", "revision", "device", "runs_dir"):
        with pytest.raises(BadSetting, match=name):
            Agent(**{name: strange})
    monkeypatch.setenv("OMNIAGENT_RUNS_DIR", str(tmp_path / strange))
    with pytest.raises(BadSetting, match="runs_dir"):
        Agent()
    assert not generator.calls and not (tmp_path / "runs").exists()


def test_a_picture_whose_name_is_no_utf_8_is_read_like_any_other(tmp_path: Path) -> None:
    path = tmp_path / os.fsdecode(b"\xff.png")
    Image.new("RGB", (32, 32), "white").save(path)
    assert scripted_agent(tmp_path / "runs").run("make it red", [path]).image is not None


def test_half_a_character_in_a_batch_line_costs_that_line_only(tmp_path: Path) -> None:
    lines = [r'{"id": "\ud800", "task": "a"}', r'{"id": "b", "task": "a \udfff"}', '{"id": "c", "task": "a circle"}']
    tasks = tmp_path / "tasks.jsonl"
    tasks.write_text("\n".join(lines))
    done = run_batch(scripted_agent(tmp_path / "runs"), tasks, tmp_path / "out")
    assert [line.status for line in done] == ["error", "error", "accepted"]
