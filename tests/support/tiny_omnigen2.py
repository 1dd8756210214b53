"""A random OmniGen2 small enough for tests: recorded VAE, text model and tokenizer, a transformer of its own."""

from __future__ import annotations

from typing import Any

import torch
from diffusers.models.autoencoders.autoencoder_kl import AutoencoderKL

from omniagent.model.checkpoint.folder import load_mllm, load_module
from omniagent.model.checkpoint.settings import Profiles
from omniagent.model.denoising.schedulers import FlowMatchEulerDiscreteScheduler
from omniagent.model.mllm.processor import LightProcessor
from omniagent.model.network.transformer import OmniGen2Transformer2DModel
from omniagent.model.pipeline.omnigen2 import OmniGen2Pipeline
from omniagent.model.profile import CRITICS, GeneratorProfile
from tests.parity.golden import KEPT

PARTS = KEPT / "tiny_a"
CONFIG: dict[str, Any] = {
    "hidden_size": 48,
    "num_layers": 2,
    "num_refiner_layers": 1,
    "num_attention_heads": 4,
    "num_kv_heads": 2,
    "multiple_of": 16,
    "axes_dim_rope": (4, 4, 4),
    "axes_lens": (512, 64, 64),
    "text_feat_dim": 64,
}
SIDE = 48


def tiny_transformer(seed: int = 0, **config: Any) -> OmniGen2Transformer2DModel:
    """Every weight random and none zero, so that every part shows in the result."""
    net = OmniGen2Transformer2DModel(**CONFIG | config)
    generator = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        for name, weight in net.named_parameters():
            noise = torch.randn(weight.shape, generator=generator)
            weight.copy_(1 + 0.2 * noise if "norm" in name and weight.ndim == 1 else 0.15 * noise)
    return net.eval()


def tiny_pipeline() -> OmniGen2Pipeline:
    """Draws 48x48 pictures in four steps unless asked otherwise."""
    pipeline = OmniGen2Pipeline(
        transformer=tiny_transformer(),
        vae=load_module(AutoencoderKL, PARTS / "vae", torch.float32).eval(),
        scheduler=FlowMatchEulerDiscreteScheduler(),
        mllm=load_mllm(PARTS / "mllm", torch.float32).eval(),
        processor=LightProcessor.from_pretrained(PARTS / "processor"),
        profiles=Profiles(GeneratorProfile(name="tiny", steps=3, height=SIDE, width=SIDE), CRITICS["qwen2.5-vl"]),
    )
    pipeline.set_progress_bar_config(disable=True)
    return pipeline
