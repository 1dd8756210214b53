"""How far two results are apart, and whether that is near enough."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import torch


@dataclass(frozen=True)
class Difference:
    """A largest absolute error (what a relative allowance leaves of it) beside the tolerance for it."""

    what: str
    error: float
    tolerance: float

    @property
    def ok(self) -> bool:
        return self.error <= self.tolerance

    @property
    def share(self) -> float:
        """Error as a share of the tolerance; infinite where none is allowed and there is some."""
        return self.error / self.tolerance if self.tolerance else (0.0 if not self.error else float("inf"))


def difference(
    what: str,
    ours: torch.Tensor,
    theirs: torch.Tensor,
    atol: float,
    rtol: float = 0.0,
    mask: torch.Tensor | None = None,
) -> Difference:
    """Compare two tensors, where `mask` (of the leading dimensions) is true."""
    if ours.shape != theirs.shape:
        return Difference(f"{what}: shape {tuple(ours.shape)} for {tuple(theirs.shape)}", float("inf"), atol)
    ours, theirs = ours.detach().double(), theirs.double()
    if mask is not None:
        ours, theirs = ours[mask.bool()], theirs[mask.bool()]
    if not theirs.numel():
        return Difference(what, 0.0, atol)
    excess = ((ours - theirs).abs() - rtol * theirs.abs()).clamp_min(0).max()
    return Difference(what, float(excess.nan_to_num(nan=float("inf"))), atol)


def same(what: str, ours: object, theirs: object) -> Difference:
    """Compare two values that must be equal."""
    equal = ours == theirs
    return Difference(
        what if equal else f"{what}: {ours!r:.60} for {theirs!r:.60}", 0.0 if equal else float("inf"), 0.0
    )


def worst(differences: Iterable[Difference]) -> Difference:
    """The one that uses up most of its tolerance."""
    found = list(differences)
    if not found:
        return Difference("nothing was compared", float("inf"), 0.0)
    return max(found, key=lambda each: (each.share, each.tolerance))
