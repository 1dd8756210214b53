"""What an edit changed that it had no reason to change, by pixels alone.

No model is asked: an editor that redraws the whole picture, or shifts its colours, is found by arithmetic. The edited
region is not known, so it is taken to be the two largest changed patches (an object moves from one place to another);
what changes outside of them, or a patch that covers most of the picture, is over-editing.
"""

import re
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
from PIL import Image

GRID = 32
CHANGED = 40
DRIFTED = 20
PATCHES = 2
WIDEST = 0.6

_WHOLE = re.compile(r"\b(?:background|ground|everything|all|whole|entire|style|lighting|swap|night|weather)\b")

Mask = npt.NDArray[np.bool_]


class Preservation(NamedTuple):
    """Changed share of the picture, share of that outside the edited region (0 to 1 both), drift in levels (0 to 255).

    On the shapes world with noise, `outside` passes 0.2 in 5 % of right edits and in 67 % of pictures redrawn on the
    same ground.
    """

    changed: float
    outside: float
    drift: float

    @property
    def over_edit(self) -> float:
        """The share of the change that had no reason; all of it when the whole picture drifted."""
        return 1.0 if self.drift >= DRIFTED else max(self.outside, self.changed if self.changed > WIDEST else 0.0)


def may_change_everything(instruction: str) -> bool:
    """Whether the words give a reason to change the whole picture, its background for example."""
    return _WHOLE.search(instruction.lower()) is not None


def preservation(before: Image.Image, after: Image.Image) -> Preservation:
    """Compare an edit with its source on a grid of 32x32 cells; the sizes may differ.

    `changed` is the share of cells that differ by 40 of 255 levels in some colour, `outside` the share of these that
    lie outside the boxes of the two largest changed patches, `drift` the largest median colour difference
    (low-frequency drift, as in VAE-LFA, arXiv 2605.08250).
    """
    difference = _cells(after) - _cells(before)
    mask: Mask = np.abs(difference).max(axis=2) >= CHANGED
    drift = float(np.abs(np.median(difference.reshape(-1, 3), axis=0)).max())
    patches = sorted(_patches(mask), key=lambda patch: -int(patch.sum()))
    region = np.zeros_like(mask)
    for patch in patches[:PATCHES]:
        rows, columns = np.nonzero(patch)
        region[max(rows.min() - 1, 0) : rows.max() + 2, max(columns.min() - 1, 0) : columns.max() + 2] = True
    outside = float((mask & ~region).sum()) / max(1.0, float(mask.sum()))
    return Preservation(float(mask.mean()), outside, drift)


def over_edit(before: Image.Image, after: Image.Image, instruction: str) -> float:
    """The share of the change that has no reason in the words, 0 to 1."""
    return 0.0 if may_change_everything(instruction) else preservation(before, after).over_edit


def _cells(image: Image.Image) -> npt.NDArray[np.int32]:
    return np.asarray(image.convert("RGB").resize((GRID, GRID), Image.Resampling.BOX), dtype=np.int32)


def _patches(mask: Mask) -> list[Mask]:
    left, patches = mask.copy(), list[Mask]()
    while left.any():
        patch = np.zeros_like(mask)
        patch[np.unravel_index(int(left.argmax()), mask.shape)] = True
        while True:
            grown = _grown(patch) & mask
            if (grown == patch).all():
                break
            patch = grown
        patches.append(patch)
        left &= ~patch
    return patches


def _grown(patch: Mask) -> Mask:
    framed = np.pad(patch, 1)
    rows, columns = patch.shape
    return np.logical_or.reduce(
        [framed[row : row + rows, column : column + columns] for row in range(3) for column in range(3)]
    )
