"""Trains the bundled checkpoint, part by part, and puts it together: `omniagent train vae|mllm|dit|export`.

A work folder holds one folder for each stage with its `log.jsonl`, `state.pt` (for resume) and `weights/`:
`vae/`, `processor/`, `vision/` and `text/` (the MLLM's first stages), `mllm/`, `dit/`. `painted/` holds pictures that
the generator drew for the MLLM's lessons (`own_pictures.py`).
"""

import time
from collections.abc import Iterator
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import torch
from diffusers.models.autoencoders.autoencoder_kl import AutoencoderKL
from transformers import AutoTokenizer, PreTrainedTokenizerBase, Qwen2_5_VLForConditionalGeneration

from omniagent.model.mllm.processor import LightProcessor
from omniagent.model.network.transformer import OmniGen2Transformer2DModel
from omniagent.model.training.attention import write_out_attention
from omniagent.model.training.captions import CaptionProbe
from omniagent.model.training.dit import TOGETHER as TOGETHER_PAINTED
from omniagent.model.training.dit import AlignedTransformer, DitTraining, FlowSettings, LatentPool, text_reader
from omniagent.model.training.lesson_packing import TOGETHER, LessonPacker
from omniagent.model.training.loop import TrainSettings, asked_to_stop, own_device
from omniagent.model.training.mllm import CAPTION_WEIGHT, MllmTraining
from omniagent.model.training.vae import VaeTraining, initialise
from omniagent.model.training.vision import DenseProbe, VisionTraining, patch_side, vision_tokens
from omniagent.shapes.painting.examples import PaintingMix, painting_examples
from omniagent.shapes.painting.own_pictures import Gallery
from omniagent.shapes.scene.data import vae_crops, validation_pictures
from omniagent.shapes.scene.dense import NUMBERS, TARGETS, dense_batches
from omniagent.shapes.training.architecture import PICTURE, SMALL_VAE, TRANSFORMER, mllm_config
from omniagent.shapes.training.lessons import CAPTION_CLASSES, TOPIC_WEIGHTS, LessonMix, lesson_batches
from omniagent.shapes.training.stages import PAINTED, LessonCounts, Stage, existing, run_stage, settings_of
from omniagent.shapes.training.tokenizer import save_processor, train_tokenizer
from omniagent.shapes.training.validation import GeneratorValidation
from omniagent.shapes.training.wordings import wordings
from omniagent.shapes.words.statements import FACTS

GPU_LESSONS, GPU_EXAMPLES = 48, 256
"""Lessons, and the generator's examples, that are padded to one length on an accelerator, where launches cost most."""

GPU_LENGTHS = 16
"""Lengths of lessons there are multiples of this, as its attention kernels want them; fewer sizes, fewer graphs too."""

SPECIAL_IDS = {
    "image_token_id": "<|image_pad|>",
    "video_token_id": "<|video_pad|>",
    "vision_start_token_id": "<|vision_start|>",
    "vision_end_token_id": "<|vision_end|>",
    "eos_token_id": "<|im_end|>",
}


def train_vae(stage: Stage) -> Iterator[dict[str, Any]]:
    """Train the VAE on crops of training scenes."""
    torch.manual_seed(stage.seed)
    settings = settings_of(stage, "vae")
    if stage.init:
        vae = AutoencoderKL.from_pretrained(stage.init)
    else:
        vae = AutoencoderKL(**SMALL_VAE)
        initialise(vae)
    vae = vae.to(memory_format=torch.channels_last)  # pyright: ignore[reportCallIssue]
    component = VaeTraining(vae, vae_crops(stage.seed, settings.batch), validation_pictures(48))
    yield from run_stage(component, settings, stage)


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
    settings = settings_of(stage, "vision")
    mllm = _fresh_mllm(_tokenizer(stage.work))
    probe = DenseProbe(mllm, TARGETS, NUMBERS)
    batches = dense_batches(stage.seed, settings.batch)
    component = VisionTraining(mllm, probe, batches, dense_batches(1, 96, "validation")(0))
    yield from run_stage(component, settings, stage)


def _held_out(mix: LessonMix) -> LessonMix:
    """A dozen lessons of each kind in the mix, none of them on paintings, all in the old words."""
    several = {kind: 12 if number else 0 for kind, number in asdict(mix).items()}
    return replace(LessonMix(**several), painted=0, said=0)


def _language(
    stage: Stage,
    settings: TrainSettings,
    mllm: Qwen2_5_VLForConditionalGeneration,
    mix: LessonMix,
    probes: float = 1.0,
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
        LessonPacker(
            tokenizer,
            int(mllm.config.image_token_id),
            side,
            stage.together or (TOGETHER if on_cpu else GPU_LESSONS),
            1 if on_cpu else GPU_LENGTHS,
        ),
        lesson_batches(stage.seed, mix, paintings=Gallery(stage.work / PAINTED) if mix.painted else None),
        [held_out(i) for i in range(2)] + ([wordings()] if mix.said else []),
        anchor=anchor,
        vision_from=stage.vision_from,
        weights=TOPIC_WEIGHTS | {"verdict_facts": probes},
        caption_weight=CAPTION_WEIGHT * probes,
        workers=stage.workers,
        compile_from=stage.compile_from,
    )


def train_text(stage: Stage) -> Iterator[dict[str, Any]]:
    """The MLLM's second stage: plans and generators' instructions alone, whose text states the transformer learns."""
    vision = stage.work / "vision" / "weights" / "mllm"
    if not vision.is_dir():
        yield from train_vision(stage.model_copy(update={"steps": None, "batch": None, "lr": None}))
    torch.manual_seed(stage.seed)
    settings = settings_of(stage, "text")
    mllm = _fresh_mllm(_tokenizer(stage.work))
    seen = read_mllm(vision)
    mllm.model.visual.load_state_dict(seen.model.visual.state_dict())
    plans = max(1, settings.batch // 4)
    mix = LessonMix(scenes=0, plans=plans, seen_plans=0, repairs=0, captions=settings.batch - plans)
    yield from run_stage(_language(stage, settings, mllm, mix), settings, stage)


def _counts(batch: int, more_plans: float, painted: bool) -> LessonCounts:
    """The mix of a step of about so many lessons, where none is given."""

    def share(n: float) -> int:
        return max(1, round(n * (batch / 27)))

    scenes = max(1, share(8) // 2) if painted else share(8)
    plans = share(8 * more_plans)
    return LessonCounts(
        scenes=scenes, plans=plans, seen_plans=plans, repairs=share(3), captions=share(8),
        painted=share(8) - scenes,
    )  # fmt: skip


def train_mllm(stage: Stage) -> Iterator[dict[str, Any]]:
    """Train the MLLM on all lessons, from `init` or from its earlier stages, which run before if they have not.

    The text states of generators' instructions are kept near those of `anchor`, which is the start if not given: the
    transformer may be trained on the start already, and is not broken by what the MLLM learns afterwards.
    """
    start = stage.init or stage.work / "text" / "weights" / "mllm"
    if stage.init is None and not start.is_dir():
        yield from train_text(stage.model_copy(update={"steps": None, "batch": None, "lr": None}))
    torch.manual_seed(stage.seed)
    settings = settings_of(stage, "mllm")
    mllm = read_mllm(start)

    counts = stage.mix or _counts(settings.batch, stage.plans, (stage.work / PAINTED).is_dir())
    mix = LessonMix(
        scenes=counts.scenes, plans=counts.plans, seen_plans=counts.seen_plans, repairs=counts.repairs,
        captions=counts.captions, painted=counts.painted, said=stage.said, said_outside=stage.said_outside,
    )  # fmt: skip
    stage = stage.model_copy(update={"anchor": stage.anchor or start})
    yield from run_stage(_language(stage, settings, mllm, mix, stage.probes), settings, stage)


def train_dit(stage: Stage) -> Iterator[dict[str, Any]]:
    """Train the transformer on the frozen MLLM (its text stage, while there is no more) and VAE of the work folder."""
    torch.manual_seed(stage.seed)
    settings = settings_of(stage, "dit")
    language = next((s for s in ("mllm", "text") if (stage.work / s / "weights/mllm").is_dir()), "mllm")
    mllm = read_mllm(existing(stage.anchor or stage.work / language / "weights/mllm", "mllm"))
    vae = AutoencoderKL.from_pretrained(existing(stage.work / "vae/weights/vae", "vae")).eval().requires_grad_(False)
    device = own_device()
    mllm = mllm.to(device)  # pyright: ignore[reportArgumentType]
    vae = vae.to(device)  # pyright: ignore[reportArgumentType]
    processor = LightProcessor.from_pretrained(stage.work / "processor")
    if stage.init:
        dit = OmniGen2Transformer2DModel.from_pretrained(stage.init, torch_dtype=torch.float32)
    else:
        dit = OmniGen2Transformer2DModel(**TRANSFORMER)
    # The other examples of a batch are met again under other noise and time.
    fresh = max(4, round(settings.batch * stage.fresh))
    mix = PaintingMix(
        edits=stage.edits, references=stage.references, several=stage.several, ringed=stage.ringed, hard=stage.hard,
        planned=stage.planned, worn=stage.worn, most=stage.objects,
    )  # fmt: skip
    examples = painting_examples(stage.seed, fresh, mix, gallery=Gallery(stage.work / PAINTED))
    teacher = mllm.model.visual
    read = text_reader(mllm, processor.tokenizer)
    pool = LatentPool(
        vae, read, lambda pictures: vision_tokens(teacher, pictures), examples, 12000, workers=stage.workers
    )
    for extra in range(1200 // fresh):
        if asked_to_stop() or time.time() >= stage.ends_at:
            break
        pool.refill(10**6 + extra)
    check = GeneratorValidation(
        vae, mllm, processor, edits=8 if stage.edits else 0, references=4 if stage.references else 0
    )
    if device.type == "cpu":
        write_out_attention(dit)
    aligned = AlignedTransformer(dit, int(teacher.config.out_hidden_size))
    component = DitTraining(
        aligned,
        read([""])[0],
        pool,
        settings.batch,
        most=stage.together or (TOGETHER_PAINTED if device.type == "cpu" else GPU_EXAMPLES),
        seed=stage.seed,
        settings=FlowSettings(time_shift=stage.time_shift, alignment=stage.alignment, detail=stage.detail),
        validate=check,
        compile_from=stage.compile_from,
    )
    yield from run_stage(component, settings, stage)
