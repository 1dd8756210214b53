"""LoRA adapters (arXiv 2106.09685) of the transformer: loaded by name, weighed, several at once, and taken off again.

Files are those of the published pipeline: ``pytorch_lora_weights.safetensors`` with
``transformer.<module>.lora_A.weight`` and ``lora_B.weight``.
"""

from __future__ import annotations

import numbers
import re
import warnings
from collections.abc import Mapping
from pathlib import Path

from torch import nn

from .errors import BadCheckpoint, BadSetting, setting_out_of_range
from .transformer import OmniGen2Transformer2DModel
from .weights import Shapes, building, check_finite_file, listed, read_shapes
from .wording import cut, shown

LORA_FILE = "pytorch_lora_weights.safetensors"
PREFIX = "transformer"
_NAME = re.compile(r"[\w -]+")
_KEY = re.compile(rf"{PREFIX}\.(?P<module>.+)\.lora_(?P<half>[AB])\.weight")


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
            source: The file, or a folder that holds it under its published name.
            name: What to call it, in letters, digits, spaces, ``_`` and ``-``.
            scale: Its strength.

        Raises:
            BadCheckpoint: The file is missing, broken, holds weights that are not finite, or is made for another
                model; the message names the misfits.
            BadSetting: The name is taken or has characters that are not allowed, or the scale is no number.
        """
        _check_name(name)
        path = Path(source).expanduser()
        path = path / LORA_FILE if path.is_dir() else path
        if name in self._scales:
            raise BadSetting(f"a LoRA named {shown(name)} is loaded already; take it off first, or give another name")
        _check_scale(name, scale)
        if not path.is_file():
            raise BadCheckpoint(f"{cut(str(path))} is missing; give a LoRA file, or a folder with {LORA_FILE}")
        _check_fit(path, read_shapes([path]), self._transformer)
        check_finite_file(path)
        with warnings.catch_warnings():
            # Having several adapters is what this is for.
            warnings.filterwarnings("ignore", "Already found a `peft_config`", UserWarning)
            building(
                path,
                "LoRA",
                lambda: self._transformer.load_lora_adapter(
                    path.parent, weight_name=path.name, prefix=PREFIX, adapter_name=name
                ),
            )
        self._apply(self._scales | {name: scale})

    def weigh(self, scales: Mapping[str, float]) -> None:
        """Give loaded adapters these strengths, and those not named 0.

        Raises:
            BadSetting: A name is not loaded, or a scale is no number.
        """
        for name, scale in scales.items():
            self._check_loaded(name)
            _check_scale(name, scale)
        if self._scales:
            self._apply(dict.fromkeys(self._scales, 0.0) | dict(scales))

    def unload(self, name: str | None = None) -> None:
        """Take off one adapter, or all: the network then computes what it did without.

        Raises:
            BadSetting: The name is not loaded.
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
        self._transformer.set_adapters(list(plain), list(plain.values()))
        self._scales = plain

    def _check_loaded(self, name: str) -> None:
        if name not in self._scales:
            raise BadSetting(f"no LoRA is loaded as {shown(name)}; there are {listed(sorted(self._scales)) or 'none'}")


def _check_name(name: object) -> None:
    # It becomes an entry of such a dictionary, whose own attributes it must not hide.
    if not isinstance(name, str) or not _NAME.fullmatch(name) or hasattr(nn.ModuleDict(), name):
        raise setting_out_of_range(
            "the name of a LoRA", name, "letters, digits, spaces, _ and -, and none of torch's own words such as 'keys'"
        )


def _check_scale(name: str, scale: object) -> None:
    if isinstance(scale, bool) or not isinstance(scale, numbers.Real) or not abs(scale) < 1e30:
        raise BadSetting(f"the scale {shown(scale)} of LoRA {shown(name)} is not allowed; give a finite number")


def _check_fit(path: Path, shapes: Shapes, transformer: OmniGen2Transformer2DModel) -> None:
    modules = dict(transformer.named_modules())
    faults: list[str] = []
    ranks: dict[str, dict[str, int]] = {}
    for key, shape in shapes.items():
        match = _KEY.fullmatch(key)
        module = None if match is None else modules.get(match["module"])
        layer = getattr(module, "base_layer", module)
        if match is None or not isinstance(layer, nn.Linear):
            faults.append(f"{key} fits no layer")
            continue
        if len(shape) != 2:
            faults.append(f"{key} is {list(shape)} and the layer takes a matrix")
            continue
        rank, width = shape if match["half"] == "A" else shape[::-1]
        wanted = layer.in_features if match["half"] == "A" else layer.out_features
        ranks.setdefault(match["module"], {})[match["half"]] = rank
        if width != wanted:
            faults.append(f"{key} is {list(shape)} and the layer has {wanted} {_side(match['half'])}")
    faults += [
        f"{module} has not two halves of one rank"
        for module, found in ranks.items()
        if len(found) != 2 or len(set(found.values())) != 1
    ]
    if not shapes:
        faults.append("it is empty")
    if faults:
        raise BadCheckpoint(f"{path} is no LoRA for this model: {listed(faults)}")


def _side(half: str) -> str:
    return "inputs" if half == "A" else "outputs"
