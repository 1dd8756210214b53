"""One training loop for every component: seeds by step, resume, EMA, cosine decay, log lines, checkpoints.

Runs unchanged on one CPU, one GPU, or under `accelerate launch`.
"""

import json
import math
import os
import pickle
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

import torch
from accelerate import Accelerator
from accelerate.utils import set_seed
from diffusers.training_utils import EMAModel
from pydantic import BaseModel, ConfigDict, Field
from torch import Tensor, nn

from omniagent.model.errors import BadSetting
from omniagent.model.files.disk import disk_faults
from omniagent.model.training.muon import StackedMuon

MOST_TOO_LARGE = 20
"""Batches that may not fit in an accelerator's memory and be left out, in one call."""

Batch = Any
Figures = Mapping[str, float | Tensor]


class TrainSettings(BaseModel):
    """How long and how fast to train. `time_limit` is wall seconds of this call; `steps` is the whole schedule."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    out: Path
    steps: int = Field(gt=0)
    batch: int = Field(gt=0)
    lr: float = Field(gt=0)
    final_lr: float = Field(default=0.02, ge=0, le=1, description="last learning rate as a share of lr")
    warmup: int = Field(default=100, ge=0)
    seed: int = 0
    accumulate: int = Field(default=1, gt=0, description="batches whose mean gradient makes one step")
    ema: float = Field(default=0.999, ge=0, lt=1, description="decay of the mean of the weights; 0 keeps none")
    weight_decay: float = 0.01
    clip: float = 1.0
    muon: bool = Field(default=False, description="Muon for hidden matrices, AdamW for the rest")
    rates: dict[str, float] = Field(
        default_factory=dict, description="factors on the rate of those parameters whose names hold a word"
    )
    save_every: int = Field(default=500, gt=0)
    log_every: int = Field(default=50, gt=0)
    time_limit: float = Field(default=math.inf, gt=0)
    save_seconds: float = Field(default=math.inf, gt=0, description="and so often by the clock")
    finish_within: float = Field(
        default=math.inf, gt=0, description="seconds of all calls by which the schedule ends, its decay included"
    )
    ends_at: float = Field(default=math.inf, gt=0, description="the same as a time of day, seconds since 1970")
    bf16: bool = True
    resume: bool = True


class Component(Protocol):
    """What the loop trains: a module, its loss on the batch of a step, and how it is validated and written."""

    module: nn.Module

    def batch(self, step: int) -> Batch:
        """The batch of this number, a function of (seed, number) alone; a step takes one or several in a row."""
        ...

    def loss(self, batch: Batch, step: int) -> tuple[Tensor, Figures]:
        """The scalar loss and figures for the log; tensors are read when a line is written, not before."""
        ...

    def export(self, folder: Path) -> dict[str, float]:
        """Write the module's weights (the EMA ones while this runs) in the published layout; validation figures."""
        ...


@dataclass
class _Progress:
    step: int = 0
    seconds: float = 0.0


_stop = [False]


def ask_to_stop() -> None:
    """Have the training of this process save and end after its present step; safe in a signal's handler."""
    _stop[0] = True


def asked_to_stop() -> bool:
    """Whether it was asked to stop."""
    return _stop[0]


def _learning_rate(settings: TrainSettings, step: int, seconds: float) -> float:
    if step < settings.warmup:
        return (step + 1) / settings.warmup
    share = (step - settings.warmup) / max(1, settings.steps - settings.warmup)
    share = min(1.0, max(share, seconds / settings.finish_within))
    return settings.final_lr + (1 - settings.final_lr) * 0.5 * (1 + math.cos(math.pi * share))


def _optimizers(module: nn.Module, settings: TrainSettings) -> list[torch.optim.Optimizer]:
    groups: dict[tuple[str, float], list[nn.Parameter]] = {}
    for name, parameter in module.named_parameters():
        if parameter.requires_grad:
            rate = next((factor for word, factor in settings.rates.items() if word in name), 1.0)
            matrix = settings.muon and parameter.ndim == 2 and "embed" not in name
            kind = "matrix" if matrix else "decayed" if parameter.ndim >= 2 else "plain"
            groups.setdefault((kind, rate), []).append(parameter)

    def of(*kinds: str) -> list[dict[str, Any]]:
        decays = {"matrix": settings.weight_decay, "decayed": settings.weight_decay, "plain": 0.0}
        return [
            {"params": parameters, "weight_decay": decays[kind], "rate": rate}
            for wanted in kinds
            for (kind, rate), parameters in groups.items()
            if kind == wanted
        ]

    adam = torch.optim.AdamW(of("decayed", "plain"), lr=settings.lr, betas=(0.9, 0.95))
    if not of("matrix"):
        return [adam]
    on_cpu = next(module.parameters()).device.type == "cpu"
    kind_of_muon = torch.optim.Muon if on_cpu else StackedMuon
    muon = kind_of_muon(of("matrix"), lr=settings.lr, adjust_lr_fn="match_rms_adamw", momentum=0.95)
    return [adam, muon]


def _mean(module: nn.Module, decay: float, device: torch.device) -> EMAModel | None:
    """The running mean of the weights; None where none is wanted."""
    if not decay:
        return None
    ema = EMAModel(
        module.parameters(), decay=decay, use_ema_warmup=True, power=0.75, foreach=device.type == "cuda"
    )  # fmt: skip
    ema.to(device)
    return ema


def _share_gradients(accelerator: Accelerator, module: nn.Module) -> None:
    """Average the gradients over the processes. Done here, without a wrapper: losses use modules by their parts."""
    if accelerator.num_processes == 1:
        return
    for parameter in module.parameters():
        if parameter.requires_grad:
            grad = torch.zeros_like(parameter) if parameter.grad is None else parameter.grad
            parameter.grad = accelerator.reduce(grad, reduction="mean")  # pyright: ignore[reportAttributeAccessIssue]


def own_device() -> torch.device:
    """Where this process trains: its own GPU of those that train together, or the CPU."""
    return torch.device(f"cuda:{os.environ.get('LOCAL_RANK', '0')}" if torch.cuda.is_available() else "cpu")


def _mean_of(values: Sequence[float | Tensor]) -> float:
    if not any(isinstance(value, Tensor) for value in values):
        return sum(map(float, values)) / len(values)
    return float(torch.stack([torch.as_tensor(value, dtype=torch.float64).cpu() for value in values]).mean())


def _log(path: Path, line: dict[str, Any]) -> None:
    with disk_faults(path), path.open("a", encoding="utf-8") as handle:
        handle.write(json.dumps(line) + "\n")


def _write_state(path: Path, values: dict[str, Any]) -> None:
    # Opened here: by itself, torch hides why a file could not be written.
    new = path.with_suffix(".tmp")
    with disk_faults(path):
        with new.open("wb") as file:
            torch.save(values, file)
        new.replace(path)


def _read_state(path: Path) -> dict[str, Any]:
    try:
        # Loaded to the CPU: under several processes the device is called cpu:0, which torch cannot restore to.
        return torch.load(path, map_location="cpu", weights_only=True)
    except (OSError, EOFError, RuntimeError, pickle.UnpicklingError) as error:
        raise BadSetting(f"{path} cannot be resumed ({error}); take it away, or give another work folder") from error


def train(component: Component, settings: TrainSettings) -> Iterator[dict[str, Any]]:
    """Train until `steps` or the time limit; yields each log line, so that the caller draws the progress bar.

    Writes `log.jsonl`, `state.pt` (for resume) and `weights/` (exported from the EMA weights) under `settings.out`.

    Raises:
        FloatingPointError: the loss stopped being finite; the last checkpoint stays on disk.
        BadSetting: the folder's state is broken.
        StorageFull, OutputUnwritable: the folder cannot be written.
    """
    # Denormal numbers are slow on CPUs; the switch is the thread's, so it is put back.
    torch.set_flush_denormal(True)
    try:
        yield from _train(component, settings)
    finally:
        torch.set_flush_denormal(False)


def _train(component: Component, settings: TrainSettings) -> Iterator[dict[str, Any]]:
    set_seed(settings.seed)
    with disk_faults(settings.out):
        settings.out.mkdir(parents=True, exist_ok=True)
    mixed = "bf16" if settings.bf16 else "no"
    accelerator = Accelerator(mixed_precision=mixed, cpu=not torch.cuda.is_available())
    module = component.module.to(accelerator.device).train()
    optimizers = _optimizers(module, settings)
    ema = _mean(module, settings.ema, accelerator.device)
    progress = _Progress()
    state = settings.out / "state.pt"
    if settings.resume and state.exists():
        saved = _read_state(state)
        module.load_state_dict(saved["module"])
        for optimizer, values in zip(optimizers, saved["optimizers"], strict=True):
            optimizer.load_state_dict(values)
        if ema is not None:
            ema.load_state_dict(saved["ema"])
            ema.to(accelerator.device)
        progress = _Progress(saved["step"], saved["seconds"])
    began, earlier = time.monotonic(), progress.seconds
    if settings.ends_at < math.inf:
        left = max(1e-3, earlier + settings.ends_at - time.time())
        settings = settings.model_copy(update={"finish_within": min(settings.finish_within, left)})
    saved_at = began
    sums: dict[str, list[float | Tensor]] = {}
    too_large = 0

    def log(line: dict[str, Any]) -> None:
        if accelerator.is_main_process:
            _log(settings.out / "log.jsonl", line)

    def save() -> dict[str, float]:
        if not accelerator.is_main_process:
            return {}
        values = {
            "module": module.state_dict(),
            "optimizers": [o.state_dict() for o in optimizers],
            "ema": {} if ema is None else ema.state_dict(),
            "step": progress.step,
            "seconds": earlier + time.monotonic() - began,
        }
        _write_state(state, values)
        if ema is not None:
            ema.store(module.parameters())
            ema.copy_to(module.parameters())
        module.eval()
        with disk_faults(settings.out):
            figures = component.export(settings.out / "weights")
        module.train()
        if ema is not None:
            ema.restore(module.parameters())
        return figures

    def spent() -> float:
        return earlier + time.monotonic() - began

    def agreed() -> float:
        """Seconds of all calls, the same for every process: each has its own clock, and all must stop together."""
        if accelerator.num_processes == 1:
            return spent()
        seconds: Tensor = accelerator.gather(torch.tensor([spent()], device=accelerator.device))  # pyright: ignore[reportAssignmentType]
        return float(seconds.max())

    while progress.step < settings.steps:
        seconds = agreed()
        if asked_to_stop() or seconds - earlier >= settings.time_limit or seconds >= settings.finish_within:
            break
        factor = _learning_rate(settings, progress.step, seconds)
        for optimizer in optimizers:
            for group in optimizer.param_groups:
                group["lr"] = settings.lr * factor * group.get("rate", 1.0)
        # Draws inside a step come from its number alone, so that a resumed run repeats an unbroken one.
        number = progress.step * accelerator.num_processes + accelerator.process_index
        torch.manual_seed(settings.seed * 1_000_003 + number)
        losses: list[Figures] = []
        for part in range(settings.accumulate):
            row = progress.step * settings.accumulate + part
            batch = component.batch(row * accelerator.num_processes + accelerator.process_index)
            try:
                with accelerator.autocast():
                    loss, figures = component.loss(batch, progress.step)
                accelerator.backward(loss / settings.accumulate)
            except torch.OutOfMemoryError:
                # Others use the device too, and no two batches are of one size: the training need not end for one.
                too_large += 1
                shared = accelerator.device.type == "cuda" and accelerator.num_processes == 1
                if not shared or too_large > MOST_TOO_LARGE:
                    raise
                losses.clear()
                break
            losses.append({**figures, "loss": loss})
        if not losses:
            for optimizer in optimizers:
                optimizer.zero_grad(set_to_none=True)
            torch.cuda.empty_cache()
            progress.step += 1
            continue
        _share_gradients(accelerator, module)
        norm = torch.nn.utils.clip_grad_norm_(module.parameters(), settings.clip)
        for optimizer in optimizers:
            optimizer.step()
            optimizer.zero_grad(set_to_none=True)
        if ema is not None:
            ema.step(module.parameters())
        progress.step += 1
        for name, value in (pair for each in [*losses, {"grad_norm": norm}] for pair in each.items()):
            sums.setdefault(name, []).append(value.detach() if isinstance(value, Tensor) else value)
        if progress.step % settings.log_every == 0 or progress.step == settings.steps:
            line: dict[str, Any] = {"step": progress.step, "seconds": round(earlier + time.monotonic() - began, 1)}
            if accelerator.device.type == "cuda":
                line["gib"] = round(torch.cuda.max_memory_reserved() / 2**30, 1)
            line |= {name: _mean_of(values) for name, values in sums.items()} | {"rate": settings.lr * factor}
            sums.clear()
            if not math.isfinite(line["loss"]):
                raise FloatingPointError(f"loss is {line['loss']} at step {progress.step}; resume from {state}")
            log(line)
            yield line
        late = settings.save_seconds < math.inf and time.monotonic() - saved_at >= settings.save_seconds
        if (late or progress.step % settings.save_every == 0) and progress.step < settings.steps:
            saved_at = time.monotonic()
            line = {"step": progress.step, **{f"val_{k}": v for k, v in save().items()}}
            log(line)
            yield line
    line = {"step": progress.step, **{f"val_{k}": v for k, v in save().items()}}
    log(line)
    yield line
