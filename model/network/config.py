"""Checks of a transformer's config."""

from __future__ import annotations

import math
from collections.abc import Sequence

from omniagent.model.errors import BadSetting
from omniagent.model.limits import MAX_REFERENCES


def three_axes(values: Sequence[int]) -> tuple[int, int, int]:
    """Three numbers, one for each axis.

    Raises:
        BadSetting: there are more or fewer.
    """
    if len(values) != 3:
        raise BadSetting(f"{len(values)} axes {tuple(values)} were given; give three: sequence, row, column")
    return values[0], values[1], values[2]


def check_sizes(hidden: int, heads: int, kv_heads: int, axes_dim: Sequence[int]) -> None:
    """Return if the sizes of a transformer fit together.

    Raises:
        BadSetting: they contradict each other.
    """
    if hidden % heads or heads % kv_heads:
        raise BadSetting(
            f"hidden_size={hidden}, num_attention_heads={heads}, num_kv_heads={kv_heads} do not fit; "
            "each must be divisible by the next"
        )
    if sum(axes_dim) != hidden // heads or any(dim % 2 for dim in axes_dim) or not math.prod(axes_dim):
        raise BadSetting(
            f"axes_dim_rope={tuple(axes_dim)} must be three positive even numbers that add up to {hidden // heads}"
        )


def check_reference_count(references: Sequence[Sequence[object]]) -> None:
    """Return if no sample has more references than the network knows.

    Raises:
        BadSetting: one has.
    """
    most = max(map(len, references), default=0)
    if most > MAX_REFERENCES:
        raise BadSetting(f"{most} reference pictures were given; give 0 to {MAX_REFERENCES} for each prompt")
