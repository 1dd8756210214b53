"""Trains the bundled checkpoint, part by part, and puts it together: `omniagent train vae|mllm|dit|export`.

A work folder holds one folder for each stage with its `log.jsonl`, `state.pt` (for resume) and `weights/`:
`vae/`, `processor/`, `vision/` and `text/` (the MLLM's first stages), `mllm/`, `dit/`. `painted/` holds pictures that
the painter drew for the MLLM's lessons (`gallery.py`).
"""

import os
from collections.abc import Iterator
from contextlib import AbstractContextManager
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import torch
from diffusers.models.autoencoders.autoencoder_kl import AutoencoderKL
from pydantic import BaseModel, ConfigDict, Field
from torch.nn.attention import SDPBackend, sdpa_kernel
from transformers import AutoTokenizer, PreTrainedTokenizerBase, Qwen2_5_VLForConditionalGeneration

from omniagent.model.errors import BadSetting
from omniagent.model.processor import LightProcessor
from omniagent.model.training.attention import write_out_attention
from omniagent.model.training.captions import CaptionProbe
from omniagent.model.training.dit import TOGETHER as TOGETHER_PAINTED
from omniagent.model.training.dit import AlignedTransformer, DitTraining, FlowSettings, LatentPool, text_reader
from omniagent.model.training.lesson_packing import TOGETHER, LessonPacker
from omniagent.model.training.loop import Component, TrainSettings, train
from omniagent.model.training.mllm import MllmTraining
from omniagent.model.training.vae import SMALL_VAE, VaeTraining, initialise
from omniagent.model.training.vision import DenseProbe, VisionTraining, patch_side, vision_tokens
from omniagent.model.transformer import OmniGen2Transformer2DModel
from omniagent.shapes.architecture import PICTURE, TRANSFORMER, mllm_config
from omniagent.shapes.data import vae_crops, validation_pictures
from omniagent.shapes.dense import NUMBERS, TARGETS, dense_batches
from omniagent.shapes.lessons import CAPTION_CLASSES, TOPIC_WEIGHTS, LessonMix, lesson_batches
from omniagent.shapes.painted import Gallery
from omniagent.shapes.paintings import painting_examples
from omniagent.shapes.statements import FACTS
from omniagent.shapes.tokenizer import save_processor, train_tokenizer
from omniagent.shapes.validation import PainterValidation

FRESH = 8
"""One in so many examples of the transformer's batch is new; the others are met again under other noise and time."""

PAINTED = "painted"

GPU_LESSONS, GPU_EXAMPLES = 48, 256
"""Lessons, and the painter's examples, that are padded to one length on an accelerator, where launches cost most."""

VISION_RATE = 0.3
"""Of the lessons' rate, for a tower that can see already: at the full rate it unlearns what is read from it."""

SPECIAL_IDS = {
    "image_token_id": "<|image_pad|>",
    "video_token_id": "<|video_pad|>",
    "vision_start_token_id": "<|vision_start|>",
    "vision_end_token_id": "<|vision_end|>",
    "eos_token_id": "<|im_end|>",
}


class Stage(BaseModel):
    """How one stage is trained. None for `steps`, `batch` and `lr` takes the stage's own."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    work: Path
    steps: int | None = Field(default=None, gt=0)
    batch: int | None = Field(default=None, gt=0)
    lr: float | None = Field(default=None, gt=0)
    seed: int = Field(default=0, ge=0)
    time_limit: float = Field(default=float("inf"), gt=0, description="seconds of this call")
    finish_within: float = Field(default=float("inf"), gt=0, description="seconds in which the whole schedule ends")
    workers: int = Field(default=0, ge=0, description="processes that make batches beforehand")
    save_every: int | None = Field(default=None, gt=0, description="steps from one checkpoint to the next")
    threads: int | None = Field(default=None, gt=0)
    init: Path | None = Field(default=None, description="a component's folder to start from instead of from nothing")
    anchor: Path | None = Field(default=None, description="mllm: the MLLM whose text states are kept")
    vision_from: int | None = Field(default=None, ge=0, description="mllm: the step from which its vision learns too")
    ema: float = Field(default=0.999, ge=0, lt=1)
    objects: int = Field(default=6, ge=1, le=6, description="dit: most objects in a scene; easy scenes first")
    edits: float = Field(default=0.3, ge=0, le=1, description="dit: share of edits and repairs")
    references: float = Field(default=0.12, ge=0, le=1, description="dit: share of reference tasks")
    time_shift: float = Field(default=-0.8, ge=-4, le=4, description="dit: below 0 more weight lies near the noise")


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


def _settings(stage: Stage, name: str) -> TrainSettings:
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
        ema=stage.ema,
        rates={"visual": VISION_RATE} if stage.vision_from is not None else {},
        # Another start is another training: the folder's old state must not take its place.
        resume=stage.init is None,
    )


def _run(component: Component, settings: TrainSettings, stage: Stage) -> Iterator[dict[str, Any]]:
    if stage.threads:
        torch.set_num_threads(stage.threads)
    with attention_kernels():
        yield from train(component, settings)


def attention_kernels() -> AbstractContextManager[object]:
    """Which kernels may attend. On CPUs the fused one's bf16 backward slows down as training goes on.

    On NVIDIA's, cuDNN's plans each new shape for tenths of a second, and here every batch has shapes of its own.
    """
    if torch.cuda.is_available():
        return sdpa_kernel([SDPBackend.FLASH_ATTENTION, SDPBackend.EFFICIENT_ATTENTION, SDPBackend.MATH])
    return sdpa_kernel(SDPBackend.MATH)


def train_vae(stage: Stage) -> Iterator[dict[str, Any]]:
    """Train the VAE on crops of training scenes."""
    torch.manual_seed(stage.seed)
    settings = _settings(stage, "vae")
    if stage.init:
        vae = AutoencoderKL.from_pretrained(stage.init)
    else:
        vae = AutoencoderKL(**SMALL_VAE)
        initialise(vae)
    vae = vae.to(memory_format=torch.channels_last)  # pyright: ignore[reportCallIssue]
    component = VaeTraining(vae, vae_crops(stage.seed, settings.batch), validation_pictures(48))
    yield from _run(component, settings, stage)


def _tokenizer(work: Path) -> PreTrainedTokenizerBase:
    folder = work / "processor"
    if not (folder / "tokenizer.json").is_file():
        folder.mkdir(parents=True, exist_ok=True)
        save_processor(train_tokenizer(), folder)
    return AutoTokenizer.from_pretrained(folder)


def _fresh_mllm(tokenizer: PreTrainedTokenizerBase) -> Qwen2_5_VLForConditionalGeneration:
    ids = {name: int(tokenizer.convert_tokens_to_ids(token)) for name, token in SPECIAL_IDS.items()}  # pyright: ignore[reportArgumentType]
    return Qwen2_5_VLForConditionalGeneration(mllm_config(len(tokenizer), **ids))


def read_mllm(folder: Path) -> Qwen2_5_VLForConditionalGeneration:
    """The MLLM of a folder in float32, whatever it was saved in; optimisers would lose small steps in less."""
    return Qwen2_5_VLForConditionalGeneration.from_pretrained(folder, dtype=torch.float32)


def train_vision(stage: Stage) -> Iterator[dict[str, Any]]:
    """The MLLM's first stage: its vision tower under dense supervision."""
    torch.manual_seed(stage.seed)
    settings = _settings(stage, "vision")
    mllm = _fresh_mllm(_tokenizer(stage.work))
    probe = DenseProbe(mllm, TARGETS, NUMBERS)
    batches = dense_batches(stage.seed, settings.batch)
    component = VisionTraining(mllm, probe, batches, dense_batches(1, 96, "validation")(0))
    yield from _run(component, settings, stage)


def _held_out(mix: LessonMix) -> LessonMix:
    """A dozen lessons of each kind in the mix, none of them on paintings."""
    return replace(LessonMix(**{kind: 12 if number else 0 for kind, number in asdict(mix).items()}), painted=0)


def _language(
    stage: Stage, settings: TrainSettings, mllm: Qwen2_5_VLForConditionalGeneration, mix: LessonMix
) -> MllmTraining:
    """Training of the language half on lessons mixed so; the vision tower stays as it is."""
    tokenizer = _tokenizer(stage.work)
    on_cpu = not torch.cuda.is_available()
    # Written-out attention: the math kernel's guard against empty rows costs a fifth of a step.
    mllm.set_attn_implementation("eager" if on_cpu else "sdpa")
    vision_config = mllm.model.visual.config
    side = PICTURE // (patch_side(vision_config) * vision_config.spatial_merge_size)
    held_out = lesson_batches(7, _held_out(mix), split="validation")
    anchor = read_mllm(stage.anchor).to(own_device()) if stage.anchor else None  # pyright: ignore[reportArgumentType]
    return MllmTraining(
        CaptionProbe(mllm, CAPTION_CLASSES, FACTS),
        LessonPacker(tokenizer, int(mllm.config.image_token_id), side, TOGETHER if on_cpu else GPU_LESSONS),
        lesson_batches(stage.seed, mix, paintings=Gallery(stage.work / PAINTED) if mix.painted else None),
        [held_out(i) for i in range(2)],
        anchor=anchor,
        vision_from=stage.vision_from,
        weights=TOPIC_WEIGHTS,
        workers=stage.workers,
    )


def train_text(stage: Stage) -> Iterator[dict[str, Any]]:
    """The MLLM's second stage: plans and painters' instructions alone, whose text states the transformer learns."""
    vision = stage.work / "vision" / "weights" / "mllm"
    if not vision.is_dir():
        yield from train_vision(stage.model_copy(update={"steps": None, "batch": None, "lr": None}))
    torch.manual_seed(stage.seed)
    settings = _settings(stage, "text")
    mllm = _fresh_mllm(_tokenizer(stage.work))
    seen = read_mllm(vision)
    mllm.model.visual.load_state_dict(seen.model.visual.state_dict())
    plans = max(1, settings.batch // 4)
    mix = LessonMix(scenes=0, plans=plans, seen_plans=0, repairs=0, captions=settings.batch - plans)
    yield from _run(_language(stage, settings, mllm, mix), settings, stage)


def train_mllm(stage: Stage) -> Iterator[dict[str, Any]]:
    """Train the MLLM on all lessons, from `init` or from its earlier stages, which run before if they have not.

    The text states of painters' instructions are kept near those of `anchor`, which is the start if not given: the
    transformer may be trained on the start already, and is not broken by what the MLLM learns afterwards.
    """
    start = stage.init or stage.work / "text" / "weights" / "mllm"
    if stage.init is None and not start.is_dir():
        yield from train_text(stage.model_copy(update={"steps": None, "batch": None, "lr": None}))
    torch.manual_seed(stage.seed)
    settings = _settings(stage, "mllm")
    mllm = read_mllm(start)

    def share(n: int) -> int:
        return max(1, round(n * (settings.batch / 27)))

    scenes = max(1, share(8) // 2) if (stage.work / PAINTED).is_dir() else share(8)
    mix = LessonMix(
        scenes=scenes, plans=share(8), seen_plans=share(8), repairs=share(3), captions=share(8),
        painted=share(8) - scenes,
    )  # fmt: skip
    stage = stage.model_copy(update={"anchor": stage.anchor or start})
    yield from _run(_language(stage, settings, mllm, mix), settings, stage)


def own_device() -> str:
    """Where this process trains: its own GPU of those that train together, or the CPU."""
    return f"cuda:{os.environ.get('LOCAL_RANK', '0')}" if torch.cuda.is_available() else "cpu"


def existing(folder: Path, made_by: str) -> Path:
    if not folder.is_dir():
        raise BadSetting(f"{folder} is missing; train it first with: omniagent train {made_by}")
    return folder


def train_dit(stage: Stage) -> Iterator[dict[str, Any]]:
    """Train the transformer on the frozen MLLM (its text stage, while there is no more) and VAE of the work folder."""
    torch.manual_seed(stage.seed)
    settings = _settings(stage, "dit")
    language = next((s for s in ("mllm", "text") if (stage.work / s / "weights/mllm").is_dir()), "mllm")
    mllm = read_mllm(existing(stage.work / language / "weights/mllm", "mllm"))
    vae = AutoencoderKL.from_pretrained(existing(stage.work / "vae/weights/vae", "vae")).eval().requires_grad_(False)
    device = own_device()
    mllm = mllm.to(device)  # pyright: ignore[reportArgumentType]
    vae = vae.to(device)  # pyright: ignore[reportArgumentType]
    processor = LightProcessor.from_pretrained(stage.work / "processor")
    if stage.init:
        dit = OmniGen2Transformer2DModel.from_pretrained(stage.init, torch_dtype=torch.float32)
    else:
        dit = OmniGen2Transformer2DModel(**TRANSFORMER)
    examples = painting_examples(
        stage.seed,
        max(4, settings.batch // FRESH),
        edits=stage.edits,
        references=stage.references,
        most=stage.objects,
        gallery=Gallery(stage.work / PAINTED),
    )
    teacher = mllm.model.visual
    read = text_reader(mllm, processor.tokenizer)
    pool = LatentPool(
        vae, read, lambda pictures: vision_tokens(teacher, pictures), examples, 12000, workers=stage.workers
    )
    for extra in range(1200 // max(4, settings.batch // FRESH)):
        pool.refill(10**6 + extra)
    check = PainterValidation(
        vae, mllm, processor, edits=8 if stage.edits else 0, references=4 if stage.references else 0
    )
    if device == "cpu":
        write_out_attention(dit)
    aligned = AlignedTransformer(dit, int(teacher.config.out_hidden_size))
    component = DitTraining(
        aligned,
        read([""])[0],
        pool,
        settings.batch,
        most=TOGETHER_PAINTED if device == "cpu" else GPU_EXAMPLES,
        seed=stage.seed,
        settings=FlowSettings(time_shift=stage.time_shift),
        validate=check,
    )
    yield from _run(component, settings, stage)
