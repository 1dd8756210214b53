"""No lesson and no example of the generator shows a scene outside its split."""

from pathlib import Path

import numpy as np
import pytest

from omniagent.shapes.painting import examples, own_pictures
from omniagent.shapes.painting.examples import PaintingMix, painting_examples
from omniagent.shapes.painting.own_pictures import Gallery, Painting, Pictures
from omniagent.shapes.scene.world import Scene
from omniagent.shapes.tasks.repairs import random_fault
from omniagent.shapes.tasks.task import sample_task
from omniagent.shapes.training import lessons
from omniagent.shapes.training.lessons import Desk


def test_every_picture_shown_in_lessons_belongs_to_the_split(monkeypatch: pytest.MonkeyPatch) -> None:
    shown: list[Scene] = []
    show = Desk.show

    def watched(desk: Desk, scene: Scene) -> int:
        shown.append(scene)
        return show(desk, scene)

    monkeypatch.setattr(Desk, "show", watched)
    make = lessons.lesson_batches(4, lessons.LessonMix(scenes=4, plans=4, seen_plans=4, repairs=12))
    for step in range(12):
        make(step)
    assert len(shown) > 200
    assert {scene.split for scene in shown} == {"train"}


class Sheets:
    """Blank pictures in place of drawn ones, each with the number of its scene in its first pixel."""

    def __init__(self) -> None:
        self.scenes: list[Scene] = []

    def __call__(self, scene: Scene) -> Pictures:
        picture = np.zeros((8, 8, 3), dtype=np.uint8)
        picture[0, 0] = len(self.scenes) // 256, len(self.scenes) % 256, 1
        self.scenes.append(scene)
        return picture

    def scene(self, picture: Pictures) -> Scene:
        """What the picture would show."""
        return self.scenes[int(picture[0, 0, 0]) * 256 + int(picture[0, 0, 1])]


def _paintings(sheets: Sheets, number: int) -> list[Painting]:
    """Pictures of training tasks, half of them with a fault; some of the faulty ones show scenes of other splits."""
    rng = np.random.default_rng(5)
    made: list[Painting] = []
    while len(made) < number:
        task = sample_task(rng, "draw")
        assert task.target is not None and task.wanted is not None
        seen = random_fault(rng, task.target).scene if len(made) % 2 else task.target
        if seen.items:
            made.append(Painting(sheets(seen), seen, task.wanted, task.instruction, task.target))
    return made


@pytest.mark.parametrize(
    ("mix", "painted"),
    [
        (PaintingMix(edits=0.7), False),
        (PaintingMix(edits=0.9, references=0.1, several=1.0), False),
        (PaintingMix(edits=0.0, references=0.0, ringed=0.0, hard=1.0, planned=1.0), False),
        (PaintingMix(edits=0.0, references=0.0, ringed=1.0, planned=0.5), False),
        (PaintingMix(edits=1.0, references=0.0, several=0.5), True),
    ],
    ids=["usual", "several", "hard and planned", "ringed", "paintings"],
)
def test_sources_and_targets_of_the_generators_examples_belong_to_the_split(
    mix: PaintingMix, painted: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    sheets = Sheets()
    monkeypatch.setattr(examples, "render", sheets)
    paintings = _paintings(sheets, 200) if painted else []

    def load(path: Path) -> list[Painting]:
        return paintings

    monkeypatch.setattr(own_pictures, "load_paintings", load)
    (tmp_path / "0.npz").touch()
    gallery = Gallery(tmp_path)
    assert {"validation"} <= {one.seen.split for one in paintings} or not painted
    made = painting_examples(9, 400, mix, gallery=gallery)(0)
    shown = [[sheets.scene(picture) for picture in (*one.references, one.target)] for one in made]
    assert {scene.split for scenes in shown for scene in scenes} == {"train"}
    own = {id(one.picture) for one in paintings}
    assert (sum(id(picture) in own for one in made for picture in one.references) > 50) == painted
