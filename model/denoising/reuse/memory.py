"""Edits that reuse their source: which tokens of which picture go through the network at which step. Not exact.

Published as RegionE (arXiv 2510.25590: adaptive region partition, region-aware generation, and full steps at the start,
some in the middle and the last ones) and, over rounds, as CacheEdit (ICML 2026), where what an earlier round left
alone is taken from there.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

import torch

from omniagent.model.denoising.guidance import Pass
from omniagent.model.denoising.reuse.regions import closest, grown, tokens_in
from omniagent.model.denoising.reuse.settings import RegionReuse, Schedule
from omniagent.model.denoising.step_cache import StepCache
from omniagent.model.errors import BadSetting
from omniagent.model.limits import Part, check_part
from omniagent.model.network.embeddings import patchify, unpatchify
from omniagent.model.network.padded import Grid
from omniagent.model.wording import shown


class Work(NamedTuple):
    """What of one picture goes through the network at a step.

    Attributes:
        tokens: Which of its noise tokens, rising; None for all; none at all where nothing goes through.
        context: Whether text goes through too, and is a key as it is then; off: as it was kept.
        references: The same of references.
        keeps: Whether keys and values are kept for later steps.
    """

    tokens: tuple[int, ...] | None = None
    context: bool = True
    references: bool = True
    keeps: bool = False


class Source(NamedTuple):
    """What is known beforehand of a picture.

    Attributes:
        region: The box that changes; None: it is found.
        latents: For each reference the latents (C, h, w) to take from it what does not change; None: its own.
    """

    region: Part | None = None
    latents: tuple[torch.Tensor | None, ...] = ()


UNKNOWN = Source()


def check_reuse(
    reuse: RegionReuse | None,
    cache: StepCache | None,
    regions: Sequence[Part | None] = (),
    references: Sequence[int] = (),
) -> None:
    """Return if a request may be computed so.

    Args:
        reuse: What it reuses; None for nothing.
        cache: What leaves layers out at some steps.
        regions: Where its pictures change, as far as that is given.
        references: How many references each of them has.

    Raises:
        BadSetting: two settings exclude each other, or a region has nothing of a picture in it, or nothing to be of.
    """
    for region, count in zip(regions, references, strict=True):
        if region is None:
            continue
        check_part(region)
        if reuse is None:
            raise BadSetting(f"region={shown(region)} was given without reuse; give reuse=RegionReuse() too")
        if not count:
            raise BadSetting("a region was given without a reference picture; give the picture that it is a part of")
    if cache is not None and reuse is not None:
        raise BadSetting(
            f"region reuse and the step cache {type(cache).__name__} exclude each other; leave one of them out"
        )


@dataclass(slots=True)
class _Picture:
    candidates: list[torch.Tensor]
    schedule: Schedule
    region: torch.Tensor | None = None
    tokens: tuple[int, ...] = ()
    exact: bool = False
    reused: bool = False
    target: torch.Tensor | None = None
    velocity: torch.Tensor | None = None


class RegionMemory:
    """What a batch of edits reuses, and when.

    Args:
        settings: When and how.
        steps: In all.
        noise: (B, C, h, w) latents that are begun with.
        patch: Side of a token in latent pixels; divides h and w.
        references: Latents (C, h, w) of each picture's references; those of the noise's size may be its source.
        given: What is known of each picture; None: nothing of any.
        least: Tokens that a region has at least, as its surroundings are added.

    Raises:
        BadSetting: a given region has nothing of the picture in it.
    """

    def __init__(
        self,
        settings: RegionReuse,
        steps: int,
        noise: torch.Tensor,
        patch: int,
        references: Sequence[Sequence[torch.Tensor]],
        given: Sequence[Source] | None = None,
        least: int = 0,
    ) -> None:
        self._least = least
        self._settings, self._steps, self._patch = settings, steps, patch
        self._grid = Grid(noise.size(-2) // patch, noise.size(-1) // patch)
        self._kept: frozenset[Pass] = frozenset()
        known = given or [UNKNOWN] * len(references)
        self._pictures = [self._start(noise, *each) for each in zip(references, known, strict=True)]
        self._works: list[Work] = []

    def plan(self, step: int, passes: Sequence[Pass]) -> list[Work]:
        """What of each picture goes through the network at `step` (from 0)."""
        missing = not self._kept.issuperset(passes)
        self._works = [self._work(each, step, missing) for each in self._pictures]
        if any(each.keeps for each in self._works):
            self._kept = frozenset(passes)
        return self._works

    def complete(self, step: int, time: float, latents: torch.Tensor, velocity: torch.Tensor) -> torch.Tensor:
        """Velocities (B, C, h, w) of whole pictures from those of the tokens that went through the network.

        Args:
            step: As planned last.
            time: Of the step.
            latents: (B, C, h, w) before it.
            velocity: Of `latents`; anything where tokens did not go through.
        """
        found = list(velocity.unbind())
        for row, (picture, work) in enumerate(zip(self._pictures, self._works, strict=True)):
            if work.tokens is not None:
                assert picture.target is not None and picture.region is not None
                straight = (picture.target - latents[row]) / (1 - time)
                whole = patchify(straight.to(velocity.dtype), self._patch)
                moving = found[row] if work.tokens else picture.velocity
                assert moving is not None
                whole[picture.region] = patchify(moving, self._patch)[picture.region]
                found[row] = unpatchify(whole, *self._grid, self._patch)
            elif not picture.exact:
                self._learn(picture, step, latents[row] + (1 - time) * velocity[row].to(latents.dtype))
            if picture.schedule.repeat:
                picture.velocity = found[row]
        return torch.stack(found)

    def keep(self, rows: Sequence[int]) -> None:
        """Go on with the pictures in `rows` alone."""
        self._pictures = [self._pictures[row] for row in rows]

    @property
    def regions(self) -> list[torch.Tensor | None]:
        """The tokens (k,) that change of each picture, or did when its reuse ended.

        None of one that was drawn exactly throughout, or of which they are not known yet.
        """
        return [each.region for each in self._pictures]

    @property
    def ended(self) -> list[bool]:
        """Whether each picture reused its source and was drawn in full from some step on."""
        return [each.exact and each.reused for each in self._pictures]

    def _start(self, noise: torch.Tensor, references: Sequence[torch.Tensor], given: Source) -> _Picture:
        settings, size = self._settings, noise.shape[-2:]
        latents = [*given.latents, *[None] * (len(references) - len(given.latents))]
        finest = [(own if known is None else known).to(noise) for own, known in zip(references, latents, strict=True)]
        candidates = [each for each in finest if each.shape[-2:] == size]
        if given.region is None:
            return _Picture(candidates, settings.found, exact=not candidates)
        tokens = tokens_in(given.region, self._grid, settings.margin)
        picture = _Picture([], settings.known)
        # The region is one of the first reference, and says nothing of the others.
        self._settle(picture, next((each for each in finest[:1] if each.shape[-2:] == size), None), tokens)
        return picture

    def _settle(self, picture: _Picture, source: torch.Tensor | None, tokens: torch.Tensor) -> None:
        tokens = grown(tokens, self._grid, self._least)
        share = len(tokens) / self._grid.tokens
        if source is None or not 0 < share <= self._settings.most:
            picture.exact = True
            if not picture.reused:
                picture.region = None
            return
        picture.target = source
        picture.region, picture.tokens = tokens.to(source.device), tuple(tokens.tolist())

    def _learn(self, picture: _Picture, step: int, estimate: torch.Tensor) -> None:
        settings = self._settings
        if picture.candidates and step >= picture.schedule.started(self._steps) - 1:
            found = closest(estimate, picture.candidates, self._patch, settings.threshold, settings.margin)
            assert found is not None
            # What shows itself at a later full step goes on from there with what was found before.
            tokens = torch.tensor(sorted({*picture.tokens, *found.tokens.tolist()}), dtype=torch.long)
            picture.candidates = [found.source]
            self._settle(picture, found.source, tokens)
        if settings.outside == "estimate":
            picture.target = estimate

    def _work(self, picture: _Picture, step: int, missing: bool) -> Work:
        if picture.exact:
            return Work()
        schedule, steps = picture.schedule, self._steps
        if missing or picture.region is None or step < schedule.started(steps):
            return Work(keeps=step >= schedule.started(steps) - 1)
        if schedule.full(step, steps):
            return Work(references=not schedule.keep_references, keeps=True)
        picture.reused = True
        if schedule.repeats(step, steps):
            return Work((), context=False, references=False)
        return Work(picture.tokens, context=False, references=False)
