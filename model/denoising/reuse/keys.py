"""Keys and values of attention layers that are kept between steps, so that only some tokens go through the network.

Region-Instruction KV Cache of RegionE (arXiv 2510.25590, section of that name): tokens that stand still are keys of
those that move. Here they are kept for each picture under each pass of guidance, so no picture depends on its company.
"""

from __future__ import annotations

from collections.abc import Collection, Hashable, Sequence
from typing import NamedTuple

import torch
from torch import nn

Name = tuple[Hashable, int]
"""Of a sequence: which of a picture's, and the number of the picture."""


class Present(NamedTuple):
    """One of a row's sequences.

    Attributes:
        name: By which its keys are found again.
        length: Tokens in all.
        rows: (k,) which of them the row holds, rising; None for all.
        keeps: Of a sequence that is there whole: keep its keys; off: those of before are needed no more.
    """

    name: Name
    length: int
    rows: torch.Tensor | None
    keeps: bool

    @property
    def present(self) -> int:
        return self.length if self.rows is None else len(self.rows)


class KeyMemory:
    """Keys and values (tokens, kv heads, head_dim) by layer and sequence."""

    def __init__(self) -> None:
        self._known: dict[tuple[nn.Module, Name], tuple[torch.Tensor, torch.Tensor]] = {}

    def row(self, sequences: Sequence[Present]) -> KeptRow:
        """What completes the keys of a row of these sequences."""
        return KeptRow(self._known, sequences)

    def keep(self, pictures: Collection[int]) -> None:
        """Let go of the keys of all other pictures."""
        for place in [place for place in self._known if place[1][1] not in pictures]:
            del self._known[place]

    @property
    def nbytes(self) -> int:
        """Of memory that is held."""
        parts = [part.untyped_storage() for kept in self._known.values() for part in kept]
        return sum({storage.data_ptr(): storage.nbytes() for storage in parts}.values())


class KeptRow:
    """Completes a row's keys and values from those kept; those of the row's own tokens are new."""

    def __init__(
        self,
        known: dict[tuple[nn.Module, Name], tuple[torch.Tensor, torch.Tensor]],
        sequences: Sequence[Present],
    ) -> None:
        self._known, self._sequences = known, list(sequences)

    def complete(self, layer: nn.Module, key: torch.Tensor, value: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """Keys and values (1, all tokens, kv heads, head_dim) of a row whose present tokens' are given.

        Args:
            layer: The attention that asks.
            key: (1, present tokens, kv heads, head_dim), turned; or (B, tokens, …) of a batch.
            value: The same.
        """
        present = [each.present for each in self._sequences]
        keys, values = key.flatten(0, 1).split(present), value.flatten(0, 1).split(present)
        whole: list[tuple[torch.Tensor, torch.Tensor]] = []
        for sequence, new in zip(self._sequences, zip(keys, values, strict=True), strict=True):
            place = layer, sequence.name
            if sequence.rows is not None:
                kept = self._known[place]
                for old, part in zip(kept, new, strict=True):
                    old[sequence.rows] = part
                whole.append(kept)
                continue
            if sequence.keeps:
                self._known[place] = _own(new[0]), _own(new[1])
            else:
                self._known.pop(place, None)
            whole.append(new)
        if all(each.rows is None for each in self._sequences):
            return key, value
        joined = [each[0] if len(each) == 1 else torch.cat(each) for each in zip(*whole, strict=True)]
        return joined[0].unsqueeze(0), joined[1].unsqueeze(0)


def _own(part: torch.Tensor) -> torch.Tensor:
    """A part of a row in memory of its own: else it would hold on to the whole row, of pictures that left too."""
    alone = part.is_contiguous() and part.untyped_storage().nbytes() == part.nbytes
    return part if alone else part.clone(memory_format=torch.contiguous_format)
