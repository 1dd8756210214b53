"""A new LoRA (arXiv 2106.09685) on the transformer: made, trained by itself, and written for everybody's loaders.

It lies on the attention's four projections, as in the published fine-tuning.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any, NamedTuple

import torch
from peft import LoraConfig
from safetensors.torch import save
from torch import nn

from omniagent.model.errors import setting_out_of_range
from omniagent.model.files.disk import disk_faults
from omniagent.model.files.lora_alphas import CONFIG_FILE
from omniagent.model.files.lora_files import LORA_FILE, PEFT_FILE
from omniagent.model.files.saving import staged
from omniagent.model.network.transformer import OmniGen2Transformer2DModel

LAYERS = ("to_q", "to_k", "to_v", "to_out.0")
_ADAPTER = "default"


class Adapter(NamedTuple):
    """A LoRA in force on a network, which stays frozen.

    `layers`: the weights that learn, float32, and no others; `names`: the network's layers that they belong to, in the
    same order.
    """

    layers: nn.ModuleList
    names: tuple[str, ...]
    rank: int
    alpha: float


def add_adapter(transformer: OmniGen2Transformer2DModel, rank: int, alpha: float, seed: int) -> Adapter:
    """Put a LoRA onto the network that changes nothing yet, and freeze the network.

    Args:
        transformer: Has no LoRA.
        rank: From 1 to the smallest side of the matrices that it changes.
        alpha: Its change is weighed with alpha / rank.
        seed: Of its first weights.

    Raises:
        BadSetting: the rank or the alpha lies outside its range.
    """
    transformer.requires_grad_(False)
    sides = [
        min(module.in_features, module.out_features)
        for name, module in transformer.named_modules()
        if isinstance(module, nn.Linear) and name.endswith(tuple(f".{layer}" for layer in LAYERS))
    ]
    if not 1 <= rank <= min(sides):
        raise setting_out_of_range("lora", rank, f"a rank from 1 to {min(sides)}, this network's smallest matrix")
    if not 0 < alpha < float("inf"):
        raise setting_out_of_range("alpha", alpha, "a positive number")
    torch.manual_seed(seed)
    config = LoraConfig(r=rank, lora_alpha=alpha, target_modules=list(LAYERS))  # pyright: ignore[reportArgumentType]
    transformer.add_adapter(config, _ADAPTER)
    names: list[str] = []
    layers = nn.ModuleList()
    for name, module in transformer.named_modules():
        untyped: Any = module
        if hasattr(module, "lora_A"):
            # In the network's own half precision small steps would be lost.
            layers.append(nn.ModuleList([untyped.lora_A[_ADAPTER].float(), untyped.lora_B[_ADAPTER].float()]))
            names.append(name)
    return Adapter(layers, tuple(names), rank, alpha)


def save_adapter(adapter: Adapter, folder: Path) -> None:
    """Write the LoRA twice, as diffusers loads it and as peft does, each with its alpha.

    The first file is what `pipeline.loras.load` here and diffusers' loaders take, its settings in its header; the other
    two are for peft's `PeftModel.from_pretrained`.

    Raises:
        StorageFull, OutputUnwritable: the folder cannot be written.
    """
    weights = {
        f"{name}.lora_{half}.weight": layer.weight.detach().float().cpu().contiguous()
        for name, pair in zip(adapter.names, adapter.layers, strict=True)
        for half, layer in zip("AB", pair, strict=True)  # pyright: ignore[reportArgumentType]
    }
    # These settings alone: a loader of another version refuses those that it does not know.
    said: dict[str, Any] = {
        "r": adapter.rank,
        "lora_alpha": adapter.alpha,
        "target_modules": list(LAYERS),
        "lora_dropout": 0.0,
        "bias": "none",
        "rank_pattern": {},
        "alpha_pattern": {},
        "use_rslora": False,
        "use_dora": False,
    }
    header = {"format": "pt", "lora_adapter_metadata": json.dumps(_prefixed("transformer.", said), sort_keys=True)}
    said |= {"peft_type": "LORA", "task_type": None, "base_model_name_or_path": None, "inference_mode": True}
    with disk_faults(folder), staged(folder) as stage:
        (stage / LORA_FILE).write_bytes(save(_prefixed("transformer.", weights), header))
        (stage / PEFT_FILE).write_bytes(save(_prefixed("base_model.model.", weights), {"format": "pt"}))
        (stage / CONFIG_FILE).write_text(json.dumps(said, indent=2, sort_keys=True) + "\n", encoding="utf-8")


def _prefixed(start: str, values: dict[str, Any]) -> dict[str, Any]:
    return {f"{start}{key}": value for key, value in values.items()}
