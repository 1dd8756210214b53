"""Latents: drawing noise, encoding pictures with the VAE, decoding them again.

A normalised latent is `(z - shift) * scale` with the VAE's own shift and scale; the transformer sees these only.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from diffusers.models.autoencoders.autoencoder_kl import AutoencoderKL
from diffusers.utils.torch_utils import randn_tensor

from omniagent.model.device import wake
from omniagent.model.errors import BadSetting, GenerationFailed

Generators = torch.Generator | Sequence[torch.Generator]


def draw_noise(
    count: int, channels: int, height: int, width: int, generator: Generators | None, device: torch.device
) -> torch.Tensor:
    """Gaussian noise (count, channels, height, width), float32.

    With one generator for each picture, a picture's noise does not depend on the batch it is in.

    Raises:
        BadSetting: the number of generators is not `count`.
    """
    generators = generator if generator is None or isinstance(generator, torch.Generator) else list(generator)
    if isinstance(generators, list) and len(generators) != count:
        raise BadSetting(f"{len(generators)} generators were given for {count} pictures; give one for each, or one")
    return randn_tensor((count, channels, height, width), generator=generators, device=device, dtype=torch.float32)


def encode_picture(vae: AutoencoderKL, pixels: torch.Tensor, generator: torch.Generator | None) -> torch.Tensor:
    """Normalised latents (B, C, h, w), float32, of pictures (B, 3, H, W) in [-1, 1].

    Args:
        vae: The checkpoint's VAE.
        pixels: The pictures.
        generator: Draws from the posterior; None takes its mode, which is the same each time.
    """
    wake(vae)
    posterior = vae.encode(pixels.to(vae.device, vae.dtype)).latent_dist  # pyright: ignore[reportAttributeAccessIssue]
    latents = posterior.mode() if generator is None else posterior.sample(generator)
    return (latents.float() - (vae.config["shift_factor"] or 0.0)) * vae.config["scaling_factor"]


def decode_latents(vae: AutoencoderKL, latents: torch.Tensor) -> torch.Tensor:
    """Pictures (B, 3, H, W) around [-1, 1] of normalised latents (B, C, h, w).

    Raises:
        GenerationFailed: the latents hold NaN or infinite values.
    """
    if not bool(latents.isfinite().all()):
        raise GenerationFailed(
            "the model produced latents that are not finite numbers; use float32 or bfloat16, lower guidance, "
            "or check the weights"
        )
    wake(vae)
    plain = latents / vae.config["scaling_factor"] + (vae.config["shift_factor"] or 0.0)
    return vae.decode(plain.to(vae.device, vae.dtype), return_dict=False)[0]
