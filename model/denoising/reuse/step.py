"""Velocities of pictures of which only some tokens go through the network; the others' keys and values are kept."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import torch

from omniagent.model.denoising.guidance import Pass
from omniagent.model.denoising.packed import Some
from omniagent.model.denoising.reuse.keys import KeyMemory, Present
from omniagent.model.denoising.reuse.memory import Work
from omniagent.model.denoising.step import Branch, VelocityField
from omniagent.model.network.embeddings import patchify, unpatchify
from omniagent.model.network.padded import Grid


class _Sequence(NamedTuple):
    """Tokens (k, H) of one sequence that go through the joint layers, and where they sit in it."""

    tokens: torch.Tensor
    noise: int
    present: Present
    some: Some


class ReusingField(VelocityField):
    """A `VelocityField` that can leave tokens out; arguments and errors as there.

    Pictures that leave nothing out come out as of a `VelocityField`.
    """

    _keys: KeyMemory | None = None

    def partly(
        self, step: int, latents: torch.Tensor, passes: Sequence[Pass], works: Sequence[Work]
    ) -> tuple[torch.Tensor, ...]:
        """As `at`, of the tokens in `works`, one for each picture; velocities of the others are 0.

        A picture's first work keeps its keys for the later ones, which are under the same passes.
        """

        def evaluate() -> list[torch.Tensor]:
            self._keys = self._keys or KeyMemory()
            noise = self._refine_some(step, latents, works, self._keys)
            references = self._refined_references(step, passes, works)
            rows = [list(passes)] if self._packs(passes) else [[each] for each in passes]
            found: list[torch.Tensor] = []
            for row in rows:
                sequences = [
                    self._sequence(Branch(each, sample), works[number], noise[number], references)
                    for each in row
                    for number, sample in enumerate(self._samples)
                ]
                patches = self._blocks.patches(self._joint_layers(step, sequences, self._keys), step)
                parts = patches[0].split([each.noise for each in sequences])
                for start in range(0, len(parts), len(works)):
                    found.append(self._spread(parts[start : start + len(works)], works, latents))
            return found

        return tuple(self._net.run(evaluate, attention_kwargs=self._lora))

    def _refine_some(
        self, step: int, latents: torch.Tensor, works: Sequence[Work], keys: KeyMemory
    ) -> Sequence[torch.Tensor]:
        net, grid = self._net, self._grid
        patches = patchify(latents.to(self._dtype), net.patch_size)
        chosen = [row if work.tokens is None else row[work.tokens] for row, work in zip(patches, works, strict=True)]
        row = self._blocks.embed(net.x_embedder, torch.cat(chosen).unsqueeze(0))
        present = [
            Present(("noise", sample), grid.tokens, work.tokens, work.keeps)
            for sample, work in zip(self._samples, works, strict=True)
        ]
        some = [Some(0, (), _numbers(work.tokens)) for work in works]
        stream = self._streams.parts(some, grid, keys.row(present), trimmed=False)
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
        rows = _rows(length, before, self._grid, work, noise.device)
        tokens = torch.cat([*parts, noise])
        present = Present(branch, before + self._grid.tokens, rows, work.keeps)
        return _Sequence(tokens, len(noise), present, Some(length, grids, _numbers(rows)))

    def _joint_layers(self, step: int, sequences: Sequence[_Sequence], keys: KeyMemory) -> torch.Tensor:
        """Noise tokens of all sequences after the joint layers, as one row (1, T, H)."""
        row = torch.cat([each.tokens.unsqueeze(0) for each in sequences], dim=1)
        kept, some = keys.row([each.present for each in sequences]), [each.some for each in sequences]
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
                whole = whole.new_zeros(self._grid.tokens, whole.size(-1)).index_copy_(0, work.tokens, whole)
            found.append(whole)
        return unpatchify(torch.stack(found), *self._grid, self._net.patch_size)


def _rows(length: int, before: int, grid: Grid, work: Work, device: torch.device) -> torch.Tensor | None:
    """Numbers, within a sequence of text, references and noise, of the tokens in `work`; None for all."""
    if work.tokens is None and work.context and (work.references or before == length):
        return None
    parts = [torch.arange(length, device=device)] if work.context else []
    if work.references:
        parts.append(torch.arange(length, before, device=device))
    parts.append(before + (torch.arange(grid.tokens, device=device) if work.tokens is None else work.tokens))
    return torch.cat(parts)


def _numbers(rows: torch.Tensor | None) -> tuple[int, ...] | None:
    return None if rows is None else tuple(rows.tolist())
