"""Dense labels of scenes for the vision tower: what is centred in each 16-pixel cell, what covers its ground."""

from collections.abc import Callable

import numpy as np
import torch

from omniagent.model.training.vision import IGNORE, DenseBatch, Target
from omniagent.shapes.scene.data import rng_for, scene_of_split, to_tensor, with_random_phase
from omniagent.shapes.scene.render import render
from omniagent.shapes.scene.world import (
    BACKGROUNDS,
    CANVAS,
    COLOURS,
    FILLS,
    REACH,
    SHAPES,
    SPOTS,
    Scene,
    Split,
    spot_of,
)

CELL = 16
GRID = CANVAS // CELL
POINTS = 4
_COLOURS, _BACKGROUNDS = list(COLOURS), list(BACKGROUNDS)

# Two slots a cell: an object, and the small one inside it when a ring holds one.
TARGETS = (
    Target("background", len(BACKGROUNDS), 1),
    Target("present", 2, 2),
    Target("colour", len(COLOURS), 2),
    Target("shape", len(SHAPES), 2),
    Target("fill", len(FILLS), 2),
    Target("ground_colour", len(COLOURS) + 1, POINTS * POINTS),
    Target("ground_shape", len(SHAPES) + 1, POINTS * POINTS),
    Target("column", len(SPOTS), 2),
    Target("row", len(SPOTS), 2),
)
NUMBERS = 6
"""Per slot: radius; then the cell's own row and column, and the number of objects in the picture."""


def label(scene: Scene) -> tuple[dict[str, np.ndarray], np.ndarray]:
    """Labels (GRID², sites) by target name and numbers (GRID², NUMBERS) of one scene."""
    n = GRID * GRID
    labels = {t.name: np.full((n, t.sites), IGNORE, dtype=np.int64) for t in TARGETS}
    labels["background"][:] = _BACKGROUNDS.index(scene.background)
    labels["present"][:] = 0
    ground = np.zeros((2, GRID * POINTS, GRID * POINTS), dtype=np.int64)
    at = (np.arange(GRID * POINTS) + 0.5) * (CELL / POINTS)
    numbers = np.full((n, NUMBERS), np.nan, dtype=np.float32)
    rows, columns = np.divmod(np.arange(n), GRID)
    numbers[:, 2], numbers[:, 3] = rows / GRID * 2 - 1, columns / GRID * 2 - 1
    numbers[:, 4] = len(scene.items) / 3 - 1
    for item in scene.items:
        cell = min(int(item.y / CELL), GRID - 1) * GRID + min(int(item.x / CELL), GRID - 1)
        slot = int(labels["present"][cell, 0] == 1)
        colour, shape = _COLOURS.index(item.colour), SHAPES.index(item.shape)
        labels["present"][cell, slot] = 1
        labels["colour"][cell, slot] = colour
        labels["shape"][cell, slot] = shape
        labels["fill"][cell, slot] = FILLS.index(item.fill)
        column, row = spot_of(item.x, item.y).split()
        labels["column"][cell, slot], labels["row"][cell, slot] = SPOTS.index(column), SPOTS.index(row)
        numbers[cell, slot] = item.radius / 8 - 2
        dx, dy = at[None, :] - item.x, at[:, None] - item.y
        reach = item.radius * min(REACH[item.shape], 1.0) * (0.8 if item.shape in ("star", "triangle") else 1.0)
        covered = np.hypot(dx, dy) <= reach
        ground[0][covered], ground[1][covered] = colour + 1, shape + 1
    for plane, name in zip(ground, ("ground_colour", "ground_shape"), strict=True):
        split = plane.reshape(GRID, POINTS, GRID, POINTS).transpose(0, 2, 1, 3)
        labels[name][:] = split.reshape(n, POINTS * POINTS)
    numbers[:, 5] = np.nan
    return labels, numbers


def weathered(rng: np.random.Generator, picture: np.ndarray) -> np.ndarray:
    """The picture with colour jitter, noise and sometimes blur, as painted or recompressed pictures have them."""
    out = picture.astype(np.float32) + rng.uniform(-8, 8, size=(1, 1, 3)).astype(np.float32)
    if rng.random() < 0.3:
        out = (out + np.roll(out, 1, 0) + np.roll(out, 1, 1) + np.roll(out, (1, 1), (0, 1))) / 4
    if rng.random() < 0.6:
        out += rng.normal(0, rng.uniform(1, 7), size=out.shape).astype(np.float32)
    return np.clip(np.rint(out), 0, 255).astype(np.uint8)


def dense_batches(seed: int, batch: int, split: Split = "train") -> Callable[[int], DenseBatch]:
    """Batches of random scenes with their dense labels."""

    def make(step: int) -> DenseBatch:
        rng = rng_for(seed, step, f"dense-{split}")
        pictures: list[np.ndarray] = []
        labels: list[dict[str, np.ndarray]] = []
        numbers: list[np.ndarray] = []
        for _ in range(batch):
            scene = scene_of_split(rng, int(rng.integers(1, 7)), split)
            if rng.random() < 0.5:
                scene = with_random_phase(rng, scene)
            pictures.append(weathered(rng, render(scene)) if rng.random() < 0.7 else render(scene))
            known, values = label(scene)
            labels.append(known)
            numbers.append(values)
        joined = {name: torch.from_numpy(np.stack([one[name] for one in labels])) for name in labels[0]}
        return DenseBatch(to_tensor(pictures), joined, torch.from_numpy(np.stack(numbers)))

    return make
