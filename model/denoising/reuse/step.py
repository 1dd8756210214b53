"""Velocities of pictures of which only some tokens go through the network; the others' keys and values are kept."""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from typing import Any, NamedTuple

import torch

from omniagent.model.denoising.guidance import Branch, Pass
from omniagent.model.denoising.packed import Some
from omniagent.model.denoising.reuse.keys import KeyMemory, Present
from omniagent.model.denoising.reuse.memory import Work
from omniagent.model.denoising.step import VelocityField
from omniagent.model.network.embeddings import patchify, unpatchify
from omniagent.model.network.padded import Grid


class _Sequence(NamedTuple):
    """Tokens (k, H) of one sequence that go through the joint layers, and where they sit in it."""

    tokens: torch.Tensor
    noise: int
    present: Present
    some: Some


class _Place(NamedTuple):
    """Numbers of tokens within their sequence, on the device and here; None for all."""

    rows: torch.Tensor | None
    numbers: tuple[int, ...] | None


class ReusingField(VelocityField):
    """A `VelocityField` that can leave tokens out; arguments and errors as there.

    Pictures that leave nothing out come out as of a `VelocityField`.
    """

    def __init__(self, *args: Any, **settings: Any) -> None:
        super().__init__(*args, **settings)
        self._keys = KeyMemory()
        self._places: dict[Hashable, _Place] = {}

    def partly(
        self, step: int, latents: torch.Tensor, passes: Sequence[Pass], works: Sequence[Work]
    ) -> tuple[torch.Tensor, ...]:
        """As `at`, of the tokens in `works`, one for each picture; velocities of the others are 0.

        A picture's first work keeps its keys for the later ones, which are under the same passes.
        """
        moving = [number for number, work in enumerate(works) if work.tokens != ()]
        if len(moving) == len(works):
            return self._partly(step, latents, passes, works)
        still = torch.zeros_like(latents)
        if not moving:
            return (still,) * len(passes)
        samples, self._samples = self._samples, [self._samples[number] for number in moving]
        try:
            found = self._partly(step, latents[moving], passes, [works[number] for number in moving])
        finally:
            self._samples = samples
        places = torch.tensor(moving, device=self._device)
        return tuple(still.index_copy(0, places, each.to(still.dtype)) for each in found)

    def keep(self, rows: Sequence[int]) -> None:
        super().keep(rows)
        self._keys.keep(self._samples)

    @property
    def key_bytes(self) -> int:
        """Bytes of keys and values that are kept."""
        return self._keys.nbytes

    def _partly(
        self, step: int, latents: torch.Tensor, passes: Sequence[Pass], works: Sequence[Work]
    ) -> tuple[torch.Tensor, ...]:
        def evaluate() -> list[torch.Tensor]:
            noise = self._refine_some(step, latents, works)
            references = self._refined_references(step, passes, works)
            rows = [list(passes)] if self._packs(passes) else [[each] for each in passes]
            found: list[torch.Tensor] = []
            for row in rows:
                sequences = [
                    self._sequence(Branch(each, sample), works[number], noise[number], references)
                    for each in row
                    for number, sample in enumerate(self._samples)
                ]
                patches = self._blocks.patches(self._joint_layers(step, sequences), step)
                parts = patches[0].split([each.noise for each in sequences])
                for start in range(0, len(parts), len(works)):
                    found.append(self._spread(parts[start : start + len(works)], works, latents))
            return found

        return tuple(self._net.run(evaluate, attention_kwargs=self._lora))

    def _refine_some(self, step: int, latents: torch.Tensor, works: Sequence[Work]) -> Sequence[torch.Tensor]:
        net, grid = self._net, self._grid
        patches = patchify(latents.to(self._dtype), net.patch_size)
        places = [self._place(work, 0, 0) for work in works]
        chosen = [
            row if place.rows is None else row.index_select(0, place.rows)
            for row, place in zip(patches, places, strict=True)
        ]
        row = self._blocks.embed(net.x_embedder, torch.cat(chosen).unsqueeze(0))
        present = [
            Present(("noise", sample), grid.tokens, place.rows, work.keeps)
            for sample, place, work in zip(self._samples, places, works, strict=True)
        ]
        some = [Some(0, (), place.numbers) for place in places]
        stream = self._streams.parts(some, grid, self._keys.row(present), trimmed=False)
        return self._blocks.run(net.noise_refiner, row, stream, step)[0].split([len(each) for each in chosen])

    def _refined_references(
        self, step: int, passes: Sequence[Pass], works: Sequence[Work]
    ) -> dict[tuple[int, int], torch.Tensor]:
        if not any(each.references for each in passes):
            return {}
        needed = [sample for sample, work in zip(self._samples, works, strict=True) if work.references]
        each = {reference.key: reference for sample in needed for reference in self._references[sample]}
        if not each:
            return {}
        row = torch.cat([self._embed(reference).unsqueeze(0) for reference in each.values()], dim=1)
        grids = [reference.grid for reference in each.values()]
        row = self._blocks.run(self._net.ref_image_refiner, row, self._streams.pictures(grids), step)
        return dict(zip(each, row[0].split([grid.tokens for grid in grids]), strict=True))

    def _sequence(
        self, branch: Branch, work: Work, noise: torch.Tensor, references: dict[tuple[int, int], torch.Tensor]
    ) -> _Sequence:
        pictures = self._pictures(branch)
        states = self._text(branch.guidance)
        length, grids = states.lengths[branch.sample], tuple(reference.grid for reference in pictures)
        before = length + sum(grid.tokens for grid in grids)
        parts = [states.tokens(branch.sample)] if work.context else []
        if work.references:
            parts += [references[reference.key] for reference in pictures]
        place, tokens = self._place(work, length, before), torch.cat([*parts, noise])
        present = Present(branch, before + self._grid.tokens, place.rows, work.keeps)
        return _Sequence(tokens, len(noise), present, Some(length, grids, place.numbers))

    def _place(self, work: Work, length: int, before: int) -> _Place:
        """Where the tokens in `work` sit in a sequence of so much text and so many tokens before the noise."""
        key = work.tokens, work.context, work.references, length, before
        if key not in self._places:
            numbers = _numbers(work, length, before, self._grid)
            rows = None if numbers is None else torch.tensor(numbers, device=self._device)
            self._places[key] = _Place(rows, numbers)
        return self._places[key]

    def _joint_layers(self, step: int, sequences: Sequence[_Sequence]) -> torch.Tensor:
        """Noise tokens of all sequences after the joint layers, as one row (1, T, H)."""
        row = torch.cat([each.tokens.unsqueeze(0) for each in sequences], dim=1)
        kept, some = self._keys.row([each.present for each in sequences]), [each.some for each in sequences]
        layers = self._net.layers
        whole = self._streams.parts(some, self._grid, kept, trimmed=False)
        if self._how.trimmed:
            row = self._blocks.run(layers[:-1], row, whole, step)
            return self._blocks.run(layers[-1:], row, self._streams.parts(some, self._grid, kept, trimmed=True), step)
        row = self._blocks.run(layers, row, whole, step)
        parts = row.split([len(each.tokens) for each in sequences], dim=1)
        return torch.cat([part[:, -each.noise :] for part, each in zip(parts, sequences, strict=True)], dim=1)

    def _spread(self, parts: Sequence[torch.Tensor], works: Sequence[Work], latents: torch.Tensor) -> torch.Tensor:
        """Velocities (B, C, h, w) of patches of the tokens in `works`; 0 elsewhere."""
        found: list[torch.Tensor] = []
        for part, work in zip(parts, works, strict=True):
            whole = part.to(latents.dtype)
            if work.tokens is not None:
                rows = self._place(work, 0, 0).rows
                assert rows is not None
                whole = whole.new_zeros(self._grid.tokens, whole.size(-1)).index_copy_(0, rows, whole)
            found.append(whole)
        return unpatchify(torch.stack(found), *self._grid, self._net.patch_size)


def _numbers(work: Work, length: int, before: int, grid: Grid) -> tuple[int, ...] | None:
    """Numbers, within a sequence of text, references and noise, of the tokens in `work`; None for all."""
    if work.tokens is None and (work.context or not length) and (work.references or before == length):
        return None
    numbers = list(range(length)) if work.context else []
    if work.references:
        numbers += range(length, before)
    return (*numbers, *(before + token for token in (range(grid.tokens) if work.tokens is None else work.tokens)))
