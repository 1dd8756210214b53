"""Where a batch's pictures lie, and the scenes that lessons are about."""

import numpy as np

from omniagent.shapes.scene.data import with_random_phase
from omniagent.shapes.scene.dense import weathered
from omniagent.shapes.scene.render import render
from omniagent.shapes.scene.world import Scene, Split, random_scene
from omniagent.shapes.tasks.task import some_scene


class Desk:
    """Collects the pictures of one batch and hands out their numbers."""

    def __init__(self, rng: np.random.Generator) -> None:
        self.rng, self.pictures = rng, list[np.ndarray]()

    def show(self, scene: Scene) -> int:
        """Draw the scene, sometimes with shifted fills or weathered; its number in the batch."""
        if self.rng.random() < 0.5:
            scene = with_random_phase(self.rng, scene)
        picture = render(scene)
        return self.keep(weathered(self.rng, picture) if self.rng.random() < 0.6 else picture)

    def keep(self, picture: np.ndarray) -> int:
        """Take the picture as it is; its number in the batch."""
        self.pictures.append(picture)
        return len(self.pictures) - 1


def train_scene(rng: np.random.Generator, split: Split, most: int = 6) -> Scene:
    """A scene with the tasks' mix of object numbers, from the split."""
    while True:
        scene = some_scene(rng, most)
        if scene.split == split:
            return scene


def crowd(rng: np.random.Generator, split: Split) -> Scene:
    """A scene with many objects of few kinds, for numbers are read wrong most often."""
    while True:
        scene = random_scene(rng, int(rng.integers(2, 7)), repeat=0.7, inside=0.05)
        if scene.items and scene.split == split:
            return scene
