"""Recipes of trainings: files that say all of a training, and weights that come back from a lent machine."""

import itertools
import json
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file, save_file

from omniagent.model.errors import BadSetting
from omniagent.model.training.muon import StackedMuon
from omniagent.model.training.prefetch import Ahead
from omniagent.shapes.training.conduct import Conductor
from omniagent.shapes.training.paint import paint_lessons
from omniagent.shapes.training.publish import merge, publish, published
from omniagent.shapes.training.recipe import BUNDLED, Recipe, read_recipe, shipped_recipes, stage_of, start_of
from omniagent.shapes.training.stages import Stage
from tests.omniagent.test_cli import call
from tests.support.paths import ROOT

ONE_VAE_STEP = """
about: a step of the VAE and a painting, side by side
start: bundled
parts:
  - vae: {part: vae, steps: 1, batch: 2, lr: 1.0e-5}
    pictures: {part: paint, steps: 1, batch: 1}
"""


def _recipe(**changes: Any) -> dict[str, Any]:
    return {"about": "a try", "parts": [{"words": {"part": "mllm", "steps": 3}}]} | changes


@pytest.mark.parametrize("name", shipped_recipes())
def test_a_shipped_recipe_is_whole_and_starts_from_what_is_there(name: str) -> None:
    recipe = read_recipe(name)
    start = start_of(recipe)
    for run in recipe.runs.values():
        stage = stage_of(run, Path("work"), start, time.time() + 10)
        assert stage.work == Path("work") and (stage.init is None or stage.init.is_dir())


def test_language_on_a_gpu_and_on_cpus_are_shipped() -> None:
    assert {"language-gpu", "language-cpu"} <= set(shipped_recipes())


@pytest.mark.parametrize(
    ("changes", "named"),
    [
        ({"speed": 3}, "speed"),
        ({"parts": [{"words": {"part": "mllm", "stepps": 3}}]}, r"parts\.0\.words\.stepps"),
        ({"parts": [{"words": {"part": "mllm", "mix": {"plan": 3}}}]}, r"mix\.plan"),
        ({"parts": [{"words": {"part": "music"}}]}, r"parts\.0\.words\.part"),
        ({"parts": [{"a": {"part": "dit"}, "b": {"part": "dit"}}]}, "twice at once"),
        ({"parts": [{"a": {"part": "dit"}}, {"a": {"part": "mllm"}}]}, "name of its own"),
        ({"parts": [{"a": {"part": "paint", "batch": 96}}]}, r"parts\.0\.a: .*batch=96 is not allowed; give 1 to 64"),
        ({"parts": []}, "parts"),
        ({"seconds": -1}, "seconds"),
    ],
)
def test_a_wrong_recipe_is_refused_with_the_key_at_fault(tmp_path: Path, changes: dict[str, Any], named: str) -> None:
    path = tmp_path / "mine.yaml"
    path.write_text(json.dumps(_recipe(**changes)))
    with pytest.raises(BadSetting, match=named):
        read_recipe(str(path))


def test_more_paintings_than_are_drawn_at_once_are_refused_before_anything_is_read(tmp_path: Path) -> None:
    with pytest.raises(BadSetting, match="batch=65 is not allowed; give 1 to 64"):
        next(paint_lessons(Stage(work=tmp_path, batch=65)))


def test_an_unknown_recipe_is_answered_with_the_known_ones() -> None:
    with pytest.raises(BadSetting, match="language-cpu"):
        read_recipe("no-such-recipe")


def test_a_recipe_that_starts_from_no_checkpoint_is_refused(tmp_path: Path) -> None:
    with pytest.raises(BadSetting, match="no checkpoint"):
        start_of(Recipe.model_validate(_recipe(start=str(tmp_path))))


def test_a_run_that_the_recipe_lacks_is_refused(tmp_path: Path) -> None:
    with pytest.raises(BadSetting, match="words"):
        Conductor(Recipe.model_validate(_recipe()), tmp_path, only=["pictures"])


def test_runs_start_from_the_checkpoints_weights_and_text_states_unless_told_otherwise(tmp_path: Path) -> None:
    parts = [{"a": {"part": "mllm"}, "b": {"part": "dit", "init": "mine", "anchor": "other"}}]
    recipe = Recipe.model_validate(_recipe(start="bundled", parts=parts))
    own, told = (stage_of(run, tmp_path, start_of(recipe), 1e12) for run in recipe.runs.values())
    assert (own.init, own.anchor) == (BUNDLED / "mllm", BUNDLED / "mllm")
    assert (told.init, told.anchor, told.resume) == (Path("mine"), Path("other"), True)


def _checkpoint(folder: Path, value: float) -> Path:
    (folder / "transformer").mkdir(parents=True)
    tensors = {f"layer.{i}": torch.full((1024, 1024), value, dtype=torch.bfloat16) for i in range(9)}
    save_file(tensors, folder / "transformer" / "diffusion_pytorch_model.safetensors")
    return folder


def _trained(work: Path, value: float) -> Path:
    _checkpoint(work / "dit" / "weights", value)
    (work / "dit" / "log.jsonl").write_text("{}\n")
    return work


def test_weights_come_back_from_small_files(tmp_path: Path) -> None:
    files = publish(_trained(tmp_path / "work", 3.0), "dit", tmp_path / "small", 7)
    assert len(files) == 2 and all(path.stat().st_size < 16 * 2**20 for path in files)
    assert {path.name for path in (tmp_path / "small").iterdir()} == {*(path.name for path in files), "dit.jsonl"}
    base = _checkpoint(tmp_path / "base", 1.0)
    assert merge(tmp_path / "small", base, tmp_path / "new") == {"transformer": 9}
    merge(tmp_path / "small", base, tmp_path / "mean", share=0.75)
    for folder, value in (("new", 3.0), ("mean", 2.5)):
        found = load_file(tmp_path / folder / "transformer" / "diffusion_pytorch_model.safetensors")
        assert all(bool((tensor == value).all()) and tensor.dtype is torch.bfloat16 for tensor in found.values())


def test_files_that_do_not_belong_together_are_refused(tmp_path: Path) -> None:
    small = tmp_path / "small"
    first, second = publish(_trained(tmp_path / "work", 3.0), "dit", small, 7)
    newer = publish(tmp_path / "work", "dit", tmp_path / "newer", 8)[1]
    kept = second.read_bytes()
    second.write_bytes(newer.read_bytes())
    with pytest.raises(BadSetting, match="7, 8"):
        published(small)
    second.unlink()
    with pytest.raises(BadSetting, match="1 of 2"):
        published(small)
    second.write_bytes(kept)
    (tmp_path / "there").mkdir()
    with pytest.raises(BadSetting, match="there already"):
        merge(small, _checkpoint(tmp_path / "base", 1.0), tmp_path / "there")
    first.unlink()
    second.unlink()
    with pytest.raises(BadSetting, match="no published weights"):
        merge(small, tmp_path / "base", tmp_path / "new")


def test_stacked_muon_makes_the_steps_of_torchs_own() -> None:
    torch.manual_seed(0)
    shapes = [(8, 16), (16, 8), (8, 16), (4, 4)]
    ours, theirs = ([torch.nn.Parameter(torch.ones(shape)) for shape in shapes] for _ in range(2))
    rates: dict[str, Any] = {"lr": 0.01, "weight_decay": 0.01, "momentum": 0.95, "adjust_lr_fn": "match_rms_adamw"}
    optimizers = StackedMuon(ours, **rates), torch.optim.Muon(theirs, **rates)
    for _ in range(3):
        for a, b in zip(ours, theirs, strict=True):
            a.grad = torch.randn_like(a)
            b.grad = a.grad.clone()
        for optimizer in optimizers:
            optimizer.step()
    for a, b in zip(ours, theirs, strict=True):
        torch.testing.assert_close(a, b, atol=1e-4, rtol=1e-2)


@pytest.mark.slow
def test_tensors_come_from_worker_processes_as_they_are() -> None:
    made = (torch.arange(6).reshape(2, 3).T, torch.ones(2, dtype=torch.bfloat16), torch.empty(0), "word")
    got = Ahead(lambda step: made, 1)(0)
    assert all(torch.equal(a, b) and a.dtype is b.dtype for a, b in zip(got[:3], made[:3], strict=True))  # pyright: ignore[reportArgumentType]
    got[0].add_(1)


@pytest.mark.slow
def test_a_training_ends_at_its_time_of_day_with_its_rate_decayed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from omniagent.model.training.loop import train
    from tests.shapes.test_training import _settings, _vae_training  # pyright: ignore[reportPrivateUsage]

    clock = itertools.count(0.0, 1.0)
    monkeypatch.setattr("time.monotonic", lambda: next(clock))
    settings = _settings(tmp_path, 1000).model_copy(update={"ends_at": time.time() + 14.5, "resume": False})
    lines = [line for line in train(_vae_training(), settings) if "loss" in line]
    assert 2 < len(lines) < 14 and lines[-1]["rate"] < 0.5 * settings.lr


@pytest.mark.slow
def test_a_recipe_runs_its_parts_side_by_side_and_leaves_their_weights(
    tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "mine.yaml"
    path.write_text(ONE_VAE_STEP)
    Conductor(read_recipe(str(path)), tmp_path / "work", published=tmp_path / "small").run()
    told = capfd.readouterr().out
    assert "[vae] step=1" in told and "[pictures] step=1" in told
    assert {p.name for p in (tmp_path / "small").iterdir()} == {"vae-1-of-1.safetensors", "vae.jsonl"}
    assert call(None, "train", "merge", str(tmp_path / "small"), "--out", str(tmp_path / "new")).exit_code == 0
    assert (tmp_path / "new" / "model_index.json").is_file()


@pytest.mark.slow
def test_a_recipe_that_is_told_to_stop_saves_what_was_learned(tmp_path: Path) -> None:
    path = tmp_path / "mine.yaml"
    path.write_text(json.dumps(_recipe(start="bundled", parts=[{"vae": {"part": "vae", "batch": 2, "log_every": 1}}])))
    command = [sys.executable, "-m", "omniagent.cli", "train", "recipe", str(path), "--work", str(tmp_path / "work")]
    with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        assert "step=1" in process.stdout.readline()
        process.send_signal(signal.SIGTERM)
        rest, errors = process.communicate(timeout=120)
    assert process.returncode == 0 and "val_psnr" in rest, errors
    assert (tmp_path / "work" / "vae" / "state.pt").is_file()
