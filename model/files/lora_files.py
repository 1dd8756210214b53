"""Reads LoRA files (arXiv 2106.09685) in the forms in which they are published, into one form.

The published pipeline writes `transformer.<layer>.lora_A.weight`, its trainer and peft `base_model.model.` before
and `.default.` within, ComfyUI and its trainers `diffusion_model.` before or nothing at all, and kohya's programs
`lora_unet_<layer with underscores>.lora_down.weight` with an `alpha` beside each pair.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path
from typing import NamedTuple

import torch
from safetensors import safe_open
from torch import nn

from omniagent.model.errors import BadCheckpoint
from omniagent.model.files.file_kinds import stand_ins
from omniagent.model.files.lora_alphas import Strengths, strengths_of
from omniagent.model.files.weights import check_finite_file, joined, read_shapes

LORA_FILE = "pytorch_lora_weights.safetensors"
PEFT_FILE = "adapter_model.safetensors"
_NAME = r"(?:\.(?P<adapter>(?!weight\b|bias\b)[^.]+))?"
_FORMS: tuple[tuple[str, re.Pattern[str]], ...] = (
    ("A", re.compile(rf"(?P<layer>.+)\.lora_A{_NAME}(?:\.weight)?")),
    ("B", re.compile(rf"(?P<layer>.+)\.lora_B{_NAME}(?:\.weight)?")),
    ("bias", re.compile(rf"(?P<layer>.+)\.lora_B{_NAME}\.bias")),
    ("A", re.compile(r"(?P<layer>.+?)(?:_lora|[._]lora|\.lora_linear_layer)[._]down\.weight")),
    ("B", re.compile(r"(?P<layer>.+?)(?:_lora|[._]lora|\.lora_linear_layer)[._]up\.weight")),
    ("alpha", re.compile(r"(?P<layer>.+?)(?:\.lora)?\.alpha")),
    ("magnitude", re.compile(rf"(?P<layer>.+)\.lora_magnitude_vector{_NAME}(?:\.weight)?")),
    ("magnitude", re.compile(r"(?P<layer>.+)\.dora_scale")),
)
_WRAPPERS = re.compile(r"(?:base_model|model|module|_orig_mod|transformer|diffusion_model|dit|unet)\.")
_FLAT_WRAPPERS = re.compile(r"(?:lora_(?:unet|transformer|dit)_|lycoris_|transformer_|diffusion_model_)_?")
_ELSEWHERE = re.compile(r"(?:base_model\.model\.)?(?:lora_te\d*_|text_encoder|text_model|mllm|te\d*\.|vae|lora_vae_)")
_OTHER_METHODS = {
    "lokr_": "LoKr",
    "hada_": "LoHa",
    "oft_": "OFT",
    "boft": "BOFT",
    "glora": "GLoRA",
    "lora_mid": "a LoRA of convolutions",
    "lora_embedding": "a LoRA of embeddings",
    "ia3_": "IA3",
    "on_input": "IA3",
    "vera_": "VeRA",
    ".diff": "a difference of whole weights",
    ".set_weight": "a set of whole weights",
    ".reshape_weight": "a LoRA that changes sizes",
}
_CONVERT = "only LoRA and DoRA of linear layers can be loaded, so convert it, or merge it into the model elsewhere"


class LoraFile(NamedTuple):
    """A LoRA in one form: `<layer>.lora_A.weight` and so on by the network's own layer names, and its strength."""

    weights: dict[str, torch.Tensor]
    strengths: Strengths


def find_lora(source: str | Path) -> Path:
    """The LoRA file that a path means: itself, or of a folder the one under its published name or the only one.

    Raises:
        BadCheckpoint: there is none, or several, or only weights in another form.
    """
    try:
        path = Path(source).expanduser()
        if not path.is_dir():
            if not path.is_file():
                raise BadCheckpoint(f"{path} is missing; give a LoRA file, or a folder with {LORA_FILE}")
            return path
        named = [path / name for name in (LORA_FILE, PEFT_FILE) if (path / name).is_file()]
        held = named or sorted(path.glob("*.safetensors"))
        others = stand_ins(path.iterdir())
    except (OSError, RuntimeError, ValueError) as error:
        if isinstance(error, BadCheckpoint):
            raise
        raise BadCheckpoint(f"{str(source)[:200]!r} cannot be looked up ({error}); give a LoRA file") from error
    if len(held) == 1 or named:
        return held[0]
    if held:
        raise BadCheckpoint(f"{path} holds {joined(file.name for file in held)}; give the path of one of them")
    if others:
        raise BadCheckpoint(f"{path} holds no LoRA in safetensors; {joined(others, 2)}")
    raise BadCheckpoint(f"{path / LORA_FILE} is missing; give a LoRA file, or a folder with one")


def read_lora(path: Path, layers: Mapping[str, nn.Linear]) -> LoraFile:
    """Read a file for a network with these linear layers, by their names.

    Raises:
        BadCheckpoint: the file is broken, no LoRA, made for another model or another method, holds values that are not
            finite, or contradicts itself; the message names what does not fit.
    """
    shapes = read_shapes([path])
    keys = _keys(path, shapes, layers)
    _check_fit(path, keys, shapes, layers)
    check_finite_file(path)
    weights: dict[str, torch.Tensor] = {}
    alphas: dict[str, float] = {}
    ranks: dict[str, int] = {}
    with safe_open(path, "pt") as file:
        header = dict(file.metadata() or {})
        for (layer, what), key in keys.items():
            tensor = file.get_tensor(key)
            if what == "alpha":
                alphas[layer] = float(tensor)
            elif what == "magnitude":
                weights[f"{layer}.lora_magnitude_vector"] = tensor.flatten()
            elif what == "bias":
                weights[f"{layer}.lora_B.bias"] = tensor
            else:
                weights[f"{layer}.lora_{what}.weight"] = tensor
                ranks[layer] = tensor.size(0 if what == "A" else 1)
    return LoraFile(weights, strengths_of(path, header, ranks, alphas))


def _keys(
    path: Path, shapes: Mapping[str, tuple[int, ...]], layers: Mapping[str, nn.Linear]
) -> dict[tuple[str, str], str]:
    """The key of each weight by its layer and what it is there."""
    if not shapes:
        raise BadCheckpoint(f"{path} is no LoRA for this model: it is empty")
    flat = {name.replace(".", "_"): name for name in layers}
    found: dict[tuple[str, str], str] = {}
    misfits: list[str] = []
    adapters: set[str] = set()
    for key in shapes:
        form = next(((what, match) for what, one in _FORMS if (match := one.fullmatch(key)) is not None), None)
        layer = None if form is None else _layer(form[1]["layer"], layers, flat)
        if form is None or layer is None:
            misfits.append(key)
            continue
        adapters |= {name for name in (form[1].groupdict().get("adapter"),) if name}
        if (double := found.setdefault((layer, form[0]), key)) != key and len(adapters) < 2:
            raise BadCheckpoint(f"{path} has two weights for one place, {double} and {key}; keep one of them")
    if misfits:
        raise BadCheckpoint(_misfit(path, misfits, set(shapes), set(layers)))
    if len(adapters) > 1:
        raise BadCheckpoint(f"{path} holds several LoRAs ({joined(sorted(adapters))}); save each in a file of its own")
    return found


def _layer(said: str, layers: Mapping[str, nn.Linear], flat: Mapping[str, str]) -> str | None:
    """The transformer's own name for a layer as a file says it."""
    name = re.sub(r"\.processor\.(to_\w+)$", r".\1", said)
    while True:
        for one in (name, f"{name}.0" if name.endswith(".to_out") else name):
            if one in layers:
                return one
        wrapper = _WRAPPERS.match(name)
        if wrapper is None:
            break
        name = name[wrapper.end() :]
    return flat.get(_FLAT_WRAPPERS.sub("", name, count=1)) if "." not in name else None


def _misfit(path: Path, misfits: list[str], every: set[str], layers: set[str]) -> str:
    """Why keys that fit no layer are there, as far as it can be told."""
    method = next((name for part, name in _OTHER_METHODS.items() if any(part in key for key in misfits)), None)
    if method is not None:
        return f"{path} is {method}, for example {misfits[0]}; {_CONVERT}"
    if elsewhere := [key for key in misfits if _ELSEWHERE.match(key)]:
        return (
            f"{path} also changes the text model or the VAE ({joined(elsewhere, 2)}), which take no LoRA here; "
            "keep only the transformer's weights in it"
        )
    names = {_WRAPPERS.sub("", key.replace(".base_layer", "")) for key in misfits}
    if any(f"{layer}.weight" in names for layer in layers):
        what = "a whole model" if len(misfits) == len(every) else "a LoRA together with the whole model"
        return f"{path} is {what}, for example {misfits[0]}; keep only its LoRA weights, or load it as a checkpoint"
    return f"{path} is no LoRA for this model: {joined(f'{key} fits no layer' for key in misfits)}"


def _check_fit(
    path: Path,
    keys: Mapping[tuple[str, str], str],
    shapes: Mapping[str, tuple[int, ...]],
    layers: Mapping[str, nn.Linear],
) -> None:
    faults: list[str] = []
    ranks: dict[str, dict[str, int]] = {}
    for (name, what), key in keys.items():
        shape, layer = shapes[key], layers[name]
        if what in ("A", "B"):
            if len(shape) != 2:
                faults.append(f"{key} is {list(shape)} and the layer takes a matrix")
                continue
            rank, width = shape if what == "A" else shape[::-1]
            wanted, side = (layer.in_features, "inputs") if what == "A" else (layer.out_features, "outputs")
            ranks.setdefault(name, {})[what] = rank
            if width != wanted:
                faults.append(f"{key} is {list(shape)} and the layer has {wanted} {side}")
            elif not rank:
                faults.append(f"{key} has rank 0")
        elif what == "alpha":
            ranks.setdefault(name, {})
            if shape not in ((), (1,)):
                faults.append(f"{key} is {list(shape)} and an alpha is one number")
        else:
            ranks.setdefault(name, {})
            if shape not in ((layer.out_features,), (layer.out_features, 1)):
                faults.append(f"{key} is {list(shape)} and the layer has {layer.out_features} outputs")
    for name, found in ranks.items():
        if len(found) != 2 or len(set(found.values())) != 1:
            told = f" ({found['A']} and {found['B']})" if len(found) == 2 else ""
            faults.append(f"{name} has not two halves of one rank{told}")
    magnitudes = {name for name, what in keys if what == "magnitude"}
    if magnitudes and (bare := sorted(set(ranks) - magnitudes)):
        faults.append(f"{bare[0]} has no magnitude and {sorted(magnitudes)[0]} has one")
    if faults:
        raise BadCheckpoint(f"{path} is no LoRA for this model: {joined(faults)}")
