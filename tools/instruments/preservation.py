"""What an edit changed that it had no reason to change, by pixels alone.

No model is asked: an editor that redraws the whole picture, or shifts its colours, is found by arithmetic. The edited
region is not known, so it is taken to be the two largest changed patches (an object moves from one place to another);
what changes outside of them, or a patch that covers most of the picture, is over-editing.
"""

from typing import NamedTuple

import numpy as np
import numpy.typing as npt
from PIL import Image
from pydantic import Field, ValidationError

from omniagent.model.errors import BadCheckpoint
from omniagent.model.profile import GeneratorProfile
from omniagent.model.wording import fault
from omniagent.tools.types import Word


class PreservationLimits(Word):
    """The numbers of the comparison; a generator's profile may hold others (`GeneratorProfile.preservation`)."""

    grid: int = Field(default=32, ge=4, le=256, description="cells a side")
    changed: int = Field(default=40, ge=1, le=255, description="levels in some colour from which a cell has changed")
    drifted: int = Field(default=20, ge=1, le=255, description="median levels from which the whole picture has drifted")
    patches: int = Field(default=2, ge=1, description="largest changed patches that count as the edited region")
    widest: float = Field(default=0.6, ge=0, le=1, description="share above which a change covers the whole picture")


def limits_of(profile: GeneratorProfile) -> PreservationLimits:
    """The limits that a generator's profile asks for.

    Raises:
        BadCheckpoint: the profile holds other names or values out of range.
    """
    try:
        return PreservationLimits.model_validate(profile.preservation)
    except ValidationError as error:
        raise BadCheckpoint(f"preservation of the generator's profile {profile.label}: {fault(error)}") from error


Mask = npt.NDArray[np.bool_]


class Preservation(NamedTuple):
    """Changed share of the picture, share of that outside the edited region (0 to 1), drift in levels (0 to 255)."""

    changed: float
    outside: float
    drift: float

    def over_edit(self, limits: PreservationLimits) -> float:
        """The share of the change that had no reason; all of it when the whole picture drifted."""
        if self.drift >= limits.drifted:
            return 1.0
        return max(self.outside, self.changed if self.changed > limits.widest else 0.0)


def preservation(before: Image.Image, after: Image.Image, limits: PreservationLimits | None = None) -> Preservation:
    """Compare an edit with its source on a grid of cells; the sizes may differ.

    `changed` is the share of cells that differ by `limits.changed` levels in some colour, `outside` the share of these
    that lie outside the boxes of the largest changed patches, `drift` the largest median colour difference
    (low-frequency drift, as in VAE-LFA, arXiv 2605.08250).
    """
    limits = limits or PreservationLimits()
    difference = _cells(after, limits.grid) - _cells(before, limits.grid)
    mask: Mask = np.abs(difference).max(axis=2) >= limits.changed
    drift = float(np.abs(np.median(difference.reshape(-1, 3), axis=0)).max())
    patches = sorted(_patches(mask), key=lambda patch: -int(patch.sum()))
    region = np.zeros_like(mask)
    for patch in patches[: limits.patches]:
        rows, columns = np.nonzero(patch)
        region[max(rows.min() - 1, 0) : rows.max() + 2, max(columns.min() - 1, 0) : columns.max() + 2] = True
    outside = float((mask & ~region).sum()) / max(1.0, float(mask.sum()))
    return Preservation(float(mask.mean()), outside, drift)


def over_edit(before: Image.Image, after: Image.Image, limits: PreservationLimits | None = None) -> float:
    """The share of the change outside of its largest patches, 0 to 1; whether it had a reason is for others to say."""
    limits = limits or PreservationLimits()
    return preservation(before, after, limits).over_edit(limits)


def _cells(image: Image.Image, grid: int) -> npt.NDArray[np.int32]:
    return np.asarray(image.convert("RGB").resize((grid, grid), Image.Resampling.BOX), dtype=np.int32)


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
