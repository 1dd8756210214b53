"""No lesson or painting shows a scene outside its split."""

import pytest

from omniagent.shapes.scene.world import Scene
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
    assert "test" not in {scene.split for scene in shown}
