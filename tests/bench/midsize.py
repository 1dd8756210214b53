"""A mid-size random OmniGen2 transformer and requests for it: 512 noise, 512 reference and 128 text tokens."""

from __future__ import annotations

from dataclasses import dataclass

import torch

from omniagent.model.denoising.guidance import Guidance
from omniagent.model.denoising.loop import Denoising
from omniagent.model.denoising.optimizations import Computation
from omniagent.model.denoising.reuse.memory import Source
from omniagent.model.denoising.reuse.settings import RegionReuse
from omniagent.model.denoising.schedulers import FlowMatchEulerDiscreteScheduler
from omniagent.model.denoising.step_cache import StepCache
from omniagent.model.network.text_states import TextStates
from omniagent.model.network.transformer import OmniGen2Transformer2DModel

TEXT_TOKENS = 128
SIDES = (64, 32)
"""A latent of 64×32 pixels is 512 tokens."""


def midsize(seed: int = 0, dtype: torch.dtype = torch.float32, device: str = "cpu") -> OmniGen2Transformer2DModel:
    """Hidden 512, 8 joint layers and 2 in each refiner, 8 heads over 4; every weight random."""
    net = OmniGen2Transformer2DModel(
        hidden_size=512,
        num_layers=8,
        num_refiner_layers=2,
        num_attention_heads=8,
        num_kv_heads=4,
        axes_dim_rope=(16, 24, 24),
        text_feat_dim=512,
    )
    generator = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        for name, weight in net.named_parameters():
            noise = torch.randn(weight.shape, generator=generator)
            if weight.ndim == 1:
                weight.copy_(1 + 0.1 * noise if "norm" in name and not name.endswith("bias") else 0.1 * noise)
            else:
                weight.copy_(noise / weight.shape[-1] ** 0.5)
    moved = net.eval().to(device)
    return moved if dtype == torch.float32 else moved.to(dtype)


@dataclass(frozen=True)
class Load:
    """What is drawn."""

    references: int
    guidance: Guidance
    steps: int = 8
    batch: int = 1
    sides: tuple[int, int] = SIDES


EDIT = Load(1, Guidance(text_scale=4.0, image_scale=2.0))
TEXT_TO_IMAGE = Load(0, Guidance(text_scale=4.0))


class Prepared:
    """The same request each time: noise, references and what the text model said of the prompts."""

    def __init__(self, net: OmniGen2Transformer2DModel, load: Load) -> None:
        generator = torch.Generator().manual_seed(1)

        def draw(*shape: int) -> torch.Tensor:
            return torch.randn(shape, generator=generator).to(net.device)

        height, width = load.sides
        self.net, self.load = net, load
        self.references = [draw(16, height, width) for _ in range(load.references)]
        self.noise = draw(load.batch, 16, height, width)
        self.prompts = [draw(1, TEXT_TOKENS, 512) for _ in range(2)]

    @torch.no_grad()
    def texts(self) -> list[TextStates]:
        """Caption embedding and context refiner of prompt and negative prompt."""
        return [self.net.encode_text(each.to(self.net.dtype))._replace(source=each) for each in self.prompts]

    def start(
        self,
        texts: list[TextStates],
        how: Computation | None = None,
        cache: StepCache | None = None,
        reuse: RegionReuse | None = None,
        source: Source | None = None,
    ) -> Denoising:
        """Ready for the first step."""
        scheduler = FlowMatchEulerDiscreteScheduler()
        height, width = self.load.sides
        scheduler.set_timesteps(self.load.steps, self.net.device, num_tokens=height * width)
        batch = self.load.batch
        prompt, negative = (text.select([0] * batch) for text in texts)
        references = [self.references] * batch
        return Denoising(
            self.net,
            scheduler,
            self.noise,
            prompt,
            negative,
            references,
            self.load.guidance,
            computation=how,
            cache=cache,
            reuse=reuse,
            sources=[source or Source()] * batch,
        )
