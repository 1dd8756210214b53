"""Which part of a picture an edit changes: found from an early estimate, or given as a box; both in whole tokens."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import NamedTuple

import torch
from torch.nn import functional

from omniagent.model.limits import Part, check_part
from omniagent.model.network.embeddings import patchify
from omniagent.model.network.padded import Grid


class Found(NamedTuple):
    """A source (C, h, w) and the tokens (k,) that differ from it, in rising order."""

    source: torch.Tensor
    tokens: torch.Tensor


def tokens_in(part: Part, grid: Grid, margin: int = 0) -> torch.Tensor:
    """The tokens (k,) that a box touches, grown by `margin` tokens; at least one.

    Raises:
        BadSetting: the box has none of the picture in it.
    """
    check_part(part)
    left, top, right, bottom = part
    rows = _span(top, bottom, grid.rows, margin)
    columns = _span(left, right, grid.columns, margin)
    return torch.tensor([row * grid.columns + column for row in rows for column in columns])


def grown(tokens: torch.Tensor, grid: Grid, least: int) -> torch.Tensor:
    """The tokens (k,), rising, with the nearest others until they are so many, or all; none stay none."""
    if not 0 < len(tokens) < least:
        return tokens
    every = torch.arange(grid.tokens)
    places = torch.stack((every // grid.columns, every % grid.columns), dim=-1).float()
    distance = torch.cdist(places, places[tokens.cpu()]).amin(-1)
    return distance.argsort(stable=True)[:least].sort().values


def changed_tokens(
    estimate: torch.Tensor, source: torch.Tensor, patch: int, threshold: float, margin: int
) -> torch.Tensor:
    """The tokens (k,) in which two latents (C, h, w) differ, grown by `margin` tokens.

    Adaptive Region Partition of RegionE (arXiv 2510.25590, section of that name): the estimate of the finished picture
    early in the flow against the source. They compare directions; ours is the root of the mean squared difference, in
    units of the latents, whose spread is about 1: directions say nothing where a latent is near zero, as of flat areas.

    Args:
        estimate: Of the finished latents.
        source: Of the given picture.
        patch: Side of a token in latent pixels.
        threshold: Difference from which a token counts.
        margin: Tokens.
    """
    moved = patchify(estimate.float() - source.float(), patch).square().mean(-1).sqrt() > threshold
    rows, columns = source.size(-2) // patch, source.size(-1) // patch
    grown = functional.max_pool2d(moved.view(1, 1, rows, columns).float(), 2 * margin + 1, stride=1, padding=margin)
    return grown.flatten().nonzero().flatten()


def closest(
    estimate: torch.Tensor, sources: Sequence[torch.Tensor], patch: int, threshold: float, margin: int
) -> Found | None:
    """Of several sources of the estimate's size the one that it differs least from; None without sources."""
    found = [Found(each, changed_tokens(estimate, each, patch, threshold, margin)) for each in sources]
    return min(found, key=lambda each: len(each.tokens), default=None)


def _span(start: float, end: float, count: int, margin: int) -> range:
    first = min(count - 1, max(0, math.floor(start * count)))
    last = max(first + 1, min(count, math.ceil(end * count)))
    return range(max(0, first - margin), min(count, last + margin))
