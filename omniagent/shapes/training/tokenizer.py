"""The bundled MLLM's tokenizer: Qwen2's byte-level BPE, trained on the language of the shapes world."""

import json
from collections.abc import Iterator
from pathlib import Path

import numpy as np
from tokenizers import Regex, Tokenizer, decoders, models, normalizers, pre_tokenizers, trainers
from transformers import Qwen2Tokenizer
from transformers.models.qwen2.tokenization_qwen2 import PRETOKENIZE_REGEX

from omniagent.model.mllm.chat_template import CHAT_TEMPLATE
from omniagent.model.mllm.prompts import DRAW_SYSTEM_PROMPT
from omniagent.shapes.scene.world import BACKGROUNDS, COLOURS, FILLS, PLACES, SHAPES, SIZES
from omniagent.shapes.tasks.repairs import random_fault
from omniagent.shapes.tasks.task import KINDS, sample_task, some_scene
from omniagent.shapes.words.phrases import NUMBERS, describe, layout_of
from omniagent.tools.dialects.drafts import RepairDraft
from omniagent.tools.dialects.listed import prompts

SPECIALS = (
    "<|endoftext|>", "<|im_start|>", "<|im_end|>", "<|vision_start|>", "<|vision_end|>", "<|image_pad|>",
    "<|video_pad|>", "<|img|>",
)  # fmt: skip


def corpus(seed: int = 0, tasks: int = 1200) -> Iterator[str]:
    """Prompts, tasks, plans, descriptions and repairs, as the model will read and write them."""
    rng = np.random.default_rng(seed)
    systems = (prompts.PLAN_SYSTEM, prompts.VERDICT_SYSTEM, prompts.REPAIR_SYSTEM, prompts.ANSWER_SYSTEM)
    answers = ("yes", "no", "unsure", *BACKGROUNDS, *COLOURS, *SHAPES, *FILLS, *SIZES, *NUMBERS, *PLACES)
    for _ in range(200):
        yield from answers
    for _ in range(50):
        yield from (
            *systems,
            prompts.DESCRIBE_SYSTEM,
            DRAW_SYSTEM_PROMPT,
            "system\n",
            "user\n",
            "assistant\n",
            "image 1: ",
        )
    for _ in range(tasks):
        task = sample_task(rng, KINDS[int(rng.choice(len(KINDS), p=[0.35, 0.25, 0.2, 0.1, 0.1]))])
        yield str(prompts.plan_prompt(task.instruction, ()).parts[-1])
        yield task.plan.model_dump_json()
        scene = some_scene(rng)
        yield layout_of(scene, range(len(scene.items)))
        fault = random_fault(rng, scene)
        yield RepairDraft(seen=describe(fault.scene), instruction=fault.repair).model_dump_json()
        yield prompts.negated_question(task.plan.checklist[0].question if task.plan.checklist else "yes or no?")


def train_tokenizer(vocabulary: int = 1024, seed: int = 0) -> Qwen2Tokenizer:
    """A tokenizer of `vocabulary` entries, the special tokens included."""
    bpe = Tokenizer(models.BPE())
    bpe.normalizer = normalizers.NFC()
    split = pre_tokenizers.Split(Regex(PRETOKENIZE_REGEX), behavior="isolated")
    bpe.pre_tokenizer = pre_tokenizers.Sequence(
        [split, pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False)]
    )
    bpe.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=vocabulary - len(SPECIALS),
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
        show_progress=False,
    )
    bpe.train_from_iterator(corpus(seed), trainer)
    model = json.loads(bpe.to_str())["model"]
    read: list[str | list[str]] = model["merges"]
    merges = [tuple(m.split(" ")) if isinstance(m, str) else tuple(m) for m in read]
    tokenizer = Qwen2Tokenizer(
        vocab=model["vocab"],
        merges=merges,  # pyright: ignore[reportArgumentType]
        additional_special_tokens=list(SPECIALS[1:]),
    )
    tokenizer.eos_token, tokenizer.pad_token = "<|im_end|>", "<|endoftext|>"
    tokenizer.chat_template = CHAT_TEMPLATE
    return tokenizer


def save_processor(tokenizer: Qwen2Tokenizer, folder: Path, *, patch: int = 8, side: int = 128) -> None:
    """Write `processor/` as Qwen2.5-VL's: tokenizer, chat template, and pictures kept at their own size."""
    tokenizer.save_pretrained(folder)
    image = {
        "processor_class": "Qwen2_5_VLProcessor",
        "image_processor_type": "Qwen2VLImageProcessor",
        "patch_size": patch,
        "merge_size": 2,
        "temporal_patch_size": 2,
        "image_mean": [0.5, 0.5, 0.5],
        "image_std": [0.5, 0.5, 0.5],
        "min_pixels": side * side,
        "max_pixels": side * side,
        "size": {"shortest_edge": side * side, "longest_edge": side * side},
        "do_convert_rgb": True,
        "do_normalize": True,
        "do_rescale": True,
        "do_resize": True,
        "resample": 3,
        "rescale_factor": 1 / 255,
    }
    (folder / "preprocessor_config.json").write_text(json.dumps(image, indent=2) + "\n", encoding="utf-8")
    (folder / "chat_template.json").write_text(json.dumps({"chat_template": CHAT_TEMPLATE}) + "\n", encoding="utf-8")
