"""LoRA adapters (arXiv 2106.09685) of the transformer: loaded by name, weighed, several at once, and taken off again.

`lora_files` reads the forms in which they are published.
"""

from __future__ import annotations

import collections
import numbers
import re
import warnings
from collections.abc import Mapping
from pathlib import Path
from typing import Any, cast

from torch import nn

from omniagent.model.errors import BadSetting, setting_out_of_range
from omniagent.model.files.lora_files import LORA_FILE, LoraFile, find_lora, read_lora
from omniagent.model.files.weights import building, joined
from omniagent.model.network.eight_bits import multiplies_in_eight_bits
from omniagent.model.network.transformer import OmniGen2Transformer2DModel
from omniagent.model.wording import shown

__all__ = ["LORA_FILE", "Loras"]
_NAME = re.compile(r"[\w -]+")


class Loras:
    """The adapters of one transformer.

    Args:
        transformer: The network; adapters are loaded through this object alone.
    """

    def __init__(self, transformer: OmniGen2Transformer2DModel) -> None:
        self._transformer = transformer
        self._scales: dict[str, float] = {}

    @property
    def scales(self) -> dict[str, float]:
        """Loaded adapters and their strengths, in the order they were loaded."""
        return dict(self._scales)

    def load(self, source: str | Path, name: str = "default", scale: float = 1.0) -> None:
        """Load an adapter and put it in force beside those already there.

        Args:
            source: The file, or a folder that holds it under its published name, under peft's, or alone.
            name: What to call it, in letters, digits, spaces, `_` and `-`.
            scale: Its strength.

        Raises:
            BadCheckpoint: the file is missing, broken, holds weights that are not finite, is made for another model or
                by another method, or contradicts itself; the message names the misfits.
            BadSetting: the name is taken or has characters that are not allowed, the scale is no number, or the
                transformer's weights lie elsewhere between its calls or are multiplied in eight bits.
        """
        _check_name(name)
        if name in self._scales:
            raise BadSetting(f"a LoRA named {shown(name)} is loaded already; take it off first, or give another name")
        _check_scale(name, scale)
        if multiplies_in_eight_bits(self._transformer):
            raise BadSetting(
                "the transformer multiplies in eight bits, to which no LoRA can be added; load the model without "
                "eight_bits (OMNIAGENT_EIGHT_BITS), or save it with the LoRA fused in and load that checkpoint with it"
            )
        layers = _linear_layers(self._transformer)
        if any(layer.weight.device.type == "meta" for layer in layers.values()):
            raise BadSetting(
                "the transformer's weights are kept elsewhere between its layers (sequential offload); "
                "load its LoRAs first and offload it afterwards"
            )
        path = find_lora(Path(source).expanduser())
        read = read_lora(path, layers)
        with warnings.catch_warnings():
            # Having several adapters is what this is for.
            warnings.filterwarnings("ignore", "Already found a `peft_config`", UserWarning)
            building(path, "LoRA", lambda: self._inject(read, name))
        self._apply(self._scales | {name: scale})

    def _inject(self, read: LoraFile, name: str) -> None:
        untyped: Any = self._transformer
        untyped.load_lora_adapter(dict(read.weights), prefix=None, adapter_name=name, metadata=_config(read))
        if all(weight.itemsize > 1 for weight in self._transformer.parameters()):
            return
        # Where the network is stored in eight bits, its adapters are too small to be worth the loss.
        own = dict(self._transformer.named_parameters())
        for key, weight in read.weights.items():
            layer, kind, *_ = re.split(r"\.(?=lora_)|(?<=lora_[AB])\.", key)
            last = "bias" if key.endswith(".bias") else "weight"
            kept = own[f"{layer}.{kind}.{name}.{last}"]
            kept.data = weight.to(kept.device, self._transformer.dtype)

    def weigh(self, scales: Mapping[str, float]) -> None:
        """Give loaded adapters these strengths, and those not named 0.

        Raises:
            BadSetting: a name is not loaded, or a scale is no number.
        """
        for name, scale in scales.items():
            self._check_loaded(name)
            _check_scale(name, scale)
        if self._scales:
            self._apply(dict.fromkeys(self._scales, 0.0) | dict(scales))

    def unload(self, name: str | None = None) -> None:
        """Take off one adapter, or all: the network then computes what it did without.

        Raises:
            BadSetting: the name is not loaded.
        """
        if name is not None:
            self._check_loaded(name)
        rest = {other: scale for other, scale in self._scales.items() if name is not None and other != name}
        if name is not None and rest:
            self._transformer.delete_adapters(name)
            self._apply(rest)
        elif self._scales:
            self._transformer.unload_lora()
            self._scales = {}

    def _apply(self, scales: Mapping[str, float]) -> None:
        plain = {name: float(scale) for name, scale in scales.items()}
        # A DoRA of strength 0 would still bring its weights to lengths of its own.
        working = {name: scale for name, scale in plain.items() if scale}
        if working:
            self._transformer.enable_adapters()
            self._transformer.set_adapters(list(working), list(working.values()))
        else:
            self._transformer.disable_adapters()
        self._scales = plain

    def _check_loaded(self, name: str) -> None:
        if name not in self._scales:
            raise BadSetting(f"no LoRA is loaded as {shown(name)}; there are {joined(sorted(self._scales)) or 'none'}")


def _check_name(name: object) -> None:
    # It becomes an entry of such a dictionary, whose own attributes it must not hide.
    if not isinstance(name, str) or not _NAME.fullmatch(name) or hasattr(nn.ModuleDict(), name):
        raise setting_out_of_range(
            "the name of a LoRA", name, "letters, digits, spaces, _ and -, and none of torch's own words such as 'keys'"
        )


def _check_scale(name: str, scale: object) -> None:
    if isinstance(scale, bool) or not isinstance(scale, numbers.Real) or not abs(cast("float", scale)) < 1e30:
        raise BadSetting(f"the scale {shown(scale)} of LoRA {shown(name)} is not allowed; give a finite number")


def _linear_layers(transformer: OmniGen2Transformer2DModel) -> dict[str, nn.Linear]:
    """The layers that take a LoRA, by the names that they have without one."""
    layers: dict[str, nn.Linear] = {}
    for name, module in transformer.named_modules():
        base = getattr(module, "base_layer", module)
        if isinstance(base, nn.Linear) and not re.search(r"\.(?:base_layer|lora_\w+)(?:\.|$)", name):
            layers[name] = base
    return layers


def _config(read: LoraFile) -> dict[str, Any]:
    """Peft's settings of an adapter: the values that most layers have, and a pattern for each other layer."""
    ranks, alphas, root = read.strengths
    rank, alpha = (collections.Counter(values).most_common(1)[0][0] for values in (ranks.values(), alphas.values()))
    return {
        "r": rank,
        "lora_alpha": alpha,
        "rank_pattern": {f"^{re.escape(name)}": value for name, value in ranks.items() if value != rank},
        "alpha_pattern": {f"^{re.escape(name)}": value for name, value in alphas.items() if value != alpha},
        "target_modules": list(ranks),
        "use_rslora": root,
        "use_dora": any(key.endswith(".lora_magnitude_vector") for key in read.weights),
        "lora_bias": any(key.endswith(".bias") for key in read.weights),
    }
