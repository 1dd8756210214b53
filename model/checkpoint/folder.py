"""Reads and writes whole OmniGen2 checkpoints in the published folder layout.

`model_index.json` names the transformer and the scheduler by bare module names; they stand for the classes here.
No code that lies in a checkpoint is ever run, and pickled weights are refused.
"""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple, TypeVar, cast

import diffusers
import torch
from diffusers.models.autoencoders.autoencoder_kl import AutoencoderKL
from diffusers.models.modeling_utils import ModelMixin
from transformers import Qwen2_5_VLConfig, Qwen2_5_VLForConditionalGeneration

from omniagent.model import lifetime
from omniagent.model.checkpoint.settings import SETTINGS_FILE, Profiles, read_profiles
from omniagent.model.denoising.loop import Scheduler
from omniagent.model.denoising.schedulers import DPMSolverMultistepScheduler, FlowMatchEulerDiscreteScheduler
from omniagent.model.errors import BadCheckpoint, BadSetting
from omniagent.model.files.disk import disk_faults
from omniagent.model.files.hub import find_model
from omniagent.model.files.saving import plain, staged
from omniagent.model.files.weights import (
    Shapes,
    WithoutStorage,
    building,
    check_config,
    check_finite,
    check_numbers,
    check_shapes,
    joined,
    read_json,
    read_shapes,
    weight_files,
)
from omniagent.model.mllm.processor import IMAGE_PAD, LightProcessor
from omniagent.model.network.transformer import OmniGen2Transformer2DModel

INDEX_FILE = "model_index.json"
MLLM, MLLM_TYPE = "Qwen2.5-VL", "qwen2_5_vl"
DIFFUSERS_STEM, TRANSFORMERS_STEM = "diffusion_pytorch_model", "model"
SCHEDULERS: dict[str, type[FlowMatchEulerDiscreteScheduler] | type[DPMSolverMultistepScheduler]] = {
    "FlowMatchEulerDiscreteScheduler": FlowMatchEulerDiscreteScheduler,
    "DPMSolverMultistepScheduler": DPMSolverMultistepScheduler,
}
PUBLISHED_MODULES = {
    "OmniGen2Transformer2DModel": "transformer_omnigen2",
    "FlowMatchEulerDiscreteScheduler": "scheduling_flow_match_euler_discrete",
    "DPMSolverMultistepScheduler": "scheduling_dpmsolver_multistep",
    "AutoencoderKL": "diffusers",
    "Qwen2_5_VLForConditionalGeneration": "transformers",
    "Qwen2_5_VLProcessor": "transformers",
}
COMPONENTS: dict[str, tuple[str, ...]] = {
    "transformer": ("OmniGen2Transformer2DModel",),
    "vae": ("AutoencoderKL",),
    "scheduler": tuple(SCHEDULERS),
    "mllm": ("Qwen2_5_VLForConditionalGeneration",),
    "processor": ("Qwen2_5_VLProcessor",),
}
NETWORKS = ("transformer", "vae", "mllm")

M = TypeVar("M", bound=ModelMixin)


class Parts(NamedTuple):
    """A checkpoint in memory: its parts by name, and how it wants to be used."""

    components: dict[str, Any]
    profiles: Profiles


def load_parts(
    path_or_repo: str | Path,
    *,
    revision: str | None = None,
    torch_dtype: torch.dtype | Mapping[str, torch.dtype] | None = None,
    on_cpu: bool = True,
    local_files_only: bool = False,
    on_part: Callable[[str], None] | None = None,
    **components: Any,
) -> Parts:
    """Load the parts of a checkpoint folder or hub name, in evaluation mode, on the CPU.

    Args:
        path_or_repo: A folder, or a hub name such as `OmniGen2/OmniGen2`.
        revision: Branch, tag or commit of a hub name.
        torch_dtype: Precision of all weights, or of each part by its name, as diffusers takes it; None, or a part that
            is not named and has no `default`, means float32 on a CPU and bfloat16 elsewhere.
        on_cpu: Whether the weights stay on the CPU.
        local_files_only: Never ask the hub.
        on_part: Told the name of each network before it is read.
        **components: Ready components (`transformer`, `vae`, `scheduler`, `mllm`, `processor`) used instead
            of the checkpoint's.

    Raises:
        UnknownModel: no such folder, repository or revision.
        HubUnreachable: the hub does not answer and nothing is downloaded.
        BadCheckpoint: something is missing, broken, too much, or unsafe; the message names it.
        BadSetting: a component that a checkpoint doesn't have.
    """
    if unknown := sorted(set(components) - set(COMPONENTS)):
        raise BadSetting(f"{joined(unknown)} is no part of this pipeline; its parts are {joined(COMPONENTS, 9)}")
    dtypes = torch_dtype if isinstance(torch_dtype, Mapping) else {"default": torch_dtype}
    if unknown := sorted(set(dtypes) - {"transformer", "vae", "mllm", "default"}):
        raise BadSetting(f"torch_dtype names {joined(unknown)}; its parts are transformer, vae, mllm and default")
    folder = find_model(path_or_repo, revision=revision, local_files_only=local_files_only)
    classes = _read_index(folder)
    own = torch.float32 if on_cpu else torch.bfloat16
    vae, transformer, mllm = (dtypes.get(n) or dtypes.get("default") or own for n in ("vae", "transformer", "mllm"))
    loaders: dict[str, Callable[[], Any]] = {
        "transformer": lambda: load_module(OmniGen2Transformer2DModel, folder / "transformer", transformer),
        "vae": lambda: load_module(AutoencoderKL, folder / "vae", vae),
        "scheduler": lambda: load_scheduler(folder / "scheduler", classes["scheduler"]),
        "mllm": lambda: load_mllm(folder / "mllm", mllm),
        "processor": lambda: LightProcessor.from_pretrained(folder / "processor"),
    }
    parts: dict[str, Any] = {}
    for name, load in loaders.items():
        lifetime.check()
        if on_part is not None and name in NETWORKS:
            on_part(name)
        parts[name] = components[name] if name in components else load()
    if not components.keys() & {"mllm", "processor"}:
        _check_vocabulary(folder, parts["processor"], parts["mllm"])
    for name in NETWORKS:
        parts[name].eval()
    return Parts(parts, read_profiles(folder))


def load_module(kind: type[M], folder: Path, dtype: torch.dtype) -> M:
    """Load a diffusers model from its folder, having checked that the weights are exactly those it needs.

    Raises:
        BadCheckpoint: naming what is wrong.
    """
    path, untyped = folder / "config.json", cast("Any", kind)
    config = check_config(path, untyped)
    check_numbers(path, config)
    found = read_shapes(weight_files(folder, DIFFUSERS_STEM))
    with WithoutStorage(), torch.device("meta"):
        shapes: M = building(path, kind.__name__, lambda: untyped.from_config(config))
    check_shapes(folder, found, {name: tuple(each.shape) for name, each in shapes.state_dict().items()})
    module: M = building(
        path,
        kind.__name__,
        lambda: kind.from_pretrained(folder, torch_dtype=dtype, use_safetensors=True, local_files_only=True),
    )
    check_finite(folder, module)
    return module


def load_scheduler(folder: Path, name: str) -> Scheduler:
    """Load a scheduler by its class name.

    Raises:
        BadCheckpoint: its config is missing, broken, has unknown keys or values outside their ranges.
    """
    kind, path = SCHEDULERS[name], folder / "scheduler_config.json"
    config = {name: value for name, value in check_config(path, kind).items() if not name.startswith("_")}
    return building(path, name, lambda: kind(**config))


def load_mllm(folder: Path, dtype: torch.dtype) -> Qwen2_5_VLForConditionalGeneration:
    """Load the Qwen2.5-VL of a checkpoint; its tied head needs no weights of its own.

    Raises:
        BadCheckpoint: naming what is wrong.
    """
    path = folder / "config.json"
    if (named := read_json(path).get("model_type")) != MLLM_TYPE:
        raise BadCheckpoint(f"{path} has model_type={named!r}; it must be {MLLM_TYPE!r}")
    _check_size(path, read_shapes(weight_files(folder, TRANSFORMERS_STEM)))
    untyped: Any = Qwen2_5_VLForConditionalGeneration
    with WithoutStorage():
        model, info = building(
            path,
            MLLM,
            lambda: untyped.from_pretrained(
                folder,
                dtype=dtype,
                use_safetensors=True,
                local_files_only=True,
                trust_remote_code=False,
                ignore_mismatched_sizes=True,
                output_loading_info=True,
            ),
        )
    faults = {
        "missing weights": sorted(info["missing_keys"]),
        "unknown weights": sorted(info["unexpected_keys"]),
        "wrong shapes": sorted(f"{name} is {list(a)}, not {list(b)}" for name, a, b in info["mismatched_keys"]),
    }
    told = [f"{fault}: {joined(names)}" for fault, names in faults.items() if names]
    if told:
        raise BadCheckpoint(f"{folder} does not fit its config.json; {'; '.join(told)}")
    check_finite(folder, model)
    return model


def _check_size(path: Path, found: Shapes) -> None:
    """Refuse a config of a much larger network before memory is taken for it; an empty one stands for 72 billion."""

    def count() -> int:
        config = Qwen2_5_VLConfig.from_pretrained(path.parent, local_files_only=True)
        with WithoutStorage(), torch.device("meta"):
            return sum(each.numel() for each in Qwen2_5_VLForConditionalGeneration(config).parameters())

    wanted, held = building(path, MLLM, count), sum(math.prod(shape) for shape in found.values())
    # A head may be counted that is tied to the words' embedding and has no weights of its own.
    if wanted > 2 * held:
        raise BadCheckpoint(f"{path} describes {wanted:,} weights and its folder holds {held:,}; download it again")


def _check_vocabulary(folder: Path, processor: LightProcessor, mllm: Qwen2_5_VLForConditionalGeneration) -> None:
    words, config = processor.tokenizer.get_vocab(), mllm.config
    top, known = max(words.values()), config.get_text_config().vocab_size
    fault = f"tokens up to number {top}, and the network knows {known}" if top >= known else None
    if (pad := words.get(IMAGE_PAD)) != config.image_token_id:
        fault = f"{IMAGE_PAD} as token {pad}, and the network as {config.image_token_id}"
    if fault is not None:
        raise BadCheckpoint(f"{folder / 'processor'} has {fault}; take it and {folder / 'mllm'} from one checkpoint")


def save_parts(parts: Parts, folder: str | Path, *, max_shard_size: str = "5GB", fuse_loras: bool = False) -> None:
    """Write a checkpoint in the published layout, with its bare module names and without the tied head.

    Files that are there already, also those that the parts were loaded from, are replaced when all of the new ones
    are written.

    Args:
        parts: Stay as they are, also their LoRAs and where their weights lie.
        folder: Where to; made where it is missing.
        max_shard_size: Larger networks are cut into files of this size.
        fuse_loras: False writes the networks without the LoRAs that are loaded; True adds those in force to the
            weights, at their strengths, for good.

    Raises:
        BadSetting: a part has weights that no checkpoint could hold, or is of a class that none could name.
        OutputUnwritable: the folder cannot be written.
        StorageFull: the disk has no room left.
    """
    target, scheduler = Path(folder), type(parts.components["scheduler"])
    if SCHEDULERS.get(scheduler.__name__) is not scheduler:
        raise BadSetting(f"the scheduler is {scheduler.__name__}; only {joined(SCHEDULERS)} can be saved")
    networks = {name: plain(parts.components[name], f"the {name}", fuse_loras=fuse_loras) for name in NETWORKS}
    with disk_faults(target), staged(target) as stage:
        for name, network in networks.items():
            untyped: Any = network
            save = untyped.save_pretrained if name != "transformer" else partial(ModelMixin.save_pretrained, untyped)
            save(stage / name, safe_serialization=True, max_shard_size=max_shard_size)
            _forget_origin(stage / name / "config.json")
        parts.components["scheduler"].save_pretrained(stage / "scheduler")
        parts.components["processor"].save_pretrained(stage / "processor")
        if not parts.profiles.builtin:
            parts.profiles.save(stage)
        write_index(stage, scheduler.__name__)
    if parts.profiles.builtin:
        with disk_faults(target):
            (target / SETTINGS_FILE).unlink(missing_ok=True)


def write_index(folder: Path, scheduler: str = "FlowMatchEulerDiscreteScheduler") -> None:
    """Write `model_index.json` as the published checkpoint has it."""
    names = {part: kinds[0] for part, kinds in COMPONENTS.items()} | {"scheduler": scheduler}
    index: dict[str, Any] = {"_class_name": "OmniGen2Pipeline", "_diffusers_version": diffusers.__version__}
    index |= {part: [PUBLISHED_MODULES[name], name] for part, name in sorted(names.items())}
    (folder / INDEX_FILE).write_text(json.dumps(index, indent=2) + "\n", encoding="utf-8")


def _forget_origin(config: Path) -> None:
    """Take out where the weights were once loaded from: a path of this machine."""
    values = read_json(config)
    if values.pop("_name_or_path", None) is not None:
        config.write_text(json.dumps(values, indent=2, sort_keys=True) + "\n", encoding="utf-8")


def _read_index(folder: Path) -> dict[str, str]:
    """Class name of each component."""
    index = read_json(folder / INDEX_FILE)
    classes: dict[str, str] = {}
    for part, allowed in COMPONENTS.items():
        entry = index.get(part)
        if not isinstance(entry, list) or len(entry) != 2:
            raise BadCheckpoint(f"{folder / INDEX_FILE} names no {part}; this is no complete OmniGen2 checkpoint")
        if entry[1] not in allowed:
            raise BadCheckpoint(f"{folder / INDEX_FILE} names {entry[1]!r} as {part}; it must be {joined(allowed)}")
        classes[part] = entry[1]
    return classes
