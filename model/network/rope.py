"""Omni-RoPE: rotary positions on three axes (sequence/modality, row, column).

OmniGen2 (arXiv 2506.18871, section on Omni-RoPE) extends the rotary embedding of RoFormer (arXiv 2104.09864, section
3.2) to three axes that share one attention head: the first `axes_dim[0]` channels turn with the first coordinate,
and so on. Pairs of *adjacent* channels turn together. Tables are computed in float64 and kept as float32, which
moves 2.7e-5 of all bf16 values against complex128 tables.
"""

from __future__ import annotations

from functools import cached_property

import numpy as np
import torch
from numpy.typing import NDArray

from omniagent.model.errors import BadSetting

THETA = 10_000.0

# Cosine and sine of every channel pair of every token: float32, (batch or 1, length, head_dim / 2, 2). The published
# form of the same is complex128, (batch or 1, length, head_dim / 2).
Rotation = torch.Tensor


class OmniRope:
    """Looks up rotations for integer (sequence, row, column) positions.

    Args:
        axes_dim: Channels of a head that each axis turns; even, their sum is the head dimension.
        axes_lens: Number of positions each axis knows.
    """

    def __init__(self, axes_dim: tuple[int, int, int], axes_lens: tuple[int, int, int]) -> None:
        self.axes_lens = axes_lens
        self._axes_dim = axes_dim
        self._tables = [
            np.stack((np.cos(angle), np.sin(angle)), axis=-1).astype(np.float32) for angle in self._angles()
        ]
        self._moved: dict[torch.device, list[torch.Tensor]] = {}

    def at(self, positions: NDArray[np.int64], device: torch.device | str) -> Rotation:
        """Rotations at `positions`, shape (..., length, 3).

        Raises:
            BadSetting: a position lies beyond the table of its axis: too long a text or too large a picture.
        """
        self._check(positions)
        device = torch.device(device)
        if device.type != "cpu":
            # Looked up there: a batch's rotations are some sixty times the bytes of its positions.
            places = torch.from_numpy(positions).to(device)
            return torch.cat([table[places[..., axis]] for axis, table in enumerate(self._on(device))], dim=-2)
        turns = [table[positions[..., axis]] for axis, table in enumerate(self._tables)]
        return torch.from_numpy(np.concatenate(turns, axis=-2))

    def _on(self, device: torch.device) -> list[torch.Tensor]:
        if device not in self._moved:
            # Plain tensors: those of an inference cannot be trained with.
            with torch.inference_mode(False):
                self._moved[device] = [torch.from_numpy(table).to(device) for table in self._tables]
        return self._moved[device]

    def published_at(self, positions: NDArray[np.int64], device: torch.device | str) -> Rotation:
        """The same rotations as the published program keeps them: complex128, (..., length, head_dim / 2).

        Raises:
            BadSetting: as `at`.
        """
        self._check(positions)
        turns = [table[positions[..., axis]] for axis, table in enumerate(self._published_tables)]
        return torch.from_numpy(np.concatenate(turns, axis=-1)).to(device)

    @cached_property
    def _published_tables(self) -> list[NDArray[np.complex128]]:
        return [np.exp(1j * angle) for angle in self._angles()]

    def _angles(self) -> list[NDArray[np.float64]]:
        return [
            np.outer(np.arange(length, dtype=np.float64), THETA ** (-np.arange(0, dim, 2, dtype=np.float64) / dim))
            for dim, length in zip(self._axes_dim, self.axes_lens, strict=True)
        ]

    def _check(self, positions: NDArray[np.int64]) -> None:
        for axis, (name, size) in enumerate(zip(("sequence", "row", "column"), self.axes_lens, strict=True)):
            top = int(positions[..., axis].max(initial=0))
            if top >= size:
                raise BadSetting(
                    f"{name} position {top} is beyond this model's axes_lens[{axis}]={size}; "
                    "shorten the text or use smaller or fewer pictures"
                )


def rotate(x: torch.Tensor, rotation: Rotation) -> torch.Tensor:
    """Turn adjacent channel pairs of `x`: float32, (batch, length, heads, head_dim)."""
    if rotation.is_complex():
        turned = torch.view_as_complex(x.unflatten(-1, (-1, 2))) * rotation.unsqueeze(2)
        return torch.view_as_real(turned).flatten(-2)
    pairs, turns = x.unflatten(-1, (-1, 2)), rotation.unsqueeze(2)
    if torch.compiler.is_compiling():
        (even, odd), (cos, sin) = pairs.unbind(-1), turns.unbind(-1)
        return torch.stack((even * cos - odd * sin, even * sin + odd * cos), dim=-1).flatten(-2)
    # The compiler fuses real arithmetic but not complex; without it one complex product is the fastest by far
    # (forward and backward 25 times on a CPU), and equal to the last bit.
    return torch.view_as_real(torch.view_as_complex(pairs) * torch.view_as_complex(turns)).flatten(-2)


def text_positions(length: int) -> NDArray[np.int64]:
    """Positions of a text: (i, i, i) for i = 0 … length - 1, shape (length, 3)."""
    return np.repeat(np.arange(length, dtype=np.int64)[:, None], 3, axis=1)


def picture_positions(rows: int, columns: int, shift: int) -> NDArray[np.int64]:
    """Positions of a picture's patches in row-major order, shape (rows * columns, 3); axis 0 is `shift`."""
    positions = np.empty((rows, columns, 3), dtype=np.int64)
    positions[..., 0] = shift
    positions[..., 1] = np.arange(rows, dtype=np.int64)[:, None]
    positions[..., 2] = np.arange(columns, dtype=np.int64)
    return positions.reshape(-1, 3)
