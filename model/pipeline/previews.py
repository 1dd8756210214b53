"""Rough pictures of latents, without the VAE's decoder: each latent pixel's colour as a linear map of its channels.

How latents and colours go together is known of few VAEs, so it is measured of the one at hand: it encodes colours,
and the map from each latent pixel to the mean colour under it is fitted by least squares. The pictures have an eighth
of a decoded one's sides, and cost one product with a matrix of C x 3 numbers.
"""

from __future__ import annotations

from typing import NamedTuple

import torch
from diffusers.models.autoencoders.autoencoder_kl import AutoencoderKL
from PIL import Image
from torch.nn import functional

from omniagent.model.pipeline.vae import encode_picture

_SIDE = 128
"""Pixels; four fields give 1,024 latent pixels to fit at most a few dozen numbers a colour."""
_CELLS = (2, 3, 4, 6)
"""Cells along a side, of one field each; smaller ones teach the borders, of which a linear map knows nothing."""


class LatentColours(NamedTuple):
    """The linear map: weights (C, 3) and an offset (3,) to colours in [-1, 1], float32."""

    weights: torch.Tensor
    offset: torch.Tensor

    def pictures(self, latents: torch.Tensor) -> list[Image.Image]:
        """RGB pictures (w, h) of normalised latents (B, C, h, w); numbers that are not finite come out gray."""
        weights, offset = self.weights.to(latents.device), self.offset.to(latents.device)
        values = torch.einsum("bchw,cd->bhwd", latents.float(), weights) + offset
        whole = ((values.nan_to_num(0.0, 0.0, 0.0) + 1) * 127.5).clamp(0, 255).to(torch.uint8)
        return [Image.fromarray(each) for each in whole.cpu().numpy()]


@torch.no_grad()
def fit_colours(vae: AutoencoderKL) -> LatentColours:
    """The map of a VAE, by least squares over the latents of fixed colour fields; the same VAE gives the same map."""
    inputs: list[torch.Tensor] = []
    colours: list[torch.Tensor] = []
    for field in _fields():
        latents = encode_picture(vae, field, None).float().cpu()
        means = functional.adaptive_avg_pool2d(field, (latents.size(-2), latents.size(-1)))
        inputs.append(latents[0].flatten(1).T)
        colours.append(means[0].flatten(1).T)
    found = torch.cat(inputs).double()
    found = torch.cat([found, torch.ones(len(found), 1, dtype=torch.float64)], dim=1)
    # By the pseudo-inverse, so that a channel that is always zero does no harm.
    solved = (torch.linalg.pinv(found) @ torch.cat(colours).double()).float()
    return LatentColours(solved[:-1], solved[-1])


def _fields() -> list[torch.Tensor]:
    """Pictures (1, 3, H, W) in [-1, 1]: random colours, above with hard borders, below running into one another.

    Some cells are black, white or without colour, as in pictures of people.
    """
    generator = torch.Generator("cpu").manual_seed(0)
    made: list[torch.Tensor] = []
    for cells in _CELLS:
        colours = torch.rand(1, 3, cells, cells, generator=generator) * 2 - 1
        kind = torch.rand(1, 1, cells, cells, generator=generator)
        colours = torch.where(kind < 0.2, colours.mean(dim=1, keepdim=True), colours)
        colours = torch.where(kind > 0.8, colours.sign(), colours)
        hard = functional.interpolate(colours, size=(_SIDE, _SIDE), mode="nearest")
        soft = functional.interpolate(colours, size=(_SIDE, _SIDE), mode="bicubic", align_corners=False)
        made.append(torch.cat([hard[..., : _SIDE // 2, :], soft[..., _SIDE // 2 :, :]], dim=-2).clamp(-1, 1))
    return made
