"""Packed rows: sequences of different lengths one after the other, without padding, attending each within itself."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Sequence
from itertools import groupby
from typing import NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray

from omniagent.model.denoising.optimizations import Computation
from omniagent.model.network.padded import Grid, Keys, Queries, Run, Stream, sequence_positions
from omniagent.model.network.rope import OmniRope, picture_positions


class Some(NamedTuple):
    """A sequence by its text length and the grids of its references, and which of its tokens a row holds.

    `rows` are numbers within the sequence (text, references, noise), rising; None for all.
    """

    text: int
    grids: tuple[Grid, ...]
    rows: tuple[int, ...] | None


class Streams:
    """Makes the streams of one request, and each but once if rotations are tabled."""

    def __init__(self, rope: OmniRope, device: torch.device, computation: Computation) -> None:
        self._device, self._how = device, computation
        self._look_up = rope.at if computation.tabled_rotation else rope.published_at
        self._made: dict[Hashable, Stream] = {}

    def noise(self, grid: Grid, batch: int) -> Stream:
        """A batch of equal pictures, each by itself; their first axis does not matter then, so it is 0 for all."""

        def make() -> Stream:
            rotation = self._look_up(picture_positions(*grid, 0)[None], self._device)
            mask = None
            if not self._how.unmasked:
                mask = torch.ones(batch, grid.tokens, dtype=torch.bool, device=self._device)
            return Stream(rotation, mask, grouped=self._how.grouped_heads)

        return self._once(("noise", grid, batch), make)

    def pictures(self, grids: Sequence[Grid]) -> Stream:
        """A row of pictures of any sizes, each by itself."""
        positions = [picture_positions(*grid, 0) for grid in grids]
        return self._once(("pictures", *grids), lambda: self._pack(positions, None))

    def joint(self, sequences: Sequence[tuple[int, tuple[Grid, ...]]], noise: Grid, *, trimmed: bool) -> Stream:
        """A row of sequences: text length and reference grids of each, and noise; `trimmed` asks for noise alone."""

        def make() -> Stream:
            positions = [np.concatenate(sequence_positions(length, grids, noise)) for length, grids in sequences]
            return self._pack(positions, noise.tokens if trimmed else None)

        return self._once(("joint", trimmed, *sequences), make)

    def parts(self, sequences: Sequence[Some], noise: Grid, keys: Keys, *, trimmed: bool) -> Stream:
        """A row of some tokens of each sequence, whose other tokens' keys are in `keys`; `trimmed` as in `joint`."""

        def make() -> Stream:
            positions: list[NDArray[np.int64]] = []
            runs: list[tuple[int, int]] = []
            asked: list[NDArray[np.int64]] = []
            before = 0
            for length, grids, rows in sequences:
                whole = np.concatenate(sequence_positions(length, grids, noise))
                chosen = np.arange(len(whole)) if rows is None else np.array(rows)
                positions.append(whole[chosen])
                asking = np.flatnonzero(chosen >= len(whole) - noise.tokens) if trimmed else np.arange(len(chosen))
                runs.append((len(whole), len(asking)))
                asked.append(before + asking)
                before += len(chosen)
            rotation = self._look_up(np.concatenate(positions)[None], self._device)
            queries = None
            if trimmed:
                chosen = torch.from_numpy(np.concatenate(asked)).to(self._device)
                queries = Queries(chosen, rotation.index_select(1, chosen))
            grouped = tuple(Run(len(list(same)), *each) for each, same in groupby(runs))
            return Stream(rotation, None, grouped, queries, not self._how.unmasked, self._how.grouped_heads)

        return self._once(("parts", trimmed, *sequences), make)._replace(keys=keys)

    def _pack(self, sequences: Sequence[NDArray[np.int64]], asking: int | None) -> Stream:
        lengths = [len(each) for each in sequences]
        runs = tuple(Run(len(list(same)), length, asking or length) for length, same in groupby(lengths))
        rotation = self._look_up(np.concatenate(list(sequences))[None], self._device)
        queries = None
        if asking is not None:
            rows = np.concatenate([np.arange(end - asking, end) for end in np.cumsum(lengths)])
            chosen = torch.from_numpy(rows).to(self._device)
            queries = Queries(chosen, rotation.index_select(1, chosen))
        return Stream(rotation, None, runs, queries, not self._how.unmasked, self._how.grouped_heads)

    def _once(self, key: Hashable, make: Callable[[], Stream]) -> Stream:
        if not self._how.tabled_rotation:
            return make()
        if key not in self._made:
            self._made[key] = make()
        return self._made[key]
