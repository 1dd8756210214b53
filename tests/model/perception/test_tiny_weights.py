"""Real model classes on random weights: loading, shapes, batches, and errors."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from safetensors.torch import load_file

from omniagent.model.errors import BadCheckpoint, UnknownModel
from omniagent.model.perception.features import VisionFeatures, cosine
from omniagent.model.perception.filling import DiffusersFiller
from omniagent.model.perception.instances import Mask2Former
from omniagent.model.perception.tracks import Sam2Tracker
from tests.support.tiny_perception import save_clip, save_dinov2, save_flux_fill, save_mask2former, save_sam2


def noise(width: int, height: int, seed: int = 0) -> Image.Image:
    rng = np.random.default_rng(seed)
    return Image.fromarray(rng.integers(0, 255, (height, width, 3), dtype=np.uint8))


@pytest.mark.parametrize("save", [save_dinov2, save_clip], ids=["dinov2", "clip"])
def test_equal_pictures_are_alike_whatever_batch_they_come_in(tmp_path: Path, save: Callable[[Path], Path]) -> None:
    features = VisionFeatures(save(tmp_path), batch=2, device="cpu")
    rows = features.embed([noise(40, 30, seed) for seed in (0, 1, 0)])
    assert rows.shape[0] == 3 and np.allclose(np.linalg.norm(rows, axis=1), 1, atol=1e-5)
    assert np.allclose(rows[0], rows[2], atol=1e-5)
    assert cosine(features, noise(40, 30), noise(40, 30)) == pytest.approx(1, abs=1e-5)
    assert features.embed([]).shape[0] == 0


def test_a_tracker_gives_a_mask_of_the_frames_size_for_each_box_and_frame(tmp_path: Path) -> None:
    tracker = Sam2Tracker(save_sam2(tmp_path), device="cpu")
    frames = [noise(90, 60, seed) for seed in range(3)]
    masks = tracker.track(frames, [(10, 10, 40, 40), (50, 5, 80, 50)])
    assert [len(row) for row in masks] == [2, 2, 2]
    assert all(mask.shape == (60, 90) and mask.dtype == bool for row in masks for mask in row)
    assert tracker.track(frames, []) == [[], [], []]


def test_two_tracks_of_one_clip_are_the_same(tmp_path: Path) -> None:
    tracker = Sam2Tracker(save_sam2(tmp_path), device="cpu")
    frames = [noise(64, 64, seed) for seed in range(2)]
    one, other = (tracker.track(frames, [(5, 5, 40, 40)]) for _ in range(2))
    assert all(np.array_equal(a[0], b[0]) for a, b in zip(one, other, strict=True))


def test_a_filler_draws_inside_the_mask_alone_and_by_its_seed(tmp_path: Path) -> None:
    filler = DiffusersFiller(save_flux_fill(tmp_path), steps=1, soft=0, device="cpu")
    picture = noise(70, 50)
    mask = np.zeros((50, 70), bool)
    mask[10:30, 20:50] = True
    made = [np.asarray(filler.fill(picture, mask, prompt="a red circle", seed=seed)) for seed in (1, 1, 2)]
    before = np.asarray(picture)
    assert made[0].shape == before.shape and np.array_equal(made[0][~mask], before[~mask])
    assert np.array_equal(made[0], made[1]) and not np.array_equal(made[0], made[2])


def test_weights_of_another_model_are_refused_by_name(tmp_path: Path) -> None:
    folder = save_dinov2(tmp_path)
    with pytest.raises(BadCheckpoint, match=r"model_index\.json"):
        DiffusersFiller(folder, device="cpu")
    (folder / "model_index.json").write_text('{"_class_name": "AudioLDMPipeline"}')
    with pytest.raises(BadCheckpoint, match="give a model that fills masks"):
        DiffusersFiller(folder, device="cpu")


@pytest.mark.parametrize("save", [save_clip, save_mask2former])
def test_weights_that_are_there_as_a_pickle_alone_are_not_read(tmp_path: Path, save: Callable[[Path], Path]) -> None:
    folder = save(tmp_path)
    torch.save(load_file(folder / "model.safetensors"), folder / "pytorch_model.bin")
    (folder / "model.safetensors").unlink()
    with pytest.raises(BadCheckpoint, match="in safetensors"):
        if save is save_clip:
            VisionFeatures(folder, device="cpu")
        else:
            assert Mask2Former(folder, device="cpu").labels


def test_a_name_that_is_neither_a_folder_nor_of_the_hub_is_refused() -> None:
    with pytest.raises(UnknownModel, match="no hub name"):
        VisionFeatures("no model at all")
