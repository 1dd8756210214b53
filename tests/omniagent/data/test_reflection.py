"""Reflection records from run folders."""

import json
from pathlib import Path
from typing import Any

import pytest

from omniagent.data.build import Built, build
from omniagent.data.recipe import load_recipe
from omniagent.model.errors import BadSetting
from omniagent.model.training.dataset import MixedDataset
from tests.omniagent.test_cli import call, one_line
from tests.support.faces import TASK, never_right, repaired


@pytest.fixture(scope="module")
def runs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run that was repaired, one that never came right, and a torn one."""
    folder = tmp_path_factory.mktemp("runs")
    repaired(folder).run(TASK, thread_id="good")
    never_right(folder).run(TASK, thread_id="bad")
    (folder / "torn").mkdir()
    (folder / "torn" / "result.json").write_text("{")
    return folder


def lines(out: Path, kind: str) -> list[dict[str, Any]]:
    return [json.loads(line) for path in sorted((out / kind).glob("*.jsonl")) for line in path.read_text().splitlines()]


def built(runs: Path, folder: Path, *changes: str) -> Built:
    return build(load_recipe("reflection", ("test_share=0", *changes)), runs, folder / "out")


def test_a_repaired_run_gives_a_prompt_a_reflection_and_an_edit(runs: Path, tmp_path: Path) -> None:
    assert built(runs, tmp_path).train == 3
    records = {record["task_type"]: record for record in lines(tmp_path / "out", "train")}
    assert records["t2i"]["instruction"] == TASK and records["t2i"]["input_images"] == []
    assert "Is the circle red?" in records["reflect"]["instruction"]
    assert records["edit"]["instruction"] == "make the circle red"
    assert len({record["output_image"] for record in records.values()}) == 1


def test_the_trainer_reads_the_mix_and_finds_each_picture(runs: Path, tmp_path: Path) -> None:
    built(runs, tmp_path)
    data = MixedDataset(tmp_path / "out" / "mix.yml")
    data.check_pictures()
    assert len(data) == 3


def test_runs_without_an_accepted_picture_and_torn_ones_are_kept_apart(runs: Path, tmp_path: Path) -> None:
    done = built(runs, tmp_path)
    assert (done.items, done.set_aside) == (3, 1)
    assert lines(tmp_path / "out", "set-aside")[0]["source"] == "torn"
    assert {line["source"] for line in lines(tmp_path / "out", "rejected")} == {"bad"}


def test_a_threshold_drops_a_pair_and_says_the_measured_value(runs: Path, tmp_path: Path) -> None:
    assert built(runs, tmp_path, "improvements.min_gain=0.9").train == 0
    dropped = [line for line in lines(tmp_path / "out", "rejected") if line["source"] == "good"]
    scores = [score for line in dropped for score in line["scores"]]
    assert scores[0]["threshold"] == 0.9 and not scores[0]["passed"]


def test_a_second_build_gives_the_same_bytes(runs: Path, tmp_path: Path) -> None:
    built(runs, tmp_path)
    path = tmp_path / "out" / "train" / "1-of-1.jsonl"
    before = path.read_bytes()
    build(load_recipe("reflection", ["test_share=0"]), runs, tmp_path / "out")
    assert path.read_bytes() == before


@pytest.mark.parametrize("change", ["nowhere.min_gain=1", "improvements.min_gian=1", "improvements.min_gain=7"])
def test_an_unknown_stage_or_threshold_is_refused(runs: Path, tmp_path: Path, change: str) -> None:
    with pytest.raises(BadSetting, match="stage"):
        built(runs, tmp_path, change)


def test_the_command_builds_and_refuses_an_unknown_recipe(runs: Path, tmp_path: Path) -> None:
    words = ["--in", runs, "--out", tmp_path / "out"]
    done = call(None, "data", "build", "reflection", *words)
    assert done.exit_code == 0 and json.loads(done.stdout)["items"] == 3
    assert "there is no recipe" in one_line(call(None, "data", "build", "nothing", *words), 2)
