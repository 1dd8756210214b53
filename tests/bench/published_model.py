"""A random OmniGen2 pipeline of the published size, built where it runs; and a tiny one of the same make."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import torch
from diffusers.models.autoencoders.autoencoder_kl import AutoencoderKL
from transformers import AutoTokenizer, Qwen2_5_VLConfig, Qwen2_5_VLForConditionalGeneration
from transformers.models.qwen2_vl.image_processing_pil_qwen2_vl import Qwen2VLImageProcessorPil

from omniagent.model.denoising.schedulers import FlowMatchEulerDiscreteScheduler
from omniagent.model.mllm.processor import LightProcessor
from omniagent.model.network.transformer import OmniGen2Transformer2DModel
from omniagent.model.pipeline.omnigen2 import OmniGen2Pipeline
from tests.parity.full_size import FLUX_VAE, QWEN_TEXT, QWEN_VISION

PROCESSOR = Path(__file__).parents[2] / "omniagent" / "checkpoints" / "shapes" / "processor"
SCALES = {"scaling_factor": 0.3611, "shift_factor": 0.1159}


@dataclass(frozen=True)
class Sizes:
    """Configs of the three networks, side of the pictures in pixels, tokens of the prompt; published by default."""

    transformer: Mapping[str, Any] = field(default_factory=dict)
    vae: Mapping[str, Any] = field(default_factory=lambda: FLUX_VAE)
    text: Mapping[str, Any] = field(default_factory=lambda: QWEN_TEXT)
    vision: Mapping[str, Any] = field(default_factory=lambda: QWEN_VISION)
    turns: tuple[int, int, int] = (16, 24, 24)
    side: int = 1024
    tokens: int = 128


FULL = Sizes()
TINY = Sizes(
    {
        "hidden_size": 96,
        "num_layers": 5,
        "num_refiner_layers": 2,
        "num_attention_heads": 4,
        "num_kv_heads": 2,
        "axes_dim_rope": (8, 8, 8),
        "text_feat_dim": 32,
    },
    FLUX_VAE | {"block_out_channels": (8, 8, 8, 8), "norm_num_groups": 4, "layers_per_block": 1},
    QWEN_TEXT | {"hidden_size": 32, "intermediate_size": 64, "num_hidden_layers": 2, "num_attention_heads": 4},
    QWEN_VISION | {"depth": 1, "hidden_size": 32, "intermediate_size": 48, "num_heads": 2, "out_hidden_size": 32},
    (1, 1, 2),
    128,
    32,
)


def shallow(sizes: Sizes, layers: int = 2) -> Sizes:
    """The same widths with few layers, in which every way of computing is tried in seconds."""
    return replace(
        sizes,
        transformer={**sizes.transformer, "num_layers": layers},
        text={**sizes.text, "num_hidden_layers": layers},
        vision={**sizes.vision, "depth": layers},
    )


def build(sizes: Sizes, device: str, dtype: torch.dtype) -> OmniGen2Pipeline:
    """All three networks on `device`, every weight random; the words are those of the bundled checkpoint."""
    torch.manual_seed(0)
    rope = {"rope_type": "default", "rope_theta": 1e6, "mrope_section": [*sizes.turns]}
    config = Qwen2_5_VLConfig(
        text_config={**sizes.text, "rope_parameters": rope},
        vision_config=dict(sizes.vision),
        tie_word_embeddings=True,
    )
    make: Any = Qwen2_5_VLForConditionalGeneration._from_config
    with torch.device(device):
        vae: Any = AutoencoderKL(**sizes.vae, **SCALES).eval().to(dtype)
        mllm = make(config, dtype=dtype).eval()
    words = AutoTokenizer.from_pretrained(PROCESSOR, local_files_only=True, trust_remote_code=False)
    pipeline = OmniGen2Pipeline(
        transformer(sizes, device, dtype),
        vae,
        FlowMatchEulerDiscreteScheduler(),
        mllm,
        LightProcessor(words, Qwen2VLImageProcessorPil()),
    )
    pipeline.set_progress_bar_config(disable=True)
    return pipeline


@torch.no_grad()
def transformer(sizes: Sizes, device: str, dtype: torch.dtype) -> OmniGen2Transformer2DModel:
    """Weights drawn on the device, so that four billion of them take seconds."""
    with torch.device("meta"):
        net = OmniGen2Transformer2DModel(**sizes.transformer)
    net = net.to(dtype).to_empty(device=device).eval()
    generator = torch.Generator(device).manual_seed(0)
    for name, weight in net.named_parameters():
        if weight.ndim > 1:
            weight.normal_(0, weight.shape[-1] ** -0.5, generator=generator)
        elif "norm" in name and name.endswith("weight"):
            weight.fill_(1)
        else:
            weight.zero_()
    return net
