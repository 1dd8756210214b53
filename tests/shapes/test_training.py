"""Training code: what is trained is what the runtime will ask, and a stopped training goes on where it was."""

import itertools
import json
import os
from copy import deepcopy
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image
from transformers import PreTrainedTokenizerBase, Qwen2_5_VLForConditionalGeneration

from omniagent.model.requests import Prompt
from omniagent.model.training.lesson_packing import IGNORE, STRESS, Lesson, LessonPacker, branch_mask
from omniagent.model.training.loop import TrainSettings, train
from omniagent.model.training.prefetch import Ahead
from omniagent.model.training.vae import VaeTraining, initialise
from omniagent.model.training.vision import vision_patches, vision_tokens
from omniagent.shapes.painting.own_pictures import paint_file
from omniagent.shapes.scene.data import vae_crops, validation_pictures
from omniagent.shapes.scene.render import render
from omniagent.shapes.training.architecture import SMALL_VAE
from omniagent.shapes.training.lessons import LessonMix, lesson_batches
from omniagent.shapes.training.parts import train_mllm, train_vae
from omniagent.shapes.training.stages import PAINTED, LessonCounts, Stage
from omniagent.shapes.training.tokenizer import SPECIALS, save_processor
from omniagent.tools.dialects.drafts import PlanDraft, RepairDraft
from omniagent.tools.dialects.listed import prompts

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def packer(tokenizer: PreTrainedTokenizerBase) -> LessonPacker:
    return LessonPacker(tokenizer, int(tokenizer.convert_tokens_to_ids("<|image_pad|>")), 8)


def test_the_batched_vision_pass_gives_the_towers_own_numbers(mllm: Qwen2_5_VLForConditionalGeneration) -> None:
    pictures = torch.rand(3, 3, 128, 128, generator=torch.Generator().manual_seed(1)) * 2 - 1
    with torch.no_grad():
        batched = vision_tokens(mllm.model.visual, pictures).flatten(0, 1)
        own = mllm.model.visual(
            vision_patches(pictures, 8).flatten(0, 1), torch.tensor([[1, 16, 16]] * 3)
        ).pooler_output
    torch.testing.assert_close(batched, own, atol=1e-5, rtol=1e-5)


def test_patches_are_those_of_the_saved_image_processor(tokenizer: PreTrainedTokenizerBase, tmp_path: Path) -> None:
    from omniagent.model.mllm.processor import LightProcessor

    save_processor(tokenizer, tmp_path)  # pyright: ignore[reportArgumentType]
    picture = np.random.default_rng(0).integers(0, 256, (128, 128, 3), dtype=np.uint8)
    made = LightProcessor.from_pretrained(tmp_path).image_processor(
        images=Image.fromarray(picture), return_tensors="pt"
    )
    pixels = torch.from_numpy(picture).permute(2, 0, 1).float().div(127.5).sub(1)[None]
    torch.testing.assert_close(made["pixel_values"], vision_patches(pixels, 8)[0], atol=1e-5, rtol=0)
    assert made["image_grid_thw"].tolist() == [[1, 16, 16]]


def test_a_packed_lesson_has_the_models_own_positions(
    mllm: Qwen2_5_VLForConditionalGeneration, packer: LessonPacker
) -> None:
    picture = Image.new("RGB", (128, 128))
    data = packer.collate(
        [Lesson("answer", Prompt(system="s", parts=("image 1: ", picture, "\n")), (0,), (("q", "a"),))]
    )
    kinds = (data["ids"] == mllm.config.image_token_id).long()
    own, _ = mllm.model.get_rope_index(
        data["ids"], mm_token_type_ids=kinds, image_grid_thw=torch.tensor([[1, 16, 16]]), attention_mask=None
    )
    assert torch.equal(own, data["positions"])


def test_endings_packed_together_are_answered_as_if_each_stood_alone(
    mllm: Qwen2_5_VLForConditionalGeneration, packer: LessonPacker
) -> None:
    prompt = prompts.verdict_prompt(Image.new("RGB", (128, 128)))
    endings = tuple((prompts.verdict_question(q), "yes") for q in ("Is it red?", "Are there exactly 2 blue stars?"))
    together = packer.collate([Lesson("verdict", prompt, (0,), endings)])
    features = torch.randn(64, 256, generator=torch.Generator().manual_seed(2))

    def states(data: dict[str, torch.Tensor]) -> torch.Tensor:
        embeds = mllm.model.language_model.embed_tokens(data["ids"])
        embeds = embeds.masked_scatter((data["ids"] == mllm.config.image_token_id)[..., None], features)
        out = mllm.model.language_model(
            inputs_embeds=embeds,
            attention_mask={"full_attention": branch_mask(data["branch"], torch.float32)},
            position_ids=data["positions"],
        ).last_hidden_state
        return out[0][data["labels"][0] != IGNORE]

    with torch.no_grad():
        alone = [states(packer.collate([Lesson("verdict", prompt, (0,), (e,))])) for e in endings]
        torch.testing.assert_close(states(together), torch.cat(alone), atol=1e-4, rtol=1e-4)


def test_yes_and_no_are_single_tokens(tokenizer: PreTrainedTokenizerBase) -> None:
    for word in ("yes", "no", *SPECIALS):
        assert len(tokenizer(word, add_special_tokens=False)["input_ids"]) == 1, word  # pyright: ignore[reportArgumentType]


def test_lessons_of_a_step_depend_on_seed_and_step_alone() -> None:
    make = lesson_batches(3, LessonMix(scenes=2, plans=2, seen_plans=1, repairs=1))
    first, again, other = make(5), make(5), make(6)
    assert first.groups == again.groups and torch.equal(first.pictures, again.pictures)
    assert first.groups != other.groups


@pytest.mark.parametrize("workers", [0, 2])
def test_batches_made_ahead_are_those_of_their_steps_in_any_order(workers: int) -> None:
    ahead = Ahead(lambda step: (step, os.getpid()), workers)
    steps = (3, 4, 5, 9, 11, 13, 15, 2)
    made = [ahead(step) for step in steps]
    assert tuple(step for step, _ in made) == steps
    assert all((pid == os.getpid()) is (workers == 0) for _, pid in made)


def test_a_failure_in_a_worker_reaches_the_trainer() -> None:
    def broken(step: int) -> int:
        raise ValueError(f"no batch for {step}")

    with pytest.raises(ValueError, match="no batch for 7"):
        Ahead(broken, 1)(7)


def test_a_schedule_that_must_end_in_time_decays_its_rate_by_the_clock(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    clock = itertools.count(0.0, 1.0)
    monkeypatch.setattr("time.monotonic", lambda: next(clock))
    settings = _settings(tmp_path, 1000).model_copy(update={"finish_within": 14.0, "resume": False})
    lines = [line for line in train(_vae_training(), settings) if "loss" in line]
    assert 2 < len(lines) < 14
    rates = [line["rate"] for line in lines]
    assert rates[0] < rates[1] > rates[-1] < 0.5 * settings.lr
    assert json.loads((tmp_path / "log.jsonl").read_text().splitlines()[-1])["step"] == lines[-1]["step"]


def test_plans_in_lessons_are_what_the_tools_accept() -> None:
    for group in lesson_batches(1, LessonMix(scenes=1, plans=6, seen_plans=6, repairs=2))(0).groups:
        for lesson in group:
            if lesson.topic in ("plan", "plan_seen"):
                PlanDraft.model_validate_json(lesson.endings[0][1])
            if lesson.topic == "repair":
                RepairDraft.model_validate_json(lesson.endings[0][1])


def _vae_training(seed: int = 0) -> VaeTraining:
    from diffusers import AutoencoderKL

    torch.manual_seed(seed)
    sizes = SMALL_VAE | {"block_out_channels": (8, 8, 8, 8)}
    vae = AutoencoderKL(**sizes)
    initialise(vae)
    return VaeTraining(vae, vae_crops(0, 2, side=32), validation_pictures(2))


def _settings(out: Path, steps: int, time_limit: float = 1e9) -> TrainSettings:
    return TrainSettings(
        out=out, steps=steps, batch=2, lr=1e-3, warmup=2, log_every=1, save_every=2, bf16=False, time_limit=time_limit
    )


def test_training_stopped_and_resumed_ends_where_an_unbroken_one_ends(tmp_path: Path) -> None:
    list(train(_vae_training(), _settings(tmp_path / "whole", 4)))
    lines = train(_vae_training(), _settings(tmp_path / "broken", 4))
    for line in lines:
        if line["step"] == 2 and "val_psnr" in line:
            break
    lines.close()  # pyright: ignore[reportAttributeAccessIssue]
    list(train(_vae_training(seed=9), _settings(tmp_path / "broken", 4)))

    def last(folder: str) -> dict[str, float]:
        return json.loads((tmp_path / folder / "log.jsonl").read_text().splitlines()[-1])

    assert last("whole")["val_psnr"] == pytest.approx(last("broken")["val_psnr"], abs=1e-6)


def test_weights_are_written_in_the_published_layout(tmp_path: Path) -> None:
    from diffusers import AutoencoderKL

    list(train(_vae_training(), _settings(tmp_path, 2)))
    vae = AutoencoderKL.from_pretrained(tmp_path / "weights" / "vae")
    assert vae.config["scaling_factor"] > 0


def test_a_training_given_a_start_does_not_go_on_from_the_folders_old_state(tmp_path: Path) -> None:
    first = Stage(work=tmp_path, steps=2, batch=2)
    assert [line["step"] for line in train_vae(first)][-1] == 2
    again = first.model_copy(update={"init": tmp_path / "vae" / "weights" / "vae"})
    assert [line["step"] for line in train_vae(again)] == [2, 2]
    assert [line["step"] for line in train_vae(first)] == [2]
    steps = [json.loads(line)["step"] for line in (tmp_path / "vae" / "log.jsonl").read_text().splitlines()]
    assert steps == [2, 2, 2, 2, 2]


def test_lessons_go_on_from_a_checkpoint_saved_in_half_precision_and_take_up_paintings(
    mllm: Qwen2_5_VLForConditionalGeneration,
    tokenizer: PreTrainedTokenizerBase,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    start = tmp_path / "start"
    deepcopy(mllm).to(torch.bfloat16).save_pretrained(start)  # pyright: ignore[reportArgumentType]
    save_processor(tokenizer, tmp_path / "processor")  # pyright: ignore[reportArgumentType]
    painted = paint_file(
        tmp_path / PAINTED / "0.npz",
        lambda tasks, seed: [render(task.target) for task in tasks if task.target is not None],
        seed=1,
        step=0,
        number=4,
    )
    assert painted == 4
    mixes: list[tuple[int, int]] = []

    def note(seed: int, mix: LessonMix | None = None, **more: Any) -> Any:
        if more.get("paintings"):
            mixes.append((mix.painted if mix else 0, len(more["paintings"].all)))
        return lesson_batches(seed, mix, **more)

    monkeypatch.setattr("omniagent.shapes.training.parts.lesson_batches", note)
    counts = LessonCounts(scenes=1, seen_plans=1, painted=1)
    lines = list(train_mllm(Stage(work=tmp_path, steps=1, mix=counts, init=start, said=0)))
    assert mixes == [(1, 4)]
    assert lines[0]["step"] == 1 and lines[0]["describe"] > 0 and "plan_seen" in lines[0]
    written = Qwen2_5_VLForConditionalGeneration.from_pretrained(tmp_path / "mllm" / "weights" / "mllm")
    assert written.dtype == torch.float32


def test_the_vision_tower_learns_lessons_from_the_step_that_was_named(
    mllm: Qwen2_5_VLForConditionalGeneration, tokenizer: PreTrainedTokenizerBase, tmp_path: Path
) -> None:
    start = tmp_path / "start"
    deepcopy(mllm).save_pretrained(start)
    save_processor(tokenizer, tmp_path / "processor")  # pyright: ignore[reportArgumentType]

    def tower_after(steps: int) -> torch.Tensor:
        work = tmp_path / str(steps)
        (work / "processor").parent.mkdir()
        (work / "processor").symlink_to(tmp_path / "processor")
        # Lessons of one kind: each kind is validated too.
        stage = Stage(work=work, steps=steps, mix=LessonCounts(scenes=1), init=start, vision_from=1, ema=0.0, said=0)
        list(train_mllm(stage))
        trained = Qwen2_5_VLForConditionalGeneration.from_pretrained(work / "mllm" / "weights" / "mllm")
        return trained.model.visual.patch_embed.proj.weight.detach()

    before = mllm.model.visual.patch_embed.proj.weight.detach()
    assert torch.equal(tower_after(1), before)
    assert not torch.equal(tower_after(2), before)


def test_tokens_of_what_is_stressed_weigh_more_and_only_those(packer: LessonPacker) -> None:
    answer = '{"change":"make the ring (red) blue","checklist":"is the ring (blue) there","seen":"a ring"}'
    parts = ("make the ring (red) blue", "", "a star", "is the ring (blue) there")
    lesson = Lesson("plan_seen", Prompt(system="s", parts=("t",)), (), (("", answer),), stressed=parts)
    data = packer.collate([lesson])
    heavy = data["ids"][0][data["weights"][0] == STRESS].tolist()
    assert packer.tokenizer.decode(heavy) == parts[0] + parts[3]
    asked = data["labels"][0] != IGNORE
    assert set(data["weights"][0][asked].tolist()) == {1.0, STRESS} and not data["weights"][0][~asked].any()
