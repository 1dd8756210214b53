"""Training data of the bundled checkpoint, made on the fly: every batch is a function of (seed, step)."""

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import torch
from torch import Tensor

from omniagent.shapes.scene.render import render
from omniagent.shapes.scene.world import CANVAS, Scene, Split, random_scene


def rng_for(seed: int, step: int, stream: str) -> np.random.Generator:
    """An independent random stream for one batch of one kind of data."""
    return np.random.default_rng([seed, step, *stream.encode()])


def with_random_phase(rng: np.random.Generator, scene: Scene) -> Scene:
    """The scene with its stripes and dots shifted, as pictures from other programs may have them."""
    items = tuple(replace(i, phase=(float(rng.uniform(0, 9)), float(rng.uniform(0, 9)))) for i in scene.items)
    return replace(scene, items=items)


def scene_of_split(rng: np.random.Generator, objects: int, split: Split = "train") -> Scene:
    """A random scene of the asked split."""
    while True:
        scene = random_scene(rng, objects)
        if scene.split == split:
            return scene


def to_tensor(pictures: list[np.ndarray]) -> Tensor:
    """uint8 HWC pictures as one (B, 3, H, W) float tensor in [-1, 1]."""
    return torch.from_numpy(np.stack(pictures)).permute(0, 3, 1, 2).float().div_(127.5).sub_(1)


def vae_crops(seed: int, batch: int, side: int = 64) -> Callable[[int], Tensor]:
    """Crops of `side` pixels around objects of training scenes, half of them with shifted fills."""

    def pictures(step: int) -> Tensor:
        rng = rng_for(seed, step, "vae")
        crops: list[np.ndarray] = []
        while len(crops) < batch:
            scene = scene_of_split(rng, int(rng.integers(3, 7)))
            if rng.random() < 0.5:
                scene = with_random_phase(rng, scene)
            picture = render(scene)
            for item in scene.items[:2]:
                x = int(np.clip(item.x + rng.uniform(-20, 20) - side / 2, 0, CANVAS - side))
                y = int(np.clip(item.y + rng.uniform(-20, 20) - side / 2, 0, CANVAS - side))
                crops.append(picture[y : y + side, x : x + side])
        return to_tensor(crops[:batch])

    return pictures


def validation_pictures(count: int, seed: int = 1) -> Tensor:
    """Whole pictures of validation scenes."""
    rng = rng_for(seed, 0, "validation")
    return to_tensor([render(scene_of_split(rng, int(rng.integers(1, 7)), "validation")) for _ in range(count)])
