"""Vectors of flat pictures: how much of each colour there is, and where."""

from collections.abc import Sequence
from typing import Final

import numpy as np
from PIL import Image

from omniagent.model.perception.features import Vectors

_BINS: Final = 6
_GRID: Final = 6
_PLACES: Final = 0.5
"""Weight of where colours are beside how much there is of each."""


class ShapesFeatures:
    """`Features` by rules: square roots of a colour histogram's shares, and of a coarse grid's colours."""

    name = "shapes rules"

    def embed(self, pictures: Sequence[Image.Image]) -> Vectors:
        """As `Features.embed`."""
        return np.stack([self._row(picture.convert("RGB")) for picture in pictures])

    def _row(self, picture: Image.Image) -> Vectors:
        small = np.asarray(picture.resize((48, 48), Image.Resampling.BOX), np.float32) / 256
        at = (small * _BINS).astype(np.int64).reshape(-1, 3)
        counts = np.bincount((at[:, 0] * _BINS + at[:, 1]) * _BINS + at[:, 2], minlength=_BINS**3).astype(np.float32)
        amounts = np.sqrt(counts / counts.sum())
        grid = np.asarray(picture.resize((_GRID, _GRID), Image.Resampling.BOX), np.float32).ravel() / 255 - 0.5
        places = grid / max(float(np.linalg.norm(grid)), 1e-6)
        row = np.concatenate([amounts * np.sqrt(1 - _PLACES), places * np.sqrt(_PLACES)])
        return (row / np.linalg.norm(row)).astype(np.float32)
