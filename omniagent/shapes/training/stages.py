"""What all trainings of the bundled checkpoint share: what may be set of one, where it runs, and its work folder."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from pydantic import BaseModel, ConfigDict, Field

from omniagent.model.errors import BadSetting, setting_out_of_range
from omniagent.model.limits import MAX_BATCH
from omniagent.model.training.attention import attention_kernels
from omniagent.model.training.loop import Component, TrainSettings, train

PAINTED = "painted"

VISION_RATE = 0.3
"""Of the lessons' rate, for a tower that can see already: at the full rate it unlearns what is read from it."""


class LessonCounts(BaseModel):
    """Lessons of each kind in a step, as `LessonMix` has them."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    scenes: int = Field(default=0, ge=0, description="pictures that are described, judged and asked about")
    plans: int = Field(default=0, ge=0, description="plans from words")
    seen_plans: int = Field(default=0, ge=0, description="plans from words and pictures")
    repairs: int = Field(default=0, ge=0)
    captions: int = Field(default=0, ge=0, description="generator's instructions, whose text states are kept")
    painted: int = Field(default=0, ge=0, description="paintings that are described, judged and mended")


class Choices(BaseModel):
    """How one stage is trained. None for `steps`, `batch` and `lr` takes the stage's own."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    steps: int | None = Field(default=None, gt=0)
    batch: int | None = Field(default=None, gt=0)
    lr: float | None = Field(default=None, gt=0)
    seed: int = Field(default=0, ge=0)
    time_limit: float = Field(default=float("inf"), gt=0, description="seconds of this call")
    finish_within: float = Field(default=float("inf"), gt=0, description="seconds in which the whole schedule ends")
    workers: int = Field(default=0, ge=0, description="processes that make batches beforehand")
    save_every: int | None = Field(default=None, gt=0, description="steps from one checkpoint to the next")
    save_seconds: float = Field(default=float("inf"), gt=0, description="seconds from one checkpoint to the next")
    log_every: int = Field(default=50, gt=0, description="steps from one line of the log to the next")
    compile_from: int | None = Field(
        default=None, ge=0, description="text, mllm, dit: step from which layers run through torch.compile"
    )
    together: int | None = Field(default=None, gt=0, description="text, mllm, dit: examples padded to one length")
    mix: LessonCounts | None = Field(default=None, description="mllm: lessons of a step, in place of `batch`")
    threads: int | None = Field(default=None, gt=0)
    init: Path | None = Field(default=None, description="a component's folder to start from instead of from nothing")
    resume: bool = Field(default=False, description="go on with the work folder's training of this part even if `init`")
    anchor: Path | None = Field(
        default=None, description="mllm: the MLLM whose text states are kept; dit, paint: the one they are drawn from"
    )
    vision_from: int | None = Field(default=None, ge=0, description="mllm: the step from which its vision learns too")
    probes: float = Field(default=1.0, ge=0, description="mllm: weight of the linear probes, which start afresh")
    said: float = Field(default=0.45, ge=0, le=1, description="text, mllm: share of plans in other people's words")
    said_outside: float = Field(default=0.24, ge=0, le=0.9, description="of those, requests outside the world")
    plans: float = Field(default=1.0, ge=0, le=20, description="mllm: how many times the usual number of plans")
    ema: float = Field(default=0.999, ge=0, lt=1)
    objects: int = Field(default=6, ge=1, le=6, description="dit: most objects in a scene; easy scenes first")
    edits: float = Field(default=0.3, ge=0, le=1, description="dit: share of edits and repairs")
    references: float = Field(default=0.12, ge=0, le=1, description="dit: share of reference tasks")
    several: float = Field(default=0.2, ge=0, le=1, description="dit: share of edits with two to five changes at once")
    ringed: float = Field(default=0.3, ge=0, le=1, description="dit: share of draws with one object inside another")
    hard: float = Field(
        default=0.0, ge=0, le=1, description="dit: share of other draws that are crowded or all patterned"
    )
    planned: float = Field(default=0.0, ge=0, le=1, description="dit: share of draws laid out as plans do")
    worn: float = Field(default=0.0, ge=0, le=1, description="dit: share of given pictures with noise and blur")
    fresh: float = Field(default=0.125, gt=0, le=1, description="dit: new examples of a step, as a share of its batch")
    alignment: float = Field(
        default=0.5, ge=0, description="dit: weight of the distance to the vision tower's features; 0 in late training"
    )
    detail: float = Field(default=0.0, ge=0, description="dit: more weight near the data where pictures are detailed")
    time_shift: float = Field(default=-0.8, ge=-4, le=4, description="dit: below 0 more weight lies near the noise")


class Stage(Choices):
    """A stage as it is trained now: its choices, its work folder, and the time of day at which it must have ended."""

    work: Path
    ends_at: float = Field(default=float("inf"), gt=0, description="seconds since 1970")


@dataclass(frozen=True)
class _Defaults:
    steps: int
    batch: int
    lr: float
    muon: bool
    save_every: int


_STAGES = {
    "vae": _Defaults(6000, 16, 2e-3, False, 400),
    "vision": _Defaults(3000, 24, 1e-3, True, 400),
    "text": _Defaults(300, 42, 2e-3, True, 100),
    "mllm": _Defaults(3000, 27, 1.5e-3, True, 100),
    "dit": _Defaults(20000, 48, 1.5e-3, True, 500),
}


def settings_of(stage: Stage, name: str) -> TrainSettings:
    own = _STAGES[name]
    return TrainSettings(
        out=stage.work / name,
        steps=stage.steps or own.steps,
        batch=stage.batch or own.batch,
        lr=stage.lr or own.lr,
        seed=stage.seed,
        muon=own.muon,
        save_every=stage.save_every or own.save_every,
        time_limit=stage.time_limit,
        finish_within=stage.finish_within,
        save_seconds=stage.save_seconds,
        log_every=stage.log_every,
        ends_at=stage.ends_at,
        ema=stage.ema,
        rates={"visual": VISION_RATE} if stage.vision_from is not None else {},
        # Another start is another training: the folder's old state must not take its place.
        resume=stage.init is None or stage.resume,
    )


def run_stage(component: Component, settings: TrainSettings, stage: Stage) -> Iterator[dict[str, Any]]:
    if stage.threads:
        torch.set_num_threads(stage.threads)
    with attention_kernels():
        yield from train(component, settings)


def painted_at_once(batch: int | None) -> int:
    """How many training tasks the part `paint` draws together: 16 unless told.

    Raises:
        BadSetting: more than a generator draws at once.
    """
    number = batch or 16
    if number > MAX_BATCH:
        raise setting_out_of_range("batch", number, f"1 to {MAX_BATCH}, as many as the part paint draws at once")
    return number


def existing(folder: Path, made_by: str) -> Path:
    if not folder.is_dir():
        raise BadSetting(f"{folder} is missing; train it first with: omniagent train {made_by}")
    return folder
