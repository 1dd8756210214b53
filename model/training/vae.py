"""Trains a small `AutoencoderKL` on pictures: L1 + squared error, with a KL term (Kingma & Welling 2013)."""

from collections.abc import Callable
from pathlib import Path
from typing import cast

import torch
from diffusers.models.autoencoders.autoencoder_kl import AutoencoderKL
from diffusers.models.autoencoders.vae import DiagonalGaussianDistribution
from diffusers.models.resnet import ResnetBlock2D
from torch import Tensor, nn


@torch.no_grad()
def initialise(vae: AutoencoderKL, noise: float = 0.3) -> None:
    """Start as a noisy identity: colours then pass from the first step instead of being found axis by axis.

    Convolutions outside residual branches copy their channels (Dirac) plus noise; residual branches start at zero.
    """
    blocks = [module for module in vae.modules() if isinstance(module, ResnetBlock2D)]
    branch = {id(conv) for block in blocks for conv in (block.conv1, block.conv2)}
    for module in vae.modules():
        if isinstance(module, nn.Conv2d) and id(module) not in branch:
            nn.init.kaiming_normal_(module.weight, nonlinearity="linear")
            identity = nn.init.dirac_(torch.empty_like(module.weight))
            module.weight.mul_(noise).add_(identity)
            if module.bias is not None:
                nn.init.zeros_(module.bias)
    for block in blocks:
        nn.init.zeros_(block.conv2.weight)
        if block.conv2.bias is not None:
            nn.init.zeros_(block.conv2.bias)


def _posterior(vae: AutoencoderKL, pictures: Tensor) -> DiagonalGaussianDistribution:
    return vae.encode(pictures).latent_dist  # pyright: ignore[reportAttributeAccessIssue]


def _decoded(vae: AutoencoderKL, latents: Tensor) -> Tensor:
    return vae.decode(latents).sample  # pyright: ignore[reportAttributeAccessIssue, reportArgumentType]


class VaeTraining:
    """The VAE as a component of the loop; `pictures(step)` gives (B, 3, H, W) in [-1, 1]."""

    def __init__(
        self,
        module: AutoencoderKL,
        pictures: Callable[[int], Tensor],
        validation: Tensor,
        *,
        kl_weight: float = 1e-3,
    ) -> None:
        self.module: nn.Module = module
        self._pictures, self._validation, self._kl_weight = pictures, validation, kl_weight

    def batch(self, step: int) -> Tensor:
        """Pictures of this step."""
        device = next(self.module.parameters()).device
        return self._pictures(step).to(device, memory_format=torch.channels_last)

    def loss(self, batch: Tensor, step: int) -> tuple[Tensor, dict[str, float]]:
        """0.3·L1 + 8·MSE of the reconstruction plus the weighted mean KL of the posterior.

        The squared error leads: under L1 alone colours that are rare in a picture stay at the commonest one for long.
        """
        vae = cast(AutoencoderKL, self.module)
        posterior = _posterior(vae, batch)
        decoded = _decoded(vae, posterior.sample()).float()
        l1 = (decoded - batch).abs().mean()
        mse = (decoded - batch).square().mean()
        kl = 0.5 * (posterior.mean.float().square() + posterior.var.float() - 1 - posterior.logvar.float()).mean()
        return 0.3 * l1 + 8 * mse + self._kl_weight * kl, {"l1": float(l1.detach()), "kl": float(kl.detach())}

    @torch.no_grad()
    def export(self, folder: Path) -> dict[str, float]:
        """Measure the latents, write scaling and shift into the config, save."""
        vae = cast(AutoencoderKL, self.module)
        pictures = self._validation.to(next(vae.parameters()).device)
        posterior = _posterior(vae, pictures)
        latents = posterior.mode()
        decoded = _decoded(vae, latents)
        mse = (decoded - pictures).square().mean()
        std, mean = float(latents.std()), float(latents.mean())
        vae.register_to_config(scaling_factor=1 / std, shift_factor=mean)
        vae.save_pretrained(folder / "vae")
        psnr = float(10 * torch.log10(4 / mse))
        return {"psnr": psnr, "latent_std": std, "posterior_std": float(posterior.std.mean())}
