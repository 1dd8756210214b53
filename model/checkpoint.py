"""Reads and writes whole OmniGen2 checkpoints in the published folder layout.

``model_index.json`` names the transformer and the scheduler by bare module names; they stand for the classes here.
No code that lies in a checkpoint is ever run, and pickled weights are refused.
"""

from __future__ import annotations

import errno
import json
from collections.abc import Callable, Generator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, TypeVar

import diffusers
import torch
from diffusers.models.autoencoders.autoencoder_kl import AutoencoderKL
from diffusers.models.modeling_utils import ModelMixin
from transformers import Qwen2_5_VLForConditionalGeneration

from .checkpoint_settings import CheckpointDefaults
from .errors import BadCheckpoint, BadSetting, OutputUnwritable, StorageFull
from .hub import find_model
from .pipeline import OmniGen2Pipeline
from .pipeline_base import PipelineBase
from .processor import LightProcessor
from .sampling import Scheduler
from .schedulers import DPMSolverMultistepScheduler, FlowMatchEulerDiscreteScheduler
from .transformer import OmniGen2Transformer2DModel
from .weights import check_config, check_finite, check_shapes, listed, read_json, read_shapes, weight_files

INDEX_FILE = "model_index.json"
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

P = TypeVar("P", bound=PipelineBase)
M = TypeVar("M", bound=ModelMixin)


def load_pipeline(
    path_or_repo: str | Path,
    *,
    revision: str | None = None,
    torch_dtype: torch.dtype | None = None,
    device: torch.device | str | None = None,
    local_files_only: bool = False,
    pipeline_class: type[P] = OmniGen2Pipeline,
    **components: Any,
) -> P:
    """Load a checkpoint folder or hub name.

    Args:
        path_or_repo: A folder, or a hub name such as ``OmniGen2/OmniGen2``.
        revision: Branch, tag or commit of a hub name.
        torch_dtype: Precision of all weights; None means float32 on a CPU and bfloat16 elsewhere.
        device: Where to put the weights; None leaves them on the CPU.
        local_files_only: Never ask the hub.
        pipeline_class: What to build.
        **components: Ready components (``transformer``, ``vae``, ``scheduler``, ``mllm``, ``processor``) used instead
            of the checkpoint's.

    Raises:
        UnknownModel: No such folder, repository or revision.
        HubUnreachable: The hub does not answer and nothing is downloaded.
        BadCheckpoint: Something is missing, broken, too much, or unsafe; the message names it.
        BadSetting: A component that this pipeline doesn't have.
    """
    if unknown := sorted(set(components) - set(COMPONENTS)):
        raise BadSetting(f"{listed(unknown)} is no part of this pipeline; its parts are {listed(COMPONENTS, 9)}")
    folder = find_model(path_or_repo, revision=revision, local_files_only=local_files_only)
    classes = _read_index(folder)
    where = torch.device(device or "cpu")
    dtype = torch_dtype or (torch.float32 if where.type == "cpu" else torch.bfloat16)
    loaders: dict[str, Callable[[], Any]] = {
        "transformer": lambda: load_module(OmniGen2Transformer2DModel, folder / "transformer", dtype),
        "vae": lambda: load_module(AutoencoderKL, folder / "vae", dtype),
        "scheduler": lambda: load_scheduler(folder / "scheduler", classes["scheduler"]),
        "mllm": lambda: load_mllm(folder / "mllm", dtype),
        "processor": lambda: LightProcessor.from_pretrained(folder / "processor"),
    }
    parts = {name: components[name] if name in components else load() for name, load in loaders.items()}
    pipeline = pipeline_class(**parts, defaults=CheckpointDefaults.load(folder))
    for model in (pipeline.transformer, pipeline.vae, pipeline.mllm):
        model.eval()
    return pipeline if where.type == "cpu" else pipeline.to(where)


def load_module(kind: type[M], folder: Path, dtype: torch.dtype) -> M:
    """Load a diffusers model from its folder, having checked that the weights are exactly those it needs.

    Raises:
        BadCheckpoint: Naming what is wrong.
    """
    config = check_config(folder / "config.json", kind)  # pyright: ignore[reportArgumentType]
    found = read_shapes(weight_files(folder, DIFFUSERS_STEM))
    try:
        with torch.device("meta"):
            skeleton = kind.from_config(config)  # pyright: ignore[reportAttributeAccessIssue]
    except (ValueError, TypeError, KeyError, ZeroDivisionError) as error:
        raise BadCheckpoint(f"{folder / 'config.json'} describes no possible {kind.__name__}: {error}") from error
    check_shapes(folder, found, {name: tuple(each.shape) for name, each in skeleton.state_dict().items()})
    module = kind.from_pretrained(folder, torch_dtype=dtype, use_safetensors=True, local_files_only=True)
    check_finite(folder, module)
    return module


def load_scheduler(folder: Path, name: str) -> Scheduler:
    """Load a scheduler by its class name.

    Raises:
        BadCheckpoint: Its config is missing, broken or has unknown keys.
    """
    kind = SCHEDULERS[name]
    config = check_config(folder / "scheduler_config.json", kind)
    try:
        return kind(**{name: value for name, value in config.items() if not name.startswith("_")})
    except (ValueError, TypeError) as error:
        raise BadCheckpoint(f"{folder / 'scheduler_config.json'} describes no possible {name}: {error}") from error


def load_mllm(folder: Path, dtype: torch.dtype) -> Qwen2_5_VLForConditionalGeneration:
    """Load the Qwen2.5-VL of a checkpoint; its tied head needs no weights of its own.

    Raises:
        BadCheckpoint: Naming what is wrong.
    """
    read_json(folder / "config.json")
    read_shapes(weight_files(folder, TRANSFORMERS_STEM))
    try:
        loaded: Any = Qwen2_5_VLForConditionalGeneration.from_pretrained(
            folder,
            dtype=dtype,
            use_safetensors=True,
            local_files_only=True,
            trust_remote_code=False,
            ignore_mismatched_sizes=True,
            output_loading_info=True,
        )
    except (OSError, ValueError, TypeError, KeyError, RuntimeError) as error:
        raise BadCheckpoint(f"{folder} cannot be loaded as a Qwen2.5-VL: {error}") from error
    model, info = loaded
    faults = {
        "missing weights": sorted(info["missing_keys"]),
        "unknown weights": sorted(info["unexpected_keys"]),
        "wrong shapes": sorted(f"{name} is {list(a)}, not {list(b)}" for name, a, b in info["mismatched_keys"]),
    }
    told = [f"{fault}: {listed(names)}" for fault, names in faults.items() if names]
    if told:
        raise BadCheckpoint(f"{folder} does not fit its config.json; {'; '.join(told)}")
    check_finite(folder, model)
    return model


def save_pipeline(pipeline: PipelineBase, folder: str | Path, *, max_shard_size: str = "5GB") -> None:
    """Write a checkpoint in the published layout, with its bare module names and without the tied head.

    Raises:
        OutputUnwritable: The folder cannot be written.
        StorageFull: The disk has no room left.
    """
    target = Path(folder)
    with writing(target):
        target.mkdir(parents=True, exist_ok=True)
        for name in ("transformer", "vae", "mllm"):
            model = getattr(pipeline, name)
            model.save_pretrained(target / name, safe_serialization=True, max_shard_size=max_shard_size)
            _forget_origin(target / name / "config.json")
        pipeline.scheduler.save_pretrained(target / "scheduler")
        pipeline.processor.save_pretrained(target / "processor")
        if pipeline.defaults != CheckpointDefaults():
            pipeline.defaults.save(target)
        write_index(target, type(pipeline.scheduler).__name__)


def write_index(folder: Path, scheduler: str = "FlowMatchEulerDiscreteScheduler") -> None:
    """Write ``model_index.json`` as the published checkpoint has it."""
    names = {part: kinds[0] for part, kinds in COMPONENTS.items()} | {"scheduler": scheduler}
    index: dict[str, Any] = {"_class_name": "OmniGen2Pipeline", "_diffusers_version": diffusers.__version__}
    index |= {part: [PUBLISHED_MODULES[name], name] for part, name in sorted(names.items())}
    (folder / INDEX_FILE).write_text(json.dumps(index, indent=2) + "\n", encoding="utf-8")


def _forget_origin(config: Path) -> None:
    """Take out where the weights were once loaded from: a path of this machine."""
    values = read_json(config)
    if values.pop("_name_or_path", None) is not None:
        config.write_text(json.dumps(values, indent=2, sort_keys=True) + "\n", encoding="utf-8")


@contextmanager
def writing(target: Path) -> Generator[None]:
    """Turn operating system errors while writing ``target`` into ours."""
    try:
        yield
    except OSError as error:
        if error.errno in (errno.ENOSPC, errno.EDQUOT):
            raise StorageFull(f"{target} cannot be written: the disk is full; free some space") from error
        raise OutputUnwritable(
            f"{target} cannot be written ({error.strerror or error}); choose another folder"
        ) from error


def _read_index(folder: Path) -> dict[str, str]:
    """Class name of each component."""
    index = read_json(folder / INDEX_FILE)
    classes: dict[str, str] = {}
    for part, allowed in COMPONENTS.items():
        entry = index.get(part)
        if not isinstance(entry, list) or len(entry) != 2:
            raise BadCheckpoint(f"{folder / INDEX_FILE} names no {part}; this is no complete OmniGen2 checkpoint")
        if entry[1] not in allowed:
            raise BadCheckpoint(f"{folder / INDEX_FILE} names {entry[1]!r} as {part}; it must be {listed(allowed)}")
        classes[part] = entry[1]
    return classes
