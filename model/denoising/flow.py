"""The published training objective: rectified flow (arXiv 2209.03003) with times that follow a picture's size.

Time 0 is noise, 1 is data; the velocity to learn is data minus noise.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

import torch

ShiftRule = Literal["exponential", "inference"]


def shift_times(times: torch.Tensor, patches: torch.Tensor, rule: ShiftRule = "exponential") -> torch.Tensor:
    """Move training times (B,) in (0, 1) towards the noise, the more the larger the picture: t / (t + m (1 - t)).

    Args:
        times: As drawn, for example the sigmoid of a normal number.
        patches: (B,) patches of each picture.
        rule: `exponential` is the published one, with the logarithm of m growing linearly from 0.5 at 256 patches to
            1.15 at 4096; `inference` is the samplers' own m.
    """
    if rule == "inference":
        factor = (4 * patches).sqrt() / 40
    else:
        factor = (0.5 + (patches - 256) * (1.15 - 0.5) / (4096 - 256)).exp()
    return times / (times + factor * (1 - times))


def mix(noise: torch.Tensor, data: torch.Tensor, time: torch.Tensor) -> torch.Tensor:
    """The point between noise and data at `time` (a number, or one that broadcasts)."""
    return (1 - time) * noise + time * data


def flow_loss(
    velocities: Sequence[torch.Tensor], noise: Sequence[torch.Tensor], data: Sequence[torch.Tensor]
) -> torch.Tensor:
    """Summed squared error of all samples, of any sizes, divided by their number of latent values."""
    errors = [
        (velocity.float() - (clean - noisy)).square().sum()
        for velocity, noisy, clean in zip(velocities, noise, data, strict=True)
    ]
    return torch.stack(errors).sum() / sum(each.numel() for each in data)
