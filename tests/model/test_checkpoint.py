"""Reading and writing whole checkpoints: the published layout, and every way in which a folder can be broken."""

from __future__ import annotations

import errno
import json
import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import load_file, save_file

from omniagent.model.denoising.schedulers import DPMSolverMultistepScheduler, FlowMatchEulerDiscreteScheduler
from omniagent.model.errors import (
    BadCheckpoint,
    BadSetting,
    OutputUnwritable,
    StorageFull,
)
from omniagent.model.pipeline.omnigen2 import OmniGen2Pipeline
from tests.support.tiny_omnigen2 import PARTS, tiny_pipeline

WEIGHTS = "diffusion_pytorch_model.safetensors"


@pytest.fixture(scope="module")
def saved(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("saved") / "model"
    tiny_pipeline().save_pretrained(folder)
    return folder


@pytest.fixture
def broken(saved: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(saved, tmp_path / "broken"))


def _picture(pipeline: OmniGen2Pipeline) -> np.ndarray:
    pipeline.set_progress_bar_config(disable=True)
    return pipeline("x", num_inference_steps=1, generator=torch.Generator().manual_seed(1), output_type="np").images


def _same_weights(one: OmniGen2Pipeline, other: OmniGen2Pipeline) -> bool:
    pairs = (
        (getattr(one, name).state_dict(), getattr(other, name).state_dict()) for name in ("transformer", "vae", "mllm")
    )
    return all(a.keys() == b.keys() and all(torch.equal(a[key], b[key]) for key in a) for a, b in pairs)


def test_a_saved_checkpoint_draws_the_same_picture_with_the_same_defaults(saved: Path) -> None:
    loaded, made = OmniGen2Pipeline.from_pretrained(saved), tiny_pipeline()
    assert _same_weights(loaded, made)
    # Weights lie at other addresses in memory, which may change the order of additions.
    assert np.abs(_picture(loaded) - _picture(made)).max() < 1e-5
    for mine, kept in zip(made.profiles, loaded.profiles, strict=True):
        assert kept.model_dump() == mine.model_dump()
    assert loaded.defaults is loaded.profiles.generator
    assert not loaded.transformer.training


def test_shards_are_read_like_a_single_file(saved: Path, tmp_path: Path) -> None:
    pipeline = OmniGen2Pipeline.from_pretrained(saved)
    pipeline.save_pretrained(tmp_path, max_shard_size="100KB")
    assert len(list((tmp_path / "transformer").glob("*.safetensors"))) > 1
    assert len(list((tmp_path / "mllm").glob("*.safetensors"))) > 1
    assert _same_weights(OmniGen2Pipeline.from_pretrained(tmp_path), pipeline)


def test_the_published_layout_is_written(saved: Path) -> None:
    index = json.loads((saved / "model_index.json").read_text())
    published = json.loads((PARTS / "model_index.json").read_text())
    assert {k: v for k, v in index.items() if k[0] != "_"} == {k: v for k, v in published.items() if k[0] != "_"}
    assert set(load_file(saved / "mllm" / "model.safetensors")) == set(load_file(PARTS / "mllm" / "model.safetensors"))
    assert str(saved.anchor) not in (saved / "transformer" / "config.json").read_text()


def test_the_solver_a_checkpoint_names_is_the_one_loaded(tmp_path: Path) -> None:
    pipeline = tiny_pipeline()
    pipeline.register_modules(scheduler=DPMSolverMultistepScheduler(static_shift=3.0))
    pipeline.save_pretrained(tmp_path)
    scheduler = OmniGen2Pipeline.from_pretrained(tmp_path).scheduler
    assert isinstance(scheduler, DPMSolverMultistepScheduler)
    assert scheduler.config["static_shift"] == 3.0


def test_a_ready_component_is_used_instead_of_the_checkpoints(saved: Path) -> None:
    scheduler = FlowMatchEulerDiscreteScheduler(static_shift=2.0)
    assert OmniGen2Pipeline.from_pretrained(saved, scheduler=scheduler).scheduler is scheduler
    with pytest.raises(BadSetting, match="unet"):
        OmniGen2Pipeline.from_pretrained(saved, unet=None)


def test_precision_may_be_asked_for_by_part_and_only_of_parts(saved: Path) -> None:
    half = torch.bfloat16
    loaded = OmniGen2Pipeline.from_pretrained(saved, torch_dtype={"vae": half})
    assert (loaded.vae.dtype, loaded.transformer.dtype, loaded.mllm.dtype) == (half, torch.float32, torch.float32)
    loaded = OmniGen2Pipeline.from_pretrained(saved, torch_dtype={"vae": torch.float32, "default": half})
    assert (loaded.vae.dtype, loaded.transformer.dtype, loaded.mllm.dtype) == (torch.float32, half, half)
    with pytest.raises(BadSetting, match=r"transfomer.*transformer, vae, mllm and default"):
        OmniGen2Pipeline.from_pretrained(saved, torch_dtype={"transfomer": half})


def test_weights_come_in_the_precision_asked_for(saved: Path) -> None:
    pipeline = OmniGen2Pipeline.from_pretrained(saved, torch_dtype=torch.bfloat16)
    assert {pipeline.transformer.dtype, pipeline.vae.dtype, pipeline.mllm.dtype} == {torch.bfloat16}
    assert np.isfinite(_picture(pipeline)).all()


def _drop_index(folder: Path) -> None:
    (folder / "model_index.json").unlink()


def _rename_class(folder: Path) -> None:
    _edit(folder / "model_index.json", transformer=["evil_module", "EvilTransformer"])


def _drop_vae(folder: Path) -> None:
    shutil.rmtree(folder / "vae")


def _drop_weights(folder: Path) -> None:
    (folder / "transformer" / WEIGHTS).unlink()


def _pickle(folder: Path) -> None:
    weights = folder / "transformer" / WEIGHTS
    torch.save(load_file(weights), folder / "transformer" / "diffusion_pytorch_model.bin")
    weights.unlink()


def _pickled_text_model(folder: Path) -> None:
    weights = folder / "mllm" / "model.safetensors"
    torch.save(load_file(weights), folder / "mllm" / "pytorch_model.bin")
    weights.unlink()


def _truncate(folder: Path) -> None:
    weights = folder / "transformer" / WEIGHTS
    weights.write_bytes(weights.read_bytes()[:-100])


def _truncate_text_model(folder: Path) -> None:
    weights = folder / "mllm" / "model.safetensors"
    weights.write_bytes(weights.read_bytes()[:1000])


def _lose_shard(folder: Path) -> None:
    (folder / "transformer" / WEIGHTS).rename(folder / "transformer" / "part.safetensors")
    index = {"metadata": {}, "weight_map": {"a": "part.safetensors", "b": "lost.safetensors"}}
    (folder / "transformer" / f"{WEIGHTS}.index.json").write_text(json.dumps(index))


def _miss(folder: Path) -> None:
    _change(folder / "transformer" / WEIGHTS, lambda weights: weights.pop("x_embedder.bias"))


def _add(folder: Path) -> None:
    _change(folder / "transformer" / WEIGHTS, lambda weights: weights.update(extra=torch.zeros(1)))


def _misshape(folder: Path) -> None:
    _change(folder / "transformer" / WEIGHTS, lambda weights: weights.update({"x_embedder.bias": torch.zeros(3)}))


def _miss_in_text_model(folder: Path) -> None:
    _change(folder / "mllm" / "model.safetensors", lambda weights: weights.pop("model.norm.weight"))


def _misshape_in_text_model(folder: Path) -> None:
    _change(
        folder / "mllm" / "model.safetensors", lambda weights: weights.update({"model.norm.weight": torch.zeros(3)})
    )


def _unknown_key(folder: Path) -> None:
    _edit(folder / "transformer" / "config.json", colour="red")


def _unknown_scheduler_key(folder: Path) -> None:
    _edit(folder / "scheduler" / "scheduler_config.json", colour="red")


def _impossible_sizes(folder: Path) -> None:
    _edit(folder / "transformer" / "config.json", num_attention_heads=7)


def _no_json(folder: Path) -> None:
    (folder / "vae" / "config.json").write_text("{")


def _no_tokenizer(folder: Path) -> None:
    shutil.rmtree(folder / "processor")


def _bad_defaults(folder: Path) -> None:
    (folder / "omniagent.json").write_text('{"height": 3}')


def _poison(folder: Path) -> None:
    _change(folder / "transformer" / WEIGHTS, lambda weights: weights["x_embedder.bias"].fill_(float("nan")))


def _poison_text_model(folder: Path) -> None:
    def edit(weights: dict[str, torch.Tensor]) -> None:
        next(each for name, each in weights.items() if name.endswith("q_proj.weight"))[0, 0] = float("inf")

    _change(folder / "mllm" / "model.safetensors", edit)


def _edit(path: Path, **changes: object) -> None:
    path.write_text(json.dumps(json.loads(path.read_text()) | changes))


def _change(path: Path, edit: Callable[[dict[str, torch.Tensor]], object]) -> None:
    weights = {name: each.clone() for name, each in load_file(path).items()}
    edit(weights)
    save_file(weights, path, metadata={"format": "pt"})


BROKEN: list[tuple[Callable[[Path], None], str]] = [
    (_drop_index, "model_index.json is missing"),
    (_rename_class, "'EvilTransformer' as transformer; it must be OmniGen2Transformer2DModel"),
    (_drop_vae, "vae.*is missing"),
    (_drop_weights, f"lacks {WEIGHTS}"),
    (_pickle, "pickled weights.*refused"),
    (_pickled_text_model, "pickled weights.*refused"),
    (_truncate, "cut short"),
    (_truncate_text_model, "cut short"),
    (_lose_shard, "lacks lost.safetensors"),
    (_miss, "missing weights: x_embedder.bias"),
    (_add, "unknown weights: extra"),
    (_misshape, r"x_embedder.bias is \[3\], not \[48\]"),
    (_miss_in_text_model, "missing weights: .*norm.weight"),
    (_misshape_in_text_model, r"norm.weight is \[3\], not \[64\]"),
    (_unknown_key, "does not know: colour"),
    (_unknown_scheduler_key, "does not know: colour"),
    (_impossible_sizes, "no possible OmniGen2Transformer2DModel: hidden_size=48, num_attention_heads=7"),
    (_no_json, "cannot be read as JSON"),
    (_no_tokenizer, "no usable processor"),
    (_poison, "NaN or infinite: x_embedder.bias"),
    (_poison_text_model, "NaN or infinite: .*q_proj.weight"),
    (_bad_defaults, "omniagent.json cannot be used"),
]


@pytest.mark.parametrize(("damage", "message"), BROKEN, ids=lambda each: getattr(each, "__name__", "")[1:])
def test_what_is_wrong_with_a_checkpoint_is_named(broken: Path, damage: Callable[[Path], None], message: str) -> None:
    damage(broken)
    with pytest.raises(BadCheckpoint, match=message):
        OmniGen2Pipeline.from_pretrained(broken)


def test_code_in_a_checkpoint_is_never_run(broken: Path, tmp_path: Path) -> None:
    trap = f"open({str(tmp_path / 'sprung')!r}, 'w').close()"
    for name in ("transformer/transformer_omnigen2.py", "scheduler/scheduling_flow_match_euler_discrete.py"):
        (broken / name).write_text(trap)
    (broken / "mllm" / "modeling.py").write_text(trap)
    _edit(broken / "mllm" / "config.json", auto_map={"AutoModel": "modeling.Evil", "AutoConfig": "modeling.Evil"})
    OmniGen2Pipeline.from_pretrained(broken)
    assert not (tmp_path / "sprung").exists()


def test_a_folder_that_cannot_be_written_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(OutputUnwritable, match="file"):
        tiny_pipeline().save_pretrained(tmp_path / "file" / "model")


def test_a_full_disk_is_told_apart(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    pipeline = tiny_pipeline()

    def full(*_: object, **__: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(pipeline.scheduler, "save_pretrained", full)
    with pytest.raises(StorageFull, match="no room left"):
        pipeline.save_pretrained(tmp_path)
