"""Kind `full_size_state_dict_shapes`: names and shapes of the published weights, on the meta device."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from typing import Any

import torch
from diffusers.models.autoencoders.autoencoder_kl import AutoencoderKL
from transformers import Qwen2_5_VLConfig, Qwen2_5_VLForConditionalGeneration

from omniagent.model.network.transformer import OmniGen2Transformer2DModel
from tests.parity.compare import Difference, same
from tests.parity.golden import Case

FLUX_VAE: dict[str, Any] = {
    "block_out_channels": (128, 256, 512, 512),
    "down_block_types": ("DownEncoderBlock2D",) * 4,
    "up_block_types": ("UpDecoderBlock2D",) * 4,
    "layers_per_block": 2,
    "latent_channels": 16,
    "norm_num_groups": 32,
    "use_quant_conv": False,
    "use_post_quant_conv": False,
}
QWEN_TEXT: dict[str, Any] = {
    "hidden_size": 2048,
    "intermediate_size": 11008,
    "num_hidden_layers": 36,
    "num_attention_heads": 16,
    "num_key_value_heads": 2,
    "vocab_size": 151936,
    "tie_word_embeddings": True,
}
QWEN_VISION: dict[str, Any] = {
    "depth": 32,
    "hidden_size": 1280,
    "intermediate_size": 3420,
    "num_heads": 16,
    "out_hidden_size": 2048,
    "patch_size": 14,
}

Shapes = dict[str, list[int]]


def published_shapes(module: torch.nn.Module) -> Shapes:
    """Shapes of all stored weights of `module`."""
    return {name: list(each.shape) for name, each in module.state_dict().items()}


def build(name: str, transformer_config: Mapping[str, Any]) -> Shapes:
    """Names and shapes of one full-size module, as its checkpoint stores them."""
    with torch.device("meta"):
        if name == "transformer":
            return published_shapes(OmniGen2Transformer2DModel(**transformer_config))
        if name == "vae":
            return published_shapes(AutoencoderKL(**FLUX_VAE))
        config = Qwen2_5_VLConfig(text_config=QWEN_TEXT, vision_config=QWEN_VISION, tie_word_embeddings=True)
        shapes = published_shapes(Qwen2_5_VLForConditionalGeneration(config))
    # The library renames the published names on reading and back on writing; the tied head is not stored.
    stored = {
        key.replace("model.visual.", "visual.").replace("model.language_model.", "model."): shape
        for key, shape in shapes.items()
    }
    stored.pop("lm_head.weight", None)
    return stored


def check(case: Case) -> Iterator[Difference]:
    transformer_config = case.golden.manifest["published_transformer_config"]
    for name, wanted in case.meta.items():
        if not isinstance(wanted, dict):
            continue
        found = build(name, transformer_config)
        yield same(f"{name} keys", sorted(found), sorted(wanted["keys"]))
        yield same(f"{name} shapes", found, wanted["keys"])
        yield same(f"{name} parameters", sum(math.prod(shape) for shape in found.values()), wanted["n_params"])
