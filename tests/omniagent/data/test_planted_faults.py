"""Faults that are planted in what models give: each must be dropped by the stage that is there for it."""

import json
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from omniagent.data.build import build
from omniagent.data.models.roles import Role
from omniagent.data.recipe import load_recipe
from omniagent.model.errors import CriticBadOutput
from omniagent.model.perception.masks import Mask, Rect, box_of
from omniagent.shapes.perception.filler import ShapesFiller
from omniagent.shapes.perception.tracker import ShapesTracker
from omniagent.shapes.perception.words import RuledDescriber
from omniagent.shapes.scene.world import Item, Scene
from omniagent.shapes.videos.film import Clip, Film
from omniagent.shapes.videos.write import write_film
from tests.support.shapes_media import pictures


@pytest.fixture(scope="module")
def film(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with one film: a red circle moves between a blue square and an orange star."""
    still = (Item("square", "blue", "solid", 30, 30, 15), Item("star", "orange", "solid", 100, 100, 16))
    scenes = tuple(Scene("white", (*still, Item("circle", "red", "solid", 40 + t, 75, 15))) for t in range(40))
    folder = tmp_path_factory.mktemp("film")
    write_film(Film((Clip("move", 2, scenes),)), folder / "film.mp4")
    return folder


def outcome(name: str, source: Path, out: Path, models: Mapping[Role, object], *changes: str) -> tuple[int, list[str]]:
    """How many records there are, and why candidates were dropped."""
    done = build(load_recipe(name, ["test_share=0", *changes], "shapes"), source, out, models=models)
    assert done.set_aside == 0
    lines = (out / "rejected" / "1-of-1.jsonl").read_text().splitlines()
    return done.train, [json.loads(line)["reason"] for line in lines]


@pytest.mark.slow
def test_without_a_fault_every_recipe_gives_records(film: Path, tmp_path: Path) -> None:
    for name in ("in-context", "in-context-edit", "video-edit"):
        assert outcome(name, film, tmp_path / name, {})[0] > 0, name


class SecondCopy(ShapesFiller):
    """Paints what it was to keep a second time, beside it."""

    def fill(self, picture: Image.Image, mask: Mask, *, prompt: str = "", seed: int = 0) -> Image.Image:
        made = super().fill(picture, mask, prompt=f"empty {prompt}", seed=seed)
        first = np.zeros_like(mask)
        kept = ~mask
        box = box_of(kept)
        assert box is not None
        x, y = int(box[0]), int(box[1])
        half = kept[y : y + 40, x : x + 40]
        first[y : y + half.shape[0], x : x + half.shape[1]] = half
        copy = Image.new("L", picture.size)
        copy.paste(Image.fromarray(first.astype(np.uint8) * 255), (60, 0))
        shifted = Image.new("RGB", picture.size)
        shifted.paste(picture, (60, 0))
        return Image.composite(shifted, made, copy)


class Swapped(ShapesTracker):
    """Follows another thing from the second frame on, as trackers do that drift to a look-alike."""

    def track(self, frames: Sequence[Image.Image], boxes: Sequence[Rect]) -> list[list[Mask]]:
        first, *rest = super().track(frames, boxes)
        return [first, *(row[1:] + row[:1] for row in rest)]


class Lost(ShapesTracker):
    """Loses everything after the first frame."""

    def track(self, frames: Sequence[Image.Image], boxes: Sequence[Rect]) -> list[list[Mask]]:
        first, *rest = super().track(frames, boxes)
        return [first, *([np.zeros_like(mask) for mask in row] for row in rest)]


class Nothing:
    """Fills nothing: the picture comes back as it was."""

    name = "nothing"

    def fill(self, picture: Image.Image, mask: Mask, *, prompt: str = "", seed: int = 0) -> Image.Image:
        return picture.copy()


class Liar(RuledDescriber):
    """Tells of a change that never happened."""

    def change(self, before: Image.Image, after: Image.Image) -> str:
        return "remove the green ring"

    def fits(self, instruction: str, inputs: Sequence[Image.Image], output: Image.Image) -> float:
        told = RuledDescriber().change(inputs[0], output)
        return 0.95 if told == instruction else 0.02


class Prose(RuledDescriber):
    """Answers what cannot be read."""

    def subjects(self, picture: Image.Image, most: int) -> tuple[str, ...]:
        raise CriticBadOutput("I see many nice things")

    def change(self, before: Image.Image, after: Image.Image) -> str:
        raise CriticBadOutput("it looks great now")


@pytest.mark.parametrize(
    ("recipe", "role", "make", "told"),
    [
        ("in-context", "filler", SecondCopy, "copies of"),
        ("in-context", "filler", Nothing, "background change is 0"),
        ("in-context", "tracker", Swapped, "the track drifted"),
        ("in-context", "tracker", Lost, "not seen whole in any later frame"),
        ("in-context", "describer", Prose, "cannot be read"),
        ("in-context-edit", "filler", Nothing, "background change is 0"),
        ("in-context-edit", "tracker", Swapped, "the track drifted"),
        ("video-edit", "describer", Liar, "fits is 0.02"),
        ("video-edit", "describer", Prose, "cannot be read"),
    ],
)
def test_a_planted_fault_costs_its_candidates_and_is_named(
    film: Path, tmp_path: Path, recipe: str, role: Role, make: Callable[[], Any], told: str
) -> None:
    records, reasons = outcome(recipe, film, tmp_path / "out", {role: make()})
    assert records == 0 and any(told in reason for reason in reasons), reasons


def test_a_filler_that_changes_nothing_gives_no_pair(tmp_path: Path) -> None:
    source = pictures(tmp_path / "in", 2)
    records, reasons = outcome("inpaint-edit", source, tmp_path / "out", {"filler": Nothing()})
    assert records == 0 and all("change is 0" in reason for reason in reasons)
