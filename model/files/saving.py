"""What a network is in a checkpoint: its own weights alone, without adapters, hooks and stand-ins, written whole.

Checked before anything is written, by the same rule as when it is loaded.
"""

from __future__ import annotations

import re
import shutil
import tempfile
from collections.abc import Generator, Iterable
from contextlib import contextmanager
from pathlib import Path
from typing import Any, TypeVar, cast

import torch
from diffusers.hooks.hooks import HookRegistry
from torch import nn
from transformers import PreTrainedModel

from omniagent.model.errors import BadSetting
from omniagent.model.files.weights import infinite_weights, joined

N = TypeVar("N", bound=nn.Module)
Weights = dict[str, torch.Tensor]
_SHARD = re.compile(r"-\d{5}-of-\d{5}|\.index\.json$")


def plain(network: N, what: str, *, fuse_loras: bool = False) -> N:
    """A network of the same class and config that holds the same weights without what was put onto them.

    It shares its weights' memory, and is for saving alone: buffers that no checkpoint holds are empty.

    Args:
        network: Stays as it is, adapters included.
        what: Its name, for messages.
        fuse_loras: Whether adapters in force are added to the weights, at their strengths, or left out.

    Raises:
        BadSetting: its weights cannot be had or are none that its class could load again; the message says why.
    """
    untyped: Any = getattr(network, "_orig_mod", network)
    for module in network.modules():
        # Network code imports this file, so a module of it says by an attribute that it cannot be saved.
        if (reason := getattr(module, "not_saved", None)) is not None:
            raise BadSetting(f"{what} {reason}; load it again without that to save it")
    weights = _own_weights(untyped, what, fuse_loras)
    with torch.device("meta"):
        bare: Any = (
            type(untyped)(untyped.config)
            if isinstance(untyped, PreTrainedModel)
            else type(untyped).from_config(untyped.config)
        )
    _check(what, weights, bare.state_dict())
    bare.load_state_dict(weights, assign=True)
    if isinstance(untyped, PreTrainedModel):
        bare.generation_config = untyped.generation_config
        bare.tie_weights()
    return bare.eval()


def _own_weights(network: Any, what: str, fuse_loras: bool) -> Weights:
    held, wide = _held(network, what), cast("torch.dtype", network.dtype)
    adapted = {
        name: each for name, each in network.named_modules() if isinstance(getattr(each, "base_layer", None), nn.Module)
    }
    weights = {key: each for key, each in held.items() if not any(key.startswith(f"{name}.") for name in adapted)}
    for name, layer in adapted.items():
        start = f"{name}.base_layer."
        own = {key.removeprefix(start): each for key, each in held.items() if key.startswith(start)}
        if layer.merged and not fuse_loras:
            raise BadSetting(
                f"{what} has LoRAs fused into its weights and cannot be saved without them; "
                "take them out again (unfuse_lora), or save it with fuse_loras=True"
            )
        if fuse_loras and not layer.merged:
            own = _fused(name, layer, own, held, what, wide)
        weights |= {f"{name}.{key}": each for key, each in own.items()}
    # Eight bits are a way of storing between calls; the type that is computed with holds the same values.
    return {
        key: each.to(wide) if each.is_floating_point() and each.itemsize == 1 < wide.itemsize else each
        for key, each in weights.items()
    }


def _held(network: Any, what: str) -> Weights:
    """All weights of a network as they are now, wherever they are kept between calls."""
    weights: Weights = dict(network.state_dict())
    if any(each.device.type == "meta" for each in weights.values()):
        for name, module in network.named_modules():
            for key, each in _offloaded(module).items():
                full = f"{name}.{key}" if name else key
                weights |= {full: each} if full in weights else {}
    on_disk = any(_keeps_on_disk(module) for module in network.modules())
    lost = any(each.device.type == "meta" for each in weights.values())
    if lost or on_disk:
        where = "on a disk" if on_disk else "nowhere that can be read"
        raise BadSetting(
            f"{what} keeps its weights {where} between calls and cannot be saved; load it afresh to save it"
        )
    return weights


def _offloaded(module: nn.Module) -> Weights:
    """A module's own weights as accelerate keeps them for it while placeholders stand in their place."""
    hook: Any = getattr(module, "_hf_hook", None)
    own = [key for key, each in module.state_dict().items() if "." not in key and each.device.type == "meta"]
    kept = [one.weights_map for one in getattr(hook, "hooks", (hook,)) if getattr(one, "weights_map", None) is not None]
    return {key: weights[key] for weights in kept for key in own}


def _keeps_on_disk(module: nn.Module) -> bool:
    registry: Any = getattr(module, "_diffusers_hook", None)
    hooks: Iterable[Any] = registry.hooks.values() if isinstance(registry, HookRegistry) else ()
    return any(getattr(getattr(hook, "group", None), "offload_to_disk_path", None) for hook in hooks)


def _fused(name: str, layer: Any, own: Weights, held: Weights, what: str, up_to: torch.dtype) -> Weights:
    """A layer's weights with the adapters in force added, as the layer computes with them, in its own precision."""
    if layer.disable_adapters:
        return own
    weight = own["weight"]
    base = weight.float()
    total, bias = base.clone(), own.get("bias")
    for adapter in layer.active_adapters:
        down = held.get(f"{name}.lora_A.{adapter}.weight")
        up = held.get(f"{name}.lora_B.{adapter}.weight")
        if down is None or up is None:
            if adapter in getattr(layer, "scaling", {}) or not hasattr(layer, "lora_A"):
                raise BadSetting(f"{what} has an adapter {adapter!r} at {name} that is no LoRA and cannot be fused")
            continue
        scale = layer.scaling[adapter]
        change = scale * (up.float() @ down.float()).to(base.device)
        lengths = held.get(f"{name}.lora_magnitude_vector.{adapter}.weight")
        if lengths is None:
            total += change
        else:
            # DoRA (arXiv 2402.09353): rows of the changed weight brought to lengths of their own.
            factor = (lengths.float().to(base.device) / (base + change).norm(dim=1))[:, None]
            total = factor * (total + change)
        offset = held.get(f"{name}.lora_B.{adapter}.bias")
        if offset is not None:
            if bias is None:
                raise BadSetting(
                    f"{what} has a LoRA {adapter!r} with a bias at {name}, which has none; it cannot be fused"
                )
            bias = (bias.float() + scale * offset.float().to(bias.device)).to(bias.dtype)
    # What is stored in eight bits was never meant to be rounded to them again.
    kept = weight.dtype if weight.itemsize > 1 else up_to
    return own | {"weight": total.to(kept)} | ({} if bias is None else {"bias": bias})


def _check(what: str, weights: Weights, wanted: Weights) -> None:
    faults: list[str] = []
    if missing := sorted(set(wanted) - set(weights)):
        faults.append(f"it lacks {joined(missing)}")
    if extra := sorted(set(weights) - set(wanted)):
        faults.append(f"its class knows no {joined(extra)}")
    both = sorted(set(weights) & set(wanted))
    if wrong := [
        f"{key} is {list(weights[key].shape)} of {weights[key].dtype}, not {list(wanted[key].shape)} of floating point"
        for key in both
        if weights[key].shape != wanted[key].shape
        or weights[key].is_floating_point() != wanted[key].is_floating_point()
    ]:
        faults.append(joined(wrong))
    if kinds := {type(weights[key]).__name__ for key in both if type(weights[key]) not in (torch.Tensor, nn.Parameter)}:
        faults.append(
            f"its weights are {joined(sorted(kinds))} and no plain tensors (quantised or spread over devices)"
        )
    if not faults and (broken := infinite_weights(weights.items())):
        faults.append(f"its weights are NaN or infinite: {joined(broken)}")
    if faults:
        raise BadSetting(f"{what} cannot be saved as a checkpoint that loads again; {'; '.join(faults)}")


@contextmanager
def staged(target: Path) -> Generator[Path]:
    """A folder to write into, whose files come into `target` only when all of them are there.

    What was loaded from `target` may lie in memory as its files, which must not be written over. Other shards of the
    same weights go.
    """
    target.mkdir(parents=True, exist_ok=True)
    stage = Path(tempfile.mkdtemp(dir=target, prefix=".saving-"))
    try:
        yield stage
        _move(stage, target)
    finally:
        shutil.rmtree(stage, ignore_errors=True)


def _move(stage: Path, target: Path) -> None:
    files = [path for path in sorted(stage.rglob("*")) if path.is_file()]
    for folder in {path.parent for path in files}:
        place = target / folder.relative_to(stage)
        place.mkdir(parents=True, exist_ok=True)
        names = {path.name for path in files if path.parent == folder}
        families = {_SHARD.sub("", name) for name in names if ".safetensors" in name}
        for old in list(place.iterdir()):
            if old.is_file() and old.name not in names and _SHARD.sub("", old.name) in families:
                old.unlink()
    for path in files:
        path.replace(target / path.relative_to(stage))
