"""Where every token of a batch sits: lengths, rotations, masks and the gather that joins text, references and noise.

A layout depends on sizes alone, never on values, so one layout serves all steps of a denoising loop.
Each sample's tokens lie side by side as text, references, noise; samples are padded on the right. When nothing is
padded there is no mask at all, which keeps the fast attention kernels usable.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple, Protocol

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn

from omniagent.model.network.rope import OmniRope, Rotation, picture_positions, text_positions


class Grid(NamedTuple):
    """Size of a picture in patches."""

    rows: int
    columns: int

    @property
    def tokens(self) -> int:
        return self.rows * self.columns


class Run(NamedTuple):
    """Equal neighbours in a packed row: so many sequences of `length` tokens, of which the last `asking` ask."""

    sequences: int
    length: int
    asking: int


class Queries(NamedTuple):
    """Rows of a packed row whose results are wanted, with their rotations; every row is still a key."""

    rows: torch.Tensor
    rotation: Rotation


class Keys(Protocol):
    """Completes the keys and values of a row that holds only some tokens of its sequences."""

    def complete(self, layer: nn.Module, key: torch.Tensor, value: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """Turned keys and values (1, tokens of all sequences, kv heads, head_dim) from those of the row's tokens."""
        ...


class Stream(NamedTuple):
    """Token sequences that attend each within itself.

    Attributes:
        rotation: Of every token.
        mask: (B, L), true where there is a token, of a padded batch; None when nothing is padded.
        runs: The sequences of a packed row (1, T), one after the other; empty for a batch.
        queries: The rows wanted of a packed row; None for all.
        masked: Give the kernel a mask even where nothing is padded, as the published program does.
        grouped: Let the kernel share key/value heads where it can.
        keys: Completes the keys of a row that holds some tokens of its sequences only; None where all are there.
    """

    rotation: Rotation
    mask: torch.Tensor | None
    runs: tuple[Run, ...] = ()
    queries: Queries | None = None
    masked: bool = False
    grouped: bool = True
    keys: Keys | None = None


@dataclass(frozen=True, slots=True)
class TokenLayout:
    """The plan of one batch of `B` samples with `N` reference pictures in all.

    Attributes:
        text_lengths: Text tokens of each sample.
        references: Patch grids of each sample's references, in order.
        noise_grids: Patch grid of each sample's noise latent.
        noise: Stream of the B noise latents, padded to the longest.
        reference: Stream of the N references, padded to the longest; None when there are none.
        reference_owner: (N,) sample of each reference; None when there are none.
        reference_slot: (N,) place of each reference in its sample's list; None when there are none.
        joint: Stream of the B joined sequences.
    """

    text_lengths: tuple[int, ...]
    references: tuple[tuple[Grid, ...], ...]
    noise_grids: tuple[Grid, ...]
    noise: Stream
    reference: Stream | None
    reference_owner: torch.Tensor | None
    reference_slot: torch.Tensor | None
    joint: Stream
    _join: torch.Tensor | None
    _split: torch.Tensor | None

    def join(self, text: torch.Tensor, references: torch.Tensor | None, noise: torch.Tensor) -> torch.Tensor:
        """Compact (B, Lt, H) text, (N, Lr, H) references and (B, Ln, H) noise into (B, L, H)."""
        batch = len(self.text_lengths)
        if self._join is None:
            parts = [text, noise] if references is None else [text, references.reshape(batch, -1, text.size(-1)), noise]
            return torch.cat(parts, dim=1)
        parts = [part.flatten(0, 1) for part in (text, references, noise) if part is not None]
        return torch.cat(parts).index_select(0, self._join).unflatten(0, (batch, -1))

    def split_noise(self, joint: torch.Tensor) -> torch.Tensor:
        """Take the noise tokens (B, Ln, ·), padded to the longest, out of the joint sequence (B, L, ·)."""
        longest = max(grid.tokens for grid in self.noise_grids)
        if self._split is None:
            return joint[:, joint.size(1) - longest :]
        return joint.flatten(0, 1).index_select(0, self._split).unflatten(0, (joint.size(0), longest))


def build_layout(
    rope: OmniRope,
    text_lengths: Sequence[int],
    references: Sequence[Sequence[Grid]],
    noise_grids: Sequence[Grid],
    device: torch.device | str,
) -> TokenLayout:
    """Plan a batch; all three sequences have one entry per sample.

    Raises:
        BadSetting: a text or picture is too large for the position tables.
    """
    noise_positions: list[NDArray[np.int64]] = []
    reference_positions: list[NDArray[np.int64]] = []
    joint_positions: list[NDArray[np.int64]] = []
    for length, grids, noise_grid in zip(text_lengths, references, noise_grids, strict=True):
        parts = sequence_positions(length, grids, noise_grid)
        reference_positions += parts[1:-1]
        noise_positions.append(parts[-1])
        joint_positions.append(np.concatenate(parts))

    owner = [sample for sample, grids in enumerate(references) for _ in grids]
    slot = [place for grids in references for place in range(len(grids))]
    join, split = _gathers(text_lengths, references, noise_grids)
    return TokenLayout(
        text_lengths=tuple(text_lengths),
        references=tuple(tuple(grids) for grids in references),
        noise_grids=tuple(noise_grids),
        noise=build_stream(rope, noise_positions, device),
        reference=build_stream(rope, reference_positions, device) if reference_positions else None,
        reference_owner=torch.tensor(owner, device=device) if owner else None,
        reference_slot=torch.tensor(slot, device=device) if slot else None,
        joint=build_stream(rope, joint_positions, device),
        _join=None if join is None else torch.from_numpy(join).to(device),
        _split=None if split is None else torch.from_numpy(split).to(device),
    )


def sequence_positions(length: int, grids: Sequence[Grid], noise_grid: Grid) -> list[NDArray[np.int64]]:
    """Positions (tokens, 3) of a sample's text, of each of its references and of its noise.

    Each picture's first axis lies behind the text and the longer sides of the pictures before it.
    """
    parts, shift = [text_positions(length)], length
    for grid in grids:
        parts.append(picture_positions(grid.rows, grid.columns, shift))
        shift += max(grid)
    return [*parts, picture_positions(noise_grid.rows, noise_grid.columns, shift)]


def build_stream(rope: OmniRope, positions: Sequence[NDArray[np.int64]], device: torch.device | str) -> Stream:
    """Pad sequences of positions (length, 3) on the right; equal sequences share one row of rotations."""
    first = positions[0]
    if all(other is first or np.array_equal(other, first) for other in positions[1:]):
        return Stream(rope.at(first[None], device), None)
    lengths = np.array([len(each) for each in positions])
    padded = np.zeros((len(positions), int(lengths.max()), 3), dtype=np.int64)
    for row, each in zip(padded, positions, strict=True):
        row[: len(each)] = each
    mask = None
    if (lengths != lengths[0]).any():
        mask = torch.from_numpy(np.arange(padded.shape[1]) < lengths[:, None]).to(device)
    return Stream(rope.at(padded, device), mask)


def _gathers(
    text_lengths: Sequence[int], references: Sequence[Sequence[Grid]], noise_grids: Sequence[Grid]
) -> tuple[NDArray[np.int64] | None, NDArray[np.int64] | None]:
    """Flat row numbers that join the parts, and that take the noise back out; None where a plain cut does."""
    batch, longest_text = len(text_lengths), max(text_lengths)
    sizes = [grid.tokens for grids in references for grid in grids]
    longest_reference, longest_noise = max(sizes, default=0), max(grid.tokens for grid in noise_grids)
    even_text, even_noise = min(text_lengths) == longest_text, min(g.tokens for g in noise_grids) == longest_noise
    even_references = (
        all(size == longest_reference for size in sizes) and len({len(grids) for grids in references}) == 1
    )
    if even_text and even_references and even_noise:
        return None, None

    totals = [
        length + sum(grid.tokens for grid in grids) + noise.tokens
        for length, grids, noise in zip(text_lengths, references, noise_grids, strict=True)
    ]
    # Padding copies row 0; the mask keeps it from being read, so its gradient is zero.
    join = np.zeros((batch, max(totals)), dtype=np.int64)
    split = np.zeros((batch, longest_noise), dtype=np.int64)
    reference_base, noise_base, seen = batch * longest_text, batch * longest_text + len(sizes) * longest_reference, 0
    for sample, (length, grids, noise) in enumerate(zip(text_lengths, references, noise_grids, strict=True)):
        row, at = join[sample], length
        row[:at] = sample * longest_text + np.arange(length)
        for grid in grids:
            row[at : at + grid.tokens] = reference_base + seen * longest_reference + np.arange(grid.tokens)
            at, seen = at + grid.tokens, seen + 1
        row[at : at + noise.tokens] = noise_base + sample * longest_noise + np.arange(noise.tokens)
        split[sample, : noise.tokens] = sample * max(totals) + at + np.arange(noise.tokens)
    even_tail = even_noise and min(totals) == max(totals)
    return join.reshape(-1), None if even_tail else split.reshape(-1)
