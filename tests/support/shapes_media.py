"""Pictures and films of the shapes world for tests of the data engine."""

from pathlib import Path

import numpy as np
from PIL import Image

from omniagent.shapes.scene.render import render
from omniagent.shapes.scene.world import random_scene


def pictures(folder: Path, count: int, seed: int = 3) -> Path:
    """`count` pictures of three different objects each, as `p00.png`, …"""
    folder.mkdir(parents=True, exist_ok=True)
    rng = np.random.default_rng(seed)
    for number in range(count):
        Image.fromarray(render(random_scene(rng, 3, inside=0, repeat=0))).save(folder / f"p{number:02}.png")
    return folder
