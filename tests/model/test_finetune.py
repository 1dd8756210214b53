"""Fine-tuning of any checkpoint on records: what is learnt, written, gone on with, and refused."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from safetensors.torch import load_file

from omniagent.model import errors
from omniagent.model.network.lora import LORA_FILE
from omniagent.model.network.transformer import OmniGen2Transformer2DModel
from omniagent.model.pipeline.omnigen2 import OmniGen2Pipeline
from omniagent.model.training.finetune import FinetuneSettings, finetune
from tests.parity.golden import PUBLIC
from tests.support.records import PROMPT, write_mix
from tests.support.tiny_omnigen2 import tiny_pipeline

TRANSFORMER = Path("transformer") / "diffusion_pytorch_model.safetensors"


@pytest.fixture(scope="module")
def checkpoint(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("tiny") / "checkpoint"
    tiny_pipeline().save_pretrained(folder)
    return folder


@pytest.fixture
def mix(tmp_path: Path) -> Path:
    return write_mix(tmp_path)


@pytest.fixture
def settings(mix: Path, checkpoint: Path, tmp_path: Path) -> FinetuneSettings:
    return FinetuneSettings(
        data=mix, model=str(checkpoint), work=tmp_path / "work", out=tmp_path / "out", steps=4, batch=2, lr=1e-3, ema=0
    )


def changed(settings: FinetuneSettings, **values: Any) -> FinetuneSettings:
    return settings.model_copy(update=values)


def drawn(pipeline: OmniGen2Pipeline) -> np.ndarray[Any, Any]:
    pipeline.set_progress_bar_config(disable=True)
    made = pipeline(PROMPT, height=32, width=32, num_inference_steps=2, generator=torch.Generator().manual_seed(0))
    return np.asarray(made.images[0], dtype=np.float32)


def weights_of(folder: Path) -> dict[str, torch.Tensor]:
    return load_file(folder / TRANSFORMER)


def same(one: dict[str, torch.Tensor], other: dict[str, torch.Tensor]) -> bool:
    return one.keys() == other.keys() and all(torch.equal(one[name], other[name]) for name in one)


@pytest.mark.slow
def test_the_loss_of_two_records_falls_and_the_checkpoint_draws_something_else(
    settings: FinetuneSettings, checkpoint: Path
) -> None:
    lines = list(finetune(changed(settings, steps=60, lr=3e-3)))
    losses = [line["loss"] for line in lines if "loss" in line]
    assert len(losses) == 6 and losses[-1] < 0.7 * losses[0]
    assert lines[-1] == {"step": 60, "out": str(settings.out)}
    logged = [json.loads(line) for line in (settings.work / "log.jsonl").read_text().splitlines()]
    assert [line["loss"] for line in logged if "loss" in line] == losses
    before, after = OmniGen2Pipeline.from_pretrained(checkpoint), OmniGen2Pipeline.from_pretrained(settings.out)
    assert np.abs(drawn(before) - drawn(after)).mean() > 1
    assert {path.name for path in settings.out.iterdir()} == {path.name for path in checkpoint.iterdir()}
    for part in ("vae", "mllm"):
        for name in (path.name for path in (checkpoint / part).iterdir()):
            assert (settings.out / part / name).read_bytes() == (checkpoint / part / name).read_bytes()


def test_a_lora_loads_here_in_diffusers_and_in_peft_with_its_alpha(
    settings: FinetuneSettings, checkpoint: Path
) -> None:
    from peft import PeftModel

    list(finetune(changed(settings, lora=4, alpha=8.0, steps=10, lr=3e-2)))
    pipeline = OmniGen2Pipeline.from_pretrained(checkpoint)
    before = drawn(pipeline)
    pipeline.loras.load(settings.out)
    ours = drawn(pipeline)
    assert np.abs(ours - before).mean() > 0.5
    pipeline.loras.unload()
    assert np.array_equal(drawn(pipeline), before)

    pipeline.transformer.load_lora_adapter(str(settings.out), use_safetensors=True)
    assert np.abs(drawn(pipeline) - ours).max() <= 1
    assert pipeline.transformer.peft_config["default_0"].lora_alpha == 8
    pipeline.transformer.unload_lora()

    peft = PeftModel.from_pretrained(pipeline.transformer, settings.out)  # pyright: ignore[reportArgumentType]
    assert peft.peft_config["default"].lora_alpha == 8
    assert np.abs(drawn(pipeline) - ours).max() <= 1


def test_a_lora_leaves_the_networks_own_weights_as_they_were(settings: FinetuneSettings) -> None:
    list(finetune(changed(settings, lora=2)))
    state = torch.load(settings.work / "state.pt", weights_only=True)
    sizes = {tuple(weight.shape) for weight in state["module"].values()}
    assert sizes and all(2 in size for size in sizes) and state["ema"] == {}
    assert {path.name for path in settings.out.iterdir()} == {
        LORA_FILE, "adapter_model.safetensors", "adapter_config.json",
    }  # fmt: skip


@pytest.mark.slow
@pytest.mark.parametrize("more", [{"ema": 0.9, "accumulate": 2}, {"lora": 2}], ids=["full", "lora"])
def test_a_training_that_was_cut_off_goes_on_bit_for_bit(settings: FinetuneSettings, more: dict[str, Any]) -> None:
    whole = changed(settings, **more, prompt_dropout=0.3, save_every=2)
    broken = changed(whole, work=settings.work / "broken", out=settings.out / "broken")
    list(finetune(whole))
    lines = finetune(broken)
    assert next(lines)["step"] == 2
    lines.close()  # pyright: ignore[reportAttributeAccessIssue]
    assert list(finetune(broken))[-1]["step"] == 4
    states = [torch.load(each.work / "state.pt", weights_only=True) for each in (whole, broken)]
    assert same(states[0]["module"], states[1]["module"])
    name = LORA_FILE if "lora" in more else str(TRANSFORMER)
    assert same(load_file(whole.out / name), load_file(broken.out / name))
    assert [line["step"] for line in finetune(broken)] == [4, 4]


def test_time_that_is_up_leaves_a_result_and_more_steps_may_follow(settings: FinetuneSettings) -> None:
    lines = list(finetune(changed(settings, time_limit=1e-9)))
    assert [line["step"] for line in lines] == [0, 0] and (settings.out / TRANSFORMER).is_file()
    assert list(finetune(changed(settings, steps=2)))[-1]["step"] == 2
    assert list(finetune(changed(settings, steps=3)))[-1]["step"] == 3


def test_the_mean_of_the_weights_is_written_where_it_is_kept(settings: FinetuneSettings) -> None:
    list(finetune(changed(settings, ema=0.9)))
    now = torch.load(settings.work / "state.pt", weights_only=True)["module"]
    assert not same(weights_of(settings.out), now)
    plain = changed(settings, work=settings.work / "plain", out=settings.out / "plain")
    list(finetune(plain))
    assert same(weights_of(plain.out), now)


def test_the_result_keeps_the_number_type_of_the_checkpoint(settings: FinetuneSettings, tmp_path: Path) -> None:
    half = tiny_pipeline()
    half.transformer.to(torch.bfloat16)
    half.save_pretrained(tmp_path / "half")
    list(finetune(changed(settings, model=str(tmp_path / "half"), steps=1)))
    assert {weight.dtype for weight in weights_of(settings.out).values()} == {torch.bfloat16}
    assert {weight.dtype for weight in weights_of(settings.work / "weights").values()} == {torch.float32}


def test_activations_computed_twice_and_readers_aside_change_no_weight(settings: FinetuneSettings) -> None:
    list(finetune(changed(settings, steps=2)))
    other = changed(settings, work=settings.work / "b", out=settings.out / "b", steps=2, checkpointing=True, workers=1)
    list(finetune(other))
    one, two = weights_of(settings.out), weights_of(other.out)
    assert all(torch.allclose(one[name], two[name], atol=1e-5) for name in one)


def test_other_settings_or_records_do_not_go_on_with_a_begun_folder(settings: FinetuneSettings, mix: Path) -> None:
    list(finetune(changed(settings, steps=1)))
    with pytest.raises(errors.BadSetting, match=r"lr was 0\.001 and is 0\.1; seed was 0 and is 5"):
        list(finetune(changed(settings, lr=0.1, seed=5)))
    with pytest.raises(errors.BadSetting, match="lora was None and is 2"):
        list(finetune(changed(settings, lora=2)))
    mix.write_text(mix.read_text().replace("ratio: 3", "ratio: 4"))
    with pytest.raises(errors.BadSetting, match="records was"):
        list(finetune(settings))


def test_a_work_folder_that_is_broken_or_of_another_command_is_named(settings: FinetuneSettings) -> None:
    list(finetune(changed(settings, steps=1)))
    (settings.work / "state.pt").write_bytes(b"PK no archive")
    with pytest.raises(errors.BadSetting, match=r"state\.pt cannot be resumed"):
        list(finetune(settings))
    (settings.work / "settings.json").unlink()
    with pytest.raises(errors.BadSetting, match="was not begun by this command"):
        list(finetune(settings))


def test_bad_mixes_and_missing_pictures_are_told_before_anything_is_made(settings: FinetuneSettings, mix: Path) -> None:
    with pytest.raises(errors.BadSetting, match=r"nowhere\.yml cannot be read"):
        list(finetune(changed(settings, data=mix.parent / "nowhere.yml")))
    (mix.parent / "empty.jsonl").write_text("\n")
    with pytest.raises(errors.BadSetting, match="holds no records"):
        list(finetune(changed(settings, data=mix.parent / "empty.jsonl")))
    (mix.parent / "blue.png").unlink()
    with pytest.raises(errors.BadImage, match=r"edit\.jsonl:1 names .*blue\.png, which is missing"):
        list(finetune(settings))
    assert not settings.work.exists() and not settings.out.exists()


def test_a_picture_that_breaks_later_is_named_with_its_record(settings: FinetuneSettings, mix: Path) -> None:
    (mix.parent / "blue.png").write_bytes(b"no picture")
    with pytest.raises(errors.BadImage, match=r"blue\.png of .*edit\.jsonl:1 cannot be used"):
        list(finetune(settings))


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"lora": 49}, "lora=49 is not allowed; give a rank from 1 to 24"),
        ({"lora": 0}, "lora=0 is not allowed"),
        ({"lora": 2, "alpha": -1.0}, r"alpha=-1\.0 is not allowed"),
        ({"alpha": 4.0}, "alpha=4 belongs to a LoRA"),
    ],
)
def test_ranks_and_alphas_out_of_range_are_refused(
    settings: FinetuneSettings, values: dict[str, Any], message: str
) -> None:
    with pytest.raises(errors.BadSetting, match=message):
        list(finetune(changed(settings, **values)))


def test_a_checkpoint_that_is_missing_or_lacks_parts_is_refused(
    settings: FinetuneSettings, checkpoint: Path, tmp_path: Path
) -> None:
    with pytest.raises(errors.UnknownModel, match="nowhere"):
        list(finetune(changed(settings, model=str(tmp_path / "nowhere"))))
    (tmp_path / "part").mkdir()
    (tmp_path / "part" / "model_index.json").write_text((checkpoint / "model_index.json").read_text())
    with pytest.raises(errors.BadCheckpoint, match="transformer"):
        list(finetune(changed(settings, model=str(tmp_path / "part"))))
    with pytest.raises(errors.BadSetting, match="is the checkpoint that is trained on"):
        list(finetune(changed(settings, out=checkpoint)))


@pytest.mark.parametrize("name", ["state.tmp", "log.jsonl"])
def test_a_full_disk_is_told_as_such(settings: FinetuneSettings, name: str) -> None:
    settings.work.mkdir()
    (settings.work / name).symlink_to("/dev/full")
    with pytest.raises(errors.StorageFull, match="no room left"):
        list(finetune(changed(settings, steps=10)))


def test_a_place_that_cannot_be_written_is_told_before_training(settings: FinetuneSettings) -> None:
    settings.out.write_text("a file")
    with pytest.raises(errors.OutputUnwritable, match="out"):
        next(finetune(settings))


def test_too_little_memory_is_told_with_what_needed_it(
    settings: FinetuneSettings, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: Any, **__: Any) -> None:
        raise RuntimeError("DefaultCPUAllocator: can't allocate memory")

    monkeypatch.setattr(OmniGen2Transformer2DModel, "forward", full)
    with pytest.raises(errors.OutOfMemory, match="too little memory for full fine-tuning of 2 pictures at once"):
        list(finetune(settings))


def test_a_loss_that_is_no_number_ends_the_training_and_keeps_what_was_saved(settings: FinetuneSettings) -> None:
    with pytest.raises(errors.HardFailure, match=r"the loss is (nan|inf) at step \d+; .*lower learning rate"):
        list(finetune(changed(settings, lr=1e30, steps=6, save_every=1)))
    assert all(bool(weight.isfinite().all()) for weight in weights_of(settings.work / "weights").values())


@pytest.mark.skipif(not (PUBLIC / "train" / "dataset").is_dir(), reason="the golden data set is not here")
def test_the_recorded_data_set_trains_as_it_is(settings: FinetuneSettings) -> None:
    folder = PUBLIC / "train" / "dataset"
    lines = list(finetune(changed(settings, data=folder / "mix.yml", max_pixels=4096, lora=2)))
    assert lines[0]["step"] == 4 and lines[0]["loss"] > 0
