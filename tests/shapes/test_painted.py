"""Lessons on the generator's own pictures: what is read in them, what is said to be wrong, and what is kept."""

import os
from pathlib import Path

import numpy as np
import pytest

from omniagent.shapes.painting.examples import PaintingMix, painting_examples
from omniagent.shapes.painting.own_pictures import (
    Gallery,
    Pictures,
    faults_of,
    generator_words,
    load_paintings,
    mended,
    paint_file,
    seen_in,
)
from omniagent.shapes.scene.data import scene_of_split
from omniagent.shapes.scene.render import render
from omniagent.shapes.scene.world import Split
from omniagent.shapes.tasks.repairs import random_fault
from omniagent.shapes.tasks.task import ShapesTask, some_scene
from omniagent.shapes.training.lessons import LessonMix, lesson_batches
from omniagent.shapes.words.phrases import describe

SEEDS = range(12)


def faulty(tasks: list[ShapesTask], seed: int) -> list[Pictures]:
    """A generator that makes one mistake in each picture."""
    rng = np.random.default_rng(seed)
    return [render(random_fault(rng, task.target).scene) for task in tasks if task.target is not None]


@pytest.mark.parametrize("seed", SEEDS)
def test_a_clear_picture_is_described_as_the_scene_it_was_drawn_from(seed: int) -> None:
    scene = some_scene(np.random.default_rng(seed))
    seen = seen_in(render(scene))
    assert seen is not None and describe(seen) == describe(scene)


@pytest.mark.parametrize("seed", SEEDS)
def test_a_single_fault_is_told_with_the_instruction_that_mends_it(seed: int) -> None:
    rng = np.random.default_rng(seed)
    scene = some_scene(rng)
    fault = random_fault(rng, scene)
    assert faults_of(fault.scene, scene) == [fault.repair]
    assert faults_of(scene, scene) == []


def test_what_cannot_be_told_is_an_object_without_a_name_and_asked_to_be_drawn_again() -> None:
    scene = some_scene(np.random.default_rng(3))
    item = scene.items[0]
    picture = render(scene).copy()
    # Half of the object is painted over with the background.
    rows = slice(int(item.y - item.radius) - 2, int(item.y) + 1)
    picture[rows, int(item.x - item.radius) - 2 : int(item.x + item.radius) + 2] = picture[0, 0]
    seen = seen_in(picture)
    assert seen is not None and any(" object " in f" {line} " for line in describe(seen).split("; "))
    assert any(fault.startswith("turn the ") and fault.endswith(item.shape) for fault in faults_of(seen, scene))


def test_paintings_are_kept_with_what_was_wanted_and_become_lessons(tmp_path: Path) -> None:
    kept = sum(paint_file(tmp_path / f"{step}.npz", faulty, seed=5, step=step, number=4) for step in range(4))
    paintings = Gallery(tmp_path)
    assert len(paintings.all) == kept > 8 and not paintings.clear
    assert all(faults_of(each.seen, each.target) for each in paintings.all)
    batch = lesson_batches(0, LessonMix(0, 0, 0, 0, 0, painted=6), paintings=paintings)(0)
    topics = {group[0].topic: group for group in batch.groups}
    assert len(topics["describe"]) == len(topics["verdict"]) == 6 and len(batch.pictures) == 6
    assert topics["repair"]
    assert Gallery(tmp_path / "nowhere").all == []


def test_a_gallery_takes_up_what_is_painted_meanwhile_and_lets_the_oldest_go(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    clock = [100.0]
    monkeypatch.setattr("time.monotonic", lambda: clock[0])
    gallery = Gallery(tmp_path, files=2)
    assert gallery.all == []
    numbers = [paint_file(tmp_path / f"{step}.npz", faulty, seed=5, step=step, number=4) for step in range(3)]
    for step in range(3):
        os.utime(tmp_path / f"{step}.npz", (step, step))
    gallery.look_again()
    assert len(gallery.all) == sum(numbers[1:])
    newest = paint_file(tmp_path / "3.npz", faulty, seed=6, step=3, number=9)
    gallery.look_again()
    assert len(gallery.all) == sum(numbers[1:])
    clock[0] += 11
    gallery.look_again()
    assert len(gallery.all) == numbers[2] + newest != sum(numbers[1:])


def test_only_training_scenes_are_painted_and_kept_for_lessons(tmp_path: Path) -> None:
    asked: list[ShapesTask] = []

    def note(tasks: list[ShapesTask], seed: int) -> list[Pictures]:
        asked.extend(tasks)
        return faulty(tasks, seed)

    for step in range(3):
        paint_file(tmp_path / f"{step}.npz", note, seed=6, step=step, number=4)
    assert asked and all(scene.split == "train" for task in asked for scene in (*task.scenes, task.target) if scene)
    splits: tuple[Split, ...] = ("train", "validation", "test")

    def strays(tasks: list[ShapesTask], seed: int) -> list[Pictures]:
        rng = np.random.default_rng(seed)
        return [render(scene_of_split(rng, 2, split)) for split in splits]

    assert paint_file(tmp_path / "strays.npz", strays, seed=6, step=0, number=3) == 1
    assert {each.seen.split for each in load_paintings(tmp_path / "strays.npz")} == {"train"}
    assert all(generator_words(task) for task in asked)


@pytest.mark.parametrize("seed", SEEDS)
def test_a_mended_picture_has_no_fault_left_and_moves_nothing_else(seed: int) -> None:
    rng = np.random.default_rng(seed)
    scene = some_scene(rng)
    seen = random_fault(rng, scene).scene
    whole = mended(seen, scene)
    assert faults_of(whole, scene) == []
    assert all(item in whole.items for item in seen.items if item in scene.items)


def test_the_generator_learns_to_mend_its_own_pictures(tmp_path: Path) -> None:
    for step in range(4):
        paint_file(tmp_path / f"{step}.npz", faulty, seed=5, step=step, number=4)
    gallery = Gallery(tmp_path)
    own = {painting.picture.tobytes() for painting in gallery.all}
    examples = painting_examples(0, 60, PaintingMix(edits=1.0, references=0.0), gallery=gallery)(0)
    mending = [one for one in examples if one.references and one.references[0].tobytes() in own]
    assert len(mending) > 5
    assert all(one.instruction and not np.array_equal(one.references[0], one.target) for one in mending)


def test_a_broken_file_of_paintings_is_told_and_left_out(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    kept = paint_file(tmp_path / "0.npz", faulty, seed=5, step=0, number=4)
    (tmp_path / "1.npz").write_bytes((tmp_path / "0.npz").read_bytes()[:500])
    (tmp_path / "2.npz").write_text("no archive")
    assert len(Gallery(tmp_path).all) == kept
    assert "1.npz" in caplog.text and "2.npz" in caplog.text
