"""Fine-tunes the transformer of any OmniGen2 checkpoint, whole or by a LoRA, on a mix of records.

The work folder holds `settings.json`, `log.jsonl`, `state.pt` (for resume) and `weights/`.
"""

from __future__ import annotations

import json
import math
import os
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final, cast

import torch
from pydantic import BaseModel, ConfigDict, Field
from safetensors import safe_open

from omniagent.model.checkpoint.folder import (
    COMPONENTS,
    DIFFUSERS_STEM,
    INDEX_FILE,
    SETTINGS_FILE,
    Parts,
    load_module,
    load_parts,
)
from omniagent.model.device import pick_dtype, with_memory_fault
from omniagent.model.errors import BadSetting
from omniagent.model.files.disk import disk_faults
from omniagent.model.files.hub import find_model
from omniagent.model.files.saving import staged
from omniagent.model.files.weights import weight_files
from omniagent.model.loading import quiet
from omniagent.model.network.transformer import OmniGen2Transformer2DModel
from omniagent.model.training.adapter import add_adapter, save_adapter
from omniagent.model.training.attention import attention_kernels
from omniagent.model.training.dataset import ItemRules, MixedDataset
from omniagent.model.training.loop import TrainSettings, own_device, train
from omniagent.model.training.mixture import Frozen, MixtureTraining

FULL_RATE, LORA_RATE = 1e-5, 1e-4
_NUMBER_TYPES = {"BF16": torch.bfloat16, "F16": torch.float16}
_SETTINGS_FILE = "settings.json"


class FinetuneSettings(BaseModel):
    """What to train on what, how long, and where the result goes."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    data: Path = Field(description="a YAML mix, or a single JSON-lines file")
    pictures: Path | None = Field(default=None, description="what paths of pictures start from; None: data's folder")
    model: str = Field(description="a checkpoint folder or a hub name")
    revision: str | None = None
    work: Path
    out: Path
    lora: int | None = Field(default=None, description="rank of a LoRA that is trained instead of the whole")
    alpha: float | None = Field(default=None, description="of the LoRA; None: its rank, so that its weight is 1")
    steps: int = Field(default=1000, gt=0, description="length of the whole schedule")
    batch: int = Field(default=1, gt=0, description="examples that are computed at once")
    accumulate: int = Field(default=1, gt=0, description="batches that make one step")
    lr: float | None = Field(default=None, gt=0, lt=math.inf, description="None: 1e-5, of a LoRA 1e-4")
    ema: float = Field(default=0.999, ge=0, lt=1, description="decay of the mean that is written; 0, and LoRA: none")
    seed: int = Field(default=0, ge=0)
    max_pixels: int | None = Field(default=None, ge=256, description="None: what the checkpoint draws by itself")
    prompt_dropout: float = Field(default=0.0001, ge=0, le=1)
    reference_dropout: float = Field(default=0.5, ge=0, le=1, description="of those whose prompt was dropped")
    checkpointing: bool = Field(default=False, description="compute activations twice to hold fewer of them")
    workers: int = Field(default=0, ge=0, description="processes that read pictures beforehand")
    save_every: int = Field(default=500, gt=0, description="steps from one saved state to the next")
    time_limit: float = Field(default=math.inf, gt=0, description="seconds of this call")

    @property
    def rate(self) -> float:
        """The learning rate at its highest."""
        return self.lr or (FULL_RATE if self.lora is None else LORA_RATE)


MAY_CHANGE: Final = ("data", "pictures", "work", "out", "steps", "checkpointing", "workers", "save_every", "time_limit")
"""What another call that goes on with a work folder may set otherwise; the records themselves must be the same."""


def finetune(settings: FinetuneSettings) -> Iterator[dict[str, Any]]:
    """Train until `steps` or the time limit, then write `out`; yields the lines of the log.

    `out` becomes a checkpoint like the one trained on, with another transformer (the running mean of its weights, in
    the number type that it was stored in), or a folder with the LoRA. A work folder that was begun is gone on with.

    Raises:
        BadSetting: the mix or the work folder is broken or does not fit, or a setting is out of range.
        BadImage: a picture is missing or broken; the message names its record.
        UnknownModel, HubUnreachable, BadCheckpoint: the checkpoint cannot be loaded.
        OutOfMemory, StorageFull, OutputUnwritable: the machine has too little room.
        HardFailure: the loss is not finite any more.
    """
    dataset = MixedDataset(settings.data, settings.pictures)
    dataset.check_pictures()
    source = find_model(settings.model, revision=settings.revision)
    _prepare(settings, dataset, source)
    device, is_lora = own_device(), settings.lora is not None
    what = f"{'a LoRA' if is_lora else 'full'} fine-tuning of {settings.batch} pictures at once"
    kinds = {"transformer": pick_dtype(device) if is_lora else torch.float32, "vae": torch.float32}
    with quiet():
        parts = with_memory_fault(
            device, what, lambda: load_parts(source, torch_dtype={**kinds, "mllm": pick_dtype(device)})
        )
    component = with_memory_fault(device, what, lambda: _component(settings, dataset, parts, device))
    lines = train(component, _loop_settings(settings, device))
    line: dict[str, Any] = {}
    with attention_kernels():
        while (following := with_memory_fault(device, what, lambda: next(lines, None))) is not None:
            line = following
            yield line
    if int(os.environ.get("RANK", "0")) == 0:
        with_memory_fault(torch.device("cpu"), "the result", lambda: _write_result(settings, source))
        yield {"step": line["step"], "out": str(settings.out)}


def _loop_settings(settings: FinetuneSettings, device: torch.device) -> TrainSettings:
    return TrainSettings(
        out=settings.work,
        steps=settings.steps,
        batch=settings.batch,
        accumulate=settings.accumulate,
        lr=settings.rate,
        warmup=min(100, settings.steps // 10),
        seed=settings.seed,
        ema=0.0 if settings.lora is not None else settings.ema,
        save_every=settings.save_every,
        log_every=10,
        time_limit=settings.time_limit,
        bf16=device.type != "cpu",
    )


def _component(
    settings: FinetuneSettings, dataset: MixedDataset, parts: Parts, device: torch.device
) -> MixtureTraining:
    transformer = cast("OmniGen2Transformer2DModel", parts.components["transformer"])
    vae = parts.components["vae"].requires_grad_(False).to(device)
    # Only the language half of the MLLM reads prompts; the rest of it takes no memory from here on.
    text_model = parts.components.pop("mllm").model.language_model.requires_grad_(False).to(device)
    if settings.checkpointing:
        transformer.enable_gradient_checkpointing()
    drawn = parts.profiles.generator
    step = 2 ** (len(vae.config["block_out_channels"]) - 1) * transformer.patch_size
    most = settings.max_pixels or drawn.width * drawn.height
    rules = ItemRules(
        max_output_pixels=most,
        max_input_pixels=tuple(min(most, each) for each in ItemRules().max_input_pixels),
        side_step=step,
        prompt_dropout=settings.prompt_dropout,
        reference_dropout=settings.reference_dropout,
    )
    module: torch.nn.Module = transformer
    if settings.lora is None:

        def write(folder: Path) -> None:
            transformer.save_pretrained(folder / "transformer")
    else:
        adapter = add_adapter(transformer, settings.lora, settings.alpha or settings.lora, settings.seed)
        transformer.to(device)  # pyright: ignore[reportArgumentType]
        module = adapter.layers

        def write(folder: Path) -> None:
            save_adapter(adapter, folder / "lora")

    return MixtureTraining(
        module,
        transformer,
        Frozen(text_model, parts.components["processor"].tokenizer, vae, drawn.reference_mode),
        dataset.under(rules),
        batch=settings.batch,
        seed=settings.seed,
        write=write,
        workers=settings.workers,
    )


def _prepare(settings: FinetuneSettings, dataset: MixedDataset, source: Path) -> None:
    """Make the folders, compare a begun work folder's settings, write down those of a new one."""
    if settings.lora is None and settings.alpha is not None:
        raise BadSetting(f"alpha={settings.alpha:g} belongs to a LoRA; give its rank too, or leave alpha out")
    if settings.out.resolve() == source.resolve():
        raise BadSetting(f"out={settings.out} is the checkpoint that is trained on; give another folder")
    said = settings.model_dump(mode="json", exclude=set(MAY_CHANGE))
    said |= {"lr": settings.rate, "records": dataset.digest(), "processes": int(os.environ.get("WORLD_SIZE", "1"))}
    path = settings.work / _SETTINGS_FILE
    with disk_faults(settings.work):
        settings.work.mkdir(parents=True, exist_ok=True)
    with disk_faults(settings.out):
        settings.out.mkdir(parents=True, exist_ok=True)
    if not (settings.work / "state.pt").exists():
        with disk_faults(path):
            path.write_text(json.dumps(said, indent=2) + "\n", encoding="utf-8")
        return
    try:
        before: Any = json.loads(path.read_text(encoding="utf-8"))
        changed = [f"{name} was {before[name]!r} and is {value!r}" for name, value in said.items()
                   if before[name] != value]  # fmt: skip
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise BadSetting(f"{settings.work} was not begun by this command; give another work folder") from error
    if changed:
        raise BadSetting(
            f"{settings.work} was begun with other settings ({'; '.join(changed)}); "
            "give the same ones to go on with it, or another work folder to begin anew"
        )


def _write_result(settings: FinetuneSettings, source: Path) -> None:
    weights = settings.work / "weights"
    with disk_faults(settings.out), staged(settings.out) as stage:
        if settings.lora is not None:
            _copy(weights / "lora", stage)
            return
        for name in (*COMPONENTS, "critic"):
            if name != "transformer":
                _copy(source / name, stage / name)
        for name in (INDEX_FILE, SETTINGS_FILE):
            if (source / name).is_file():
                shutil.copyfile(source / name, stage / name)
        with safe_open(weight_files(source / "transformer", DIFFUSERS_STEM)[0], "pt") as file:
            stored = {file.get_slice(name).get_dtype() for name in file.keys()}  # noqa: SIM118
        kind = _NUMBER_TYPES.get(stored.pop(), torch.float32) if len(stored) == 1 else torch.float32
        network = load_module(OmniGen2Transformer2DModel, weights / "transformer", kind)
        network.save_pretrained(stage / "transformer")
        # Its own config, without a word of where the weights lay meanwhile.
        shutil.copyfile(source / "transformer" / "config.json", stage / "transformer" / "config.json")


def _copy(source: Path, target: Path) -> None:
    """All files of a folder, if there is one; shutil's own would hide that the disk is full."""
    for file in (path for path in sorted(source.rglob("*")) if path.is_file()):
        place = target / file.relative_to(source)
        place.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(file, place)
