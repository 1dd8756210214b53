"""The engine: order, shards, faults, kills and workers."""

import errno
import json
import os
import signal
import subprocess
import sys
from multiprocessing import active_children
from pathlib import Path
from typing import Any

import psutil
import pytest
from PIL import Image

from omniagent.data.build import Built, build
from omniagent.data.executors.job import Job
from omniagent.data.executors.local import LocalExecutor
from omniagent.data.executors.named import executor_named
from omniagent.data.recipe import Recipe, load_recipe
from omniagent.data.records import SetAside
from omniagent.model.errors import BadSetting, CriticUnavailable, StorageFull
from omniagent.shapes.perception.words import RuledDescriber
from tests.support.paths import ROOT
from tests.support.processes import Process
from tests.support.shapes_media import pictures


def recipe(*changes: str) -> Recipe:
    return load_recipe("inpaint-edit", ("test_share=0", "holes.tries=2", *changes), "shapes")


def train(out: Path, name: str = "1-of-1") -> bytes:
    return (out / "train" / f"{name}.jsonl").read_bytes()


def lines(out: Path, kind: str) -> list[dict[str, Any]]:
    return [json.loads(line) for path in sorted((out / kind).glob("*.jsonl")) for line in path.read_text().splitlines()]


class Faulty(RuledDescriber):
    """Fails by a passing fault as often as it is told to."""

    def __init__(self, faults: int) -> None:
        self.left = faults

    def change(self, before: Image.Image, after: Image.Image) -> str:
        if self.left:
            self.left -= 1
            raise CriticUnavailable("the server is away")
        return super().change(before, after)


def test_the_untouched_picture_is_the_target_and_the_filled_one_the_input(tmp_path: Path) -> None:
    source = pictures(tmp_path / "in", 3)
    build(recipe(), source, tmp_path / "out")
    records = lines(tmp_path / "out", "train")
    originals = {Image.open(path).convert("RGB").tobytes() for path in source.iterdir()}
    for record in records:
        shown = [Image.open(tmp_path / "out" / name).convert("RGB").tobytes() for name in
                 (record["output_image"], *record["input_images"])]  # fmt: skip
        assert shown[0] in originals and shown[1] not in originals
    assert len(records) > 2


def test_two_builds_give_the_same_bytes_and_another_seed_others(tmp_path: Path) -> None:
    source = pictures(tmp_path / "in", 3)
    for name, seed in (("a", 0), ("b", 0), ("c", 1)):
        build(recipe(f"seed={seed}"), source, tmp_path / name)
    assert train(tmp_path / "a") == train(tmp_path / "b") != train(tmp_path / "c")


def test_shards_together_give_what_one_build_gives(tmp_path: Path) -> None:
    source = pictures(tmp_path / "in", 5)
    build(recipe(), source, tmp_path / "whole")
    for number in (1, 2):
        build(recipe(), source, tmp_path / "parts", shard=(number, 2))
    parts = train(tmp_path / "parts", "1-of-2") + train(tmp_path / "parts", "2-of-2")
    assert sorted(parts.splitlines()) == sorted(train(tmp_path / "whole").splitlines())


def test_a_limit_takes_the_first_items_alone(tmp_path: Path) -> None:
    assert build(recipe(), pictures(tmp_path / "in", 4), tmp_path / "out", limit=2).items == 2


def test_files_that_are_no_pictures_are_set_aside_and_the_rest_goes_on(tmp_path: Path) -> None:
    source = pictures(tmp_path / "in", 2)
    (source / "a-text.png").write_text("no picture")
    (source / "b-empty.jpg").write_bytes(b"")
    Image.new("RGB", (20, 20)).save(source / "c-tiny.png")
    done = build(recipe(), source, tmp_path / "out")
    assert done.items == 5 and done.train > 0
    assert [line["source"] for line in lines(tmp_path / "out", "set-aside")] == [
        "a-text.png", "b-empty.jpg", "c-tiny.png"
    ]  # fmt: skip


def test_a_passing_fault_is_tried_again_and_costs_no_record(tmp_path: Path) -> None:
    source = pictures(tmp_path / "in", 2)
    build(recipe(), source, tmp_path / "calm")
    done = build(recipe(), source, tmp_path / "out", models={"describer": Faulty(2)}, waits=(0, 0))
    assert done.set_aside == 0 and train(tmp_path / "out") == train(tmp_path / "calm")


def test_a_server_that_stays_away_ends_the_build_and_keeps_the_finished_stages(tmp_path: Path) -> None:
    source = pictures(tmp_path / "in", 7)
    with pytest.raises(CriticUnavailable, match="5 items in a row"):
        build(recipe(), source, tmp_path / "out", models={"describer": Faulty(99)}, waits=())
    kept = {path: path.stat().st_mtime_ns for path in (tmp_path / "out" / "ledger").rglob("*.json")}
    assert build(recipe(), source, tmp_path / "out").set_aside == 0
    assert len(kept) == 5 and all(path.stat().st_mtime_ns == before for path, before in kept.items())


def test_a_disk_that_fills_up_ends_the_build_with_its_own_error_and_the_next_one_goes_on(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    source, room = pictures(tmp_path / "in", 3), 7
    sync = os.fsync

    def full(file: int) -> None:
        nonlocal room
        room -= 1
        if room < 0:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        sync(file)

    with monkeypatch.context() as patch, pytest.raises(StorageFull, match="no room left"):
        patch.setattr("os.fsync", full)
        build(recipe(), source, tmp_path / "out")
    kept = {path: path.stat().st_mtime_ns for path in (tmp_path / "out" / "ledger").rglob("*.json")}
    assert kept and not (tmp_path / "out" / "train" / "1-of-1.jsonl").exists()
    done = build(recipe(), source, tmp_path / "out")
    assert done.set_aside == 0 and all(path.stat().st_mtime_ns == at for path, at in kept.items())


def test_another_threshold_works_again_from_its_own_stage_on(tmp_path: Path) -> None:
    source = pictures(tmp_path / "in", 2)
    build(recipe(), source, tmp_path / "out")
    before = set((tmp_path / "out" / "ledger").rglob("*.json"))
    build(recipe("instruct.least_sound=0.1"), source, tmp_path / "out")
    assert len(set((tmp_path / "out" / "ledger").rglob("*.json")) - before) == 2


def test_another_model_works_again_and_no_entry_of_the_old_one_is_taken(tmp_path: Path) -> None:
    source = pictures(tmp_path / "in", 1)
    build(recipe(), source, tmp_path / "out")
    before = len(list((tmp_path / "out" / "ledger").rglob("*.json")))
    other = {"describer": RuledDescriber()}
    build(recipe("models.describer.model=other"), source, tmp_path / "out", models=other)
    assert len(list((tmp_path / "out" / "ledger").rglob("*.json"))) == before + 1


def test_a_second_build_into_the_folder_of_a_running_one_is_refused(tmp_path: Path) -> None:
    source = pictures(tmp_path / "in", 1)
    refused: list[str] = []

    def again(_: object) -> None:
        with pytest.raises(ValueError, match="another run is at work") as error:
            build(recipe(), source, tmp_path / "out")
        refused.append(str(error.value))

    build(recipe(), source, tmp_path / "out", tell=again)
    assert refused


@pytest.mark.parametrize(
    ("change", "told"),
    [
        ("models.filler=magic", "give diffusers, shapes"),
        ("models.filler.strength=2", "filler"),
        ("models.painter=shapes", "painter"),
        ("source=clouds", "give runs, videos, pictures"),
    ],
)
def test_an_unknown_model_or_source_is_refused_before_any_work(tmp_path: Path, change: str, told: str) -> None:
    with pytest.raises(BadSetting, match=told):
        build(recipe(change), pictures(tmp_path / "in", 1), tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_an_executor_by_an_unknown_name_is_refused() -> None:
    with pytest.raises(BadSetting, match="give local or ray"):
        executor_named("slurm")


def job(source: Path, out: Path) -> Job:
    return Job(recipe(), source, out, out)


@pytest.mark.slow
def test_two_workers_give_the_bytes_of_one(tmp_path: Path) -> None:
    source = pictures(tmp_path / "in", 6)
    build(recipe(), source, tmp_path / "one")
    build(recipe(), source, tmp_path / "two", executor=LocalExecutor(2))
    assert train(tmp_path / "one") == train(tmp_path / "two")


@pytest.mark.slow
def test_a_worker_that_is_killed_costs_no_item(tmp_path: Path) -> None:
    source = pictures(tmp_path / "in", 8)
    names = [f"p{number:02}.png" for number in range(8)]
    given: list[str] = []
    for done in LocalExecutor(2).run(job(source, tmp_path / "out"), names):
        assert not isinstance(done.given, SetAside)
        if not given:
            victim = active_children()[0].pid
            assert victim is not None
            os.kill(victim, signal.SIGKILL)
        given.append(done.item)
    assert given == names


def command(source: Path, out: Path, *more: str) -> list[str]:
    words = ["--in", str(source), "--out", str(out), "--preset", "shapes", "--set", "test_share=0", *more]
    return [sys.executable, "-m", "omniagent.cli", "data", "build", "inpaint-edit", "--set", "holes.tries=2", *words]


@pytest.mark.slow
def test_a_build_that_is_killed_goes_on_without_repeating_a_finished_stage(tmp_path: Path) -> None:
    source, out = pictures(tmp_path / "in", 8), tmp_path / "out"
    with Process(command(source, out), cwd=ROOT, stderr=subprocess.PIPE, stdout=subprocess.DEVNULL, text=True) as run:
        assert run.stderr is not None
        for _ in range(3):
            assert "records" in run.stderr.readline()
        os.kill(run.pid, signal.SIGKILL)
    kept = {path: path.stat().st_mtime_ns for path in (out / "ledger").rglob("*.json")}
    assert 6 <= len(kept) < 16 and not (out / "train" / "1-of-1.jsonl").exists()
    done = build(recipe(), source, out)
    build(recipe(), source, tmp_path / "whole")
    assert done.items == 8 and train(out) == train(tmp_path / "whole")
    assert all(path.stat().st_mtime_ns == before for path, before in kept.items())


@pytest.mark.slow
def test_the_workers_of_a_build_that_is_killed_end_with_it(tmp_path: Path) -> None:
    source = pictures(tmp_path / "in", 30)
    words = command(source, tmp_path / "out", "--workers", "2")
    with Process(words, cwd=ROOT, stderr=subprocess.PIPE, stdout=subprocess.DEVNULL, text=True) as run:
        assert run.stderr is not None and "records" in run.stderr.readline()
        children = psutil.Process(run.pid).children(recursive=True)
        os.kill(run.pid, signal.SIGKILL)
    _, alive = psutil.wait_procs(children, timeout=60)
    assert len(children) >= 2 and not alive


def test_the_counts_of_a_build_add_up(tmp_path: Path) -> None:
    done: Built = build(recipe("test_share=0.5"), pictures(tmp_path / "in", 6), tmp_path / "out")
    assert done.train + done.test + done.rejected + done.duplicates == 12
    assert min(done.train, done.test) > 0
