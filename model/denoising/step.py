"""Velocities of a batch of pictures under all passes of guidance: the inside of one denoising step.

What does not change within a request is computed once, what the passes share once a step, and the passes run as one
packed row; `Computation` turns each remedy off. Every picture under every pass is a sequence of its own that attends
to nothing else, so none of its numbers depends on what else is in the row.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import torch

from omniagent.model.denoising.guidance import Branch, Pass
from omniagent.model.denoising.optimizations import Computation
from omniagent.model.denoising.packed import Streams
from omniagent.model.denoising.step_cache import StepCache
from omniagent.model.denoising.timed_blocks import TimedBlocks
from omniagent.model.errors import BadSetting
from omniagent.model.network.config import check_reference_count
from omniagent.model.network.embeddings import patchify, unpatchify
from omniagent.model.network.padded import Grid
from omniagent.model.network.text_states import TextStates, text_mask
from omniagent.model.network.transformer import OmniGen2Transformer2DModel

LONGEST_ROW = 1024
"""Tokens: passes of 1,280, and of 2,900, took 1.11 times as long together as one by one (hidden 512, one thread)."""


class Reference(NamedTuple):
    """A reference latent (C, h, w) at its place in a list; equal ones of a batch are refined once."""

    latent: torch.Tensor
    place: int
    grid: Grid

    @property
    def key(self) -> tuple[int, int]:
        return id(self.latent), self.place


class Refined(NamedTuple):
    """Tokens of one step: noise (B, n, H), and of each reference by its key."""

    noise: torch.Tensor
    references: dict[tuple[int, int], torch.Tensor]


class VelocityField:
    """Predicts velocities of B pictures of one size along one schedule.

    Args:
        transformer: The network.
        times: (N,) times of the steps, on the device.
        size: (height, width) of the latents.
        text: Encoded prompts of the B pictures.
        negative: Encoded negative prompts; None if no pass asks for them.
        references: Reference latents (C, h, w) of each picture.
        computation: How; None means with all remedies.
        cache: Leaves joint layers out at some steps.
        attention_kwargs: `scale` is the strength of loaded LoRA layers.

    Raises:
        BadSetting: shapes don't fit the network, or there are more than five references.
    """

    def __init__(
        self,
        transformer: OmniGen2Transformer2DModel,
        times: torch.Tensor,
        size: tuple[int, int],
        text: TextStates,
        negative: TextStates | None,
        references: Sequence[Sequence[torch.Tensor]],
        *,
        computation: Computation | None = None,
        cache: StepCache | None = None,
        attention_kwargs: dict[str, Any] | None = None,
    ) -> None:
        self._net, self._how, self._lora = transformer, computation or Computation(), attention_kwargs
        self._grid = transformer.grid(size)
        counts = {len(text.lengths), len((negative or text).lengths), len(references)}
        if len(counts) > 1:
            raise BadSetting(
                f"{len(text.lengths)} prompts, {len((negative or text).lengths)} negative prompts and "
                f"{len(references)} reference lists were given; give one of each for each picture"
            )
        check_reference_count(references)
        transformer.check_latents([latent for each in references for latent in each])
        # Asked for once: the network finds it out by walking through its weights.
        self._dtype, self._device, self._times = transformer.dtype, times.device, times
        moved = {id(each): each.to(times.device, self._dtype) for pictures in references for each in pictures}
        self._references = [
            [Reference(moved[id(each)], place, _grid(transformer, each)) for place, each in enumerate(pictures)]
            for pictures in references
        ]
        self._texts = {True: text, False: negative}
        self._samples = list(range(len(text.lengths)))
        self._memory = None if cache is None else cache.start(len(times))
        self._streams = Streams(transformer.rope, times.device, self._how)
        self._embedded: dict[tuple[int, int], torch.Tensor] = {}
        self._blocks = transformer.run(
            lambda: TimedBlocks(transformer, times, self._how), attention_kwargs=attention_kwargs
        )

    def at(self, step: int, latents: torch.Tensor, passes: Sequence[Pass]) -> tuple[torch.Tensor, ...]:
        """Velocities (B, C, h, w) of `latents` (B, C, h, w) at `step` (from 0), one for each pass.

        Raises:
            BadSetting: a pass needs negative prompts and there are none, or a text or picture is too large.
        """

        def evaluate() -> list[torch.Tensor]:
            rows = [list(passes)] if self._packs(passes) else [[each] for each in passes]
            shared = self._refine(step, latents, passes) if self._how.shared_refiners else None
            return [velocity for row in rows for velocity in self._evaluate(step, latents, row, shared)]

        return tuple(self._net.run(evaluate, attention_kwargs=self._lora))

    def _packs(self, passes: Sequence[Pass]) -> bool:
        """Whether the passes run as one row: on a CPU only while that is short, for a long one leaves its caches."""
        if not self._how.packed or self._device.type != "cpu":
            return self._how.packed
        return self._tokens(passes) <= LONGEST_ROW

    def _tokens(self, passes: Sequence[Pass]) -> int:
        """Tokens of all sequences of a step in the joint layers."""
        branches = [Branch(each, sample) for each in passes for sample in self._samples]
        texts = sum(self._text(each.guidance).lengths[each.sample] for each in branches)
        pictures = sum(reference.grid.tokens for each in branches for reference in self._pictures(each))
        return texts + pictures + len(branches) * self._grid.tokens

    @property
    def token_layers(self) -> int:
        """Tokens that went through a block so far, each counted once a block."""
        return self._blocks.token_layers

    def keep(self, rows: Sequence[int]) -> None:
        """Go on with the pictures in `rows` of the present batch alone."""
        self._samples = [self._samples[row] for row in rows]

    def _evaluate(
        self, step: int, latents: torch.Tensor, passes: Sequence[Pass], shared: Refined | None
    ) -> Sequence[torch.Tensor]:
        branches = [Branch(each, sample) for each in passes for sample in self._samples]
        parts: list[list[torch.Tensor]] = []
        for each in passes:
            refined = shared or self._refine(step, latents, [each])
            text = self._text(each)
            parts += [self._parts(each, row, text, refined) for row in range(len(self._samples))]
        patches = self._blocks.patches(self._after_layers(step, branches, parts), step)
        flat = patches.view(len(branches), self._grid.tokens, -1).to(latents.dtype)
        return unpatchify(flat, *self._grid, self._net.patch_size).chunk(len(passes))

    def _after_layers(self, step: int, branches: list[Branch], parts: list[list[torch.Tensor]]) -> torch.Tensor:
        """Noise tokens of all branches after the joint layers, as one row (1, S·n, H)."""
        memory = self._memory
        if memory is None:
            return self._layers(step, branches, parts)
        found = [each[-1] for each in parts]
        due = memory.due(
            step, branches, lambda: [self._blocks.attention_input(torch.cat(each), step) for each in parts]
        )
        running = [number for number, needed in enumerate(due) if needed]
        if running:
            row = self._layers(step, [branches[n] for n in running], [parts[n] for n in running])
            for number, after in zip(running, row[0].split(self._grid.tokens), strict=True):
                memory.store(branches[number], found[number], after)
                found[number] = after
        for number, ran in enumerate(due):
            if not ran:
                found[number] = memory.recall(branches[number], found[number])
        return torch.cat(found).unsqueeze(0)

    def _layers(self, step: int, branches: list[Branch], parts: list[list[torch.Tensor]]) -> torch.Tensor:
        sequences = [
            (len(each[0]), tuple(reference.grid for reference in self._pictures(branch)))
            for branch, each in zip(branches, parts, strict=True)
        ]
        # Joined as rows of one batch: the compiler makes another graph for a view.
        row = torch.cat([part.unsqueeze(0) for each in parts for part in each], dim=1)
        whole = self._streams.joint(sequences, self._grid, trimmed=False)
        if not self._how.trimmed:
            row = self._blocks.run(self._net.layers, row, whole, step)
            lengths = [sum(map(len, each)) for each in parts]
            return torch.cat([each[:, -self._grid.tokens :] for each in row.split(lengths, dim=1)], dim=1)
        noise = self._streams.joint(sequences, self._grid, trimmed=True)
        row = self._blocks.run(self._net.layers[:-1], row, whole, step)
        return self._blocks.run(self._net.layers[-1:], row, noise, step)

    def _refine(self, step: int, latents: torch.Tensor, passes: Sequence[Pass]) -> Refined:
        net = self._net
        tokens = self._blocks.embed(net.x_embedder, patchify(latents.to(self._dtype), net.patch_size))
        noise = self._blocks.run(net.noise_refiner, tokens, self._streams.noise(self._grid, len(latents)), step)
        each = [reference for sample in self._samples for reference in self._references[sample]]
        if self._how.shared_refiners:
            each = self._present()
        if not each or not any(guidance.references for guidance in passes):
            return Refined(noise, {})
        row = torch.cat([self._embed(reference).unsqueeze(0) for reference in each], dim=1)
        grids = [reference.grid for reference in each]
        row = self._blocks.run(net.ref_image_refiner, row, self._streams.pictures(grids), step)
        parts = row[0].split([grid.tokens for grid in grids])
        return Refined(noise, {reference.key: part for reference, part in zip(each, parts, strict=True)})

    def _embed(self, reference: Reference) -> torch.Tensor:
        found = self._embedded.get(reference.key)
        if found is None:
            net = self._net
            found = self._blocks.embed(net.ref_image_patch_embedder, patchify(reference.latent, net.patch_size))
            found = found + net.image_index_embedding[reference.place].to(found)
            if self._how.shared_refiners:
                self._embedded[reference.key] = found
        return found

    def _parts(self, guidance: Pass, row: int, text: TextStates, refined: Refined) -> list[torch.Tensor]:
        """Text, references and noise of one sequence, each (tokens, H)."""
        branch = Branch(guidance, self._samples[row])
        pictures = [refined.references[reference.key] for reference in self._pictures(branch)]
        return [text.tokens(branch.sample), *pictures, refined.noise[row]]

    def _pictures(self, branch: Branch) -> list[Reference]:
        return self._references[branch.sample] if branch.guidance.references else []

    def _present(self) -> list[Reference]:
        """Each reference of the present pictures once, in their order."""
        each = [reference for sample in self._samples for reference in self._references[sample]]
        return list({reference.key: reference for reference in each}.values())

    def _states(self, positive: bool) -> TextStates:
        text = self._texts[positive]
        if text is None:
            raise BadSetting('text guidance is on but no negative prompt was given; give one, "" for an empty one')
        return text

    def _text(self, guidance: Pass) -> TextStates:
        text = self._states(guidance.positive)
        if self._how.cached_text or text.source is None:
            return text
        return self._net.encode_text(text.source, text_mask(text.lengths, text.source.device))


def _grid(transformer: OmniGen2Transformer2DModel, latent: torch.Tensor) -> Grid:
    return transformer.grid((latent.size(-2), latent.size(-1)))
