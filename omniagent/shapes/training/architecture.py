"""Sizes of the bundled checkpoint's parts: the published classes, small enough for two CPU cores and 40 MB."""

from typing import Any

from transformers import Qwen2_5_VLConfig

PICTURE = 128
LATENT_CHANNELS = 8
TEXT_WIDTH = 256

SMALL_VAE: dict[str, Any] = {
    "block_out_channels": (16, 32, 64, 96),
    "down_block_types": ("DownEncoderBlock2D",) * 4,
    "up_block_types": ("UpDecoderBlock2D",) * 4,
    "layers_per_block": 1,
    "latent_channels": LATENT_CHANNELS,
    "norm_num_groups": 2,
    "mid_block_add_attention": False,
    "use_quant_conv": False,
    "use_post_quant_conv": False,
    "sample_size": PICTURE,
    "force_upcast": False,
}

TRANSFORMER: dict[str, Any] = {
    "patch_size": 2,
    "in_channels": LATENT_CHANNELS,
    "hidden_size": 256,
    "num_layers": 6,
    "num_refiner_layers": 1,
    "num_attention_heads": 4,
    "num_kv_heads": 2,
    "multiple_of": 64,
    "ffn_dim_multiplier": 0.75,
    "norm_eps": 1e-5,
    "axes_dim_rope": (16, 24, 24),
    "axes_lens": (2048, 1024, 1024),
    "text_feat_dim": TEXT_WIDTH,
    "timestep_scale": 1000.0,
}


def mllm_config(vocabulary: int, **tokens: int) -> Qwen2_5_VLConfig:
    """A Qwen2.5-VL of some 6 M parameters: patch 8, 64 merged tokens for a 128×128 picture."""
    text = {
        "vocab_size": vocabulary,
        "hidden_size": TEXT_WIDTH,
        "intermediate_size": 704,
        "num_hidden_layers": 6,
        "num_attention_heads": 8,
        "num_key_value_heads": 4,
        "max_position_embeddings": 2048,
        "rms_norm_eps": 1e-6,
        "rope_parameters": {"rope_type": "default", "rope_theta": 10000.0, "mrope_section": [4, 6, 6]},
        "tie_word_embeddings": True,
        "bos_token_id": tokens.get("eos_token_id", 0),
        "eos_token_id": tokens.get("eos_token_id", 0),
    }
    vision = {
        "depth": 5,
        "hidden_size": 128,
        "intermediate_size": 384,
        "num_heads": 2,
        "patch_size": 8,
        "spatial_merge_size": 2,
        "temporal_patch_size": 2,
        "window_size": 64,
        "fullatt_block_indexes": [2, 4],
        "out_hidden_size": TEXT_WIDTH,
        "in_channels": 3,
    }
    special: dict[str, Any] = {name: number for name, number in tokens.items() if name != "eos_token_id"}
    return Qwen2_5_VLConfig(text_config=text, vision_config=vision, tie_word_embeddings=True, **special)
