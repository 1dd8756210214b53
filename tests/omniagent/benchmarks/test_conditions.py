"""Edges and masks as conditions in the shapes world: how they are made, and what counts as right."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from omniagent.benchmarks.catalogue import benchmark_named
from omniagent.benchmarks.items import Item, Look, Sample
from omniagent.benchmarks.judgement import Judgement, JudgeOptions
from omniagent.shapes.evaluation.suites import tasks_of
from omniagent.shapes.scene.render import render
from omniagent.shapes.scene.world import Scene
from omniagent.shapes.tasks.conditions import agreement, condition_of, picture_of

TASK = tasks_of("draw", limit=2)[1]
SCENE = TASK.target or Scene("white", ())


@pytest.fixture(scope="module")
def items(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Item]:
    folder = tmp_path_factory.mktemp("conditions")
    return {item.key: item for item in benchmark_named("conditions").items(folder, folder)}


def judged(item: Item, picture: np.ndarray, folder: Path) -> Judgement:
    path = folder / "picture.png"
    Image.fromarray(picture).save(path)
    return benchmark_named("conditions").judge(JudgeOptions(), folder).judge(Look(Sample(item, 0, path.name), path))


def test_conditions_show_where_things_are_and_nothing_else():
    mask, edges = condition_of(SCENE, "mask"), condition_of(SCENE, "edges")
    assert 0 < edges.sum() < mask.sum() and not (edges & ~mask).any()
    recoloured = replace(SCENE, background="black", items=tuple(replace(i, colour="cyan") for i in SCENE.items))
    assert np.array_equal(condition_of(recoloured, "mask"), mask)
    assert set(np.unique(picture_of(edges))) == {0, 255}


def test_the_items_are_two_ways_of_two_conditions_over_the_same_test_scenes(items: dict[str, Item]):
    assert len(items) == 24 and {item.cluster for item in items.values()} == set("012345")
    drawn = items["from-edges-001"]
    assert drawn.prompt.startswith("Following the edges of image 1, generate a new picture: ")
    assert np.array_equal(np.asarray(Image.open(drawn.images[0])), picture_of(condition_of(SCENE, "edges")))
    wanted = items["to-mask-001"]
    assert wanted.prompt == "Draw the mask of all objects in image 1, white on black."
    assert np.array_equal(np.asarray(Image.open(wanted.images[0])), render(SCENE))


def test_a_picture_is_right_where_its_words_hold_and_its_objects_stand_in_place(items: dict[str, Item], tmp_path: Path):
    item = items["from-mask-001"]
    assert judged(item, render(SCENE), tmp_path).scores == {"right": 1, "words": 1, "placed": 1}
    flipped = replace(SCENE, items=tuple(replace(i, x=128 - i.x) for i in SCENE.items))
    moved = judged(item, render(flipped), tmp_path)
    assert moved.scores["right"] == 0 and moved.scores["placed"] < 1
    other = replace(SCENE, items=tuple(replace(i, colour="pink") for i in SCENE.items))
    assert (told := judged(item, render(other), tmp_path)).scores["placed"] == 1 and told.scores["words"] < 1
    copied = judged(item, np.asarray(Image.open(item.images[0])), tmp_path)
    assert copied.outcome == "scored" and copied.scores["right"] == 0


@pytest.mark.parametrize("kind", ["mask", "edges"])
def test_a_drawn_condition_is_right_where_it_agrees_with_the_truth(items: dict[str, Item], tmp_path: Path, kind: str):
    assert kind in ("mask", "edges")
    truth = picture_of(condition_of(SCENE, kind))
    large = np.asarray(Image.fromarray(truth).resize((256, 256)))
    assert judged(items[f"to-{kind}-001"], large, tmp_path).scores["right"] == 1
    shifted = agreement(np.roll(truth, 1, axis=1), SCENE, kind)
    assert 0.7 < shifted <= 1 and agreement(np.roll(truth, 30, axis=1), SCENE, kind) < 0.7
    for flat in (np.zeros_like(truth), np.full_like(truth, 255)):
        assert agreement(flat, SCENE, kind) < 0.7
