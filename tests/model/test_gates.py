"""The gates of lossy presets: what they measure, and that the bundled model passes on a few tasks."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest

from tests.bench.edit_scores import Measured, psnr, ssim
from tests.bench.gates import FLOORS, MISSED, Floors, figures, gate_lines, key_of, measured, missed


@pytest.mark.bundled
def test_the_edit_preset_passes_its_gates_on_a_few_bundled_edits_and_scores_are_kept(tmp_path: Path) -> None:
    few = FLOORS["edit"].model_copy(update={"lost": 0})
    lines = list(gate_lines(2, tmp_path, ["edit"], 0, {"edit": few}))
    found = {line.split()[0]: line.split()[1] for line in lines}
    assert not [line for line in lines if line.startswith(MISSED)]
    assert found["gates_edit_edits"] == "2" and float(found["gates_edit_work"]) < 0.8
    assert float(found["gates_edit_second_round"]) < 0.5
    kept = (tmp_path / "edits.jsonl").read_text()
    again = list(gate_lines(2, tmp_path, ["edit"], 0, {"edit": Floors(psnr=99.5, ssim=0.98, lost=0)}))
    assert [line for line in again if line.startswith(f"{MISSED} edit: psnr")]
    assert (tmp_path / "edits.jsonl").read_text() == kept


def test_scores_of_other_code_or_of_another_checkpoint_or_preset_are_measured_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[int] = []

    def measure(_task: object, number: int, *_generators: object) -> list[Measured]:
        asked.append(number)
        return [Measured(number=number, preset="edit", exact=True, right=True, psnr=50, ssim=1, work=0.5)]

    def loaded(names: Sequence[str]) -> dict[str, None]:
        return dict.fromkeys((*names, "quality"))

    monkeypatch.setattr("tests.bench.gates.measure", measure)
    monkeypatch.setattr("tests.bench.gates.loaded", loaded)
    assert len(measured(2, tmp_path, ["edit"])) == len(measured(2, tmp_path, ["edit"])) == 2 and asked == [0, 1]
    known = tmp_path / "edits.jsonl"
    known.write_text(known.read_text().replace(key_of("edit"), "other", 1))
    assert len(measured(2, tmp_path, ["edit"])) == 2 and asked == [0, 1, 0]
    assert key_of("edit") != key_of("fast")


def test_a_gate_is_missed_by_pictures_that_are_worse_and_by_lost_success() -> None:
    picture = np.random.default_rng(0).integers(0, 256, (32, 32, 3)).astype(np.uint8)
    worse = picture.copy()
    worse[:, 16:] = 255 - worse[:, 16:]
    left = np.zeros((32, 32), dtype=bool)
    left[:, :16] = True
    assert psnr(picture, picture) == psnr(picture, worse, left) == 99.0 and psnr(picture, worse) < 12
    assert ssim(picture, picture) == 1 and ssim(picture, worse) < 0.7
    scores = [
        Measured(number=0, preset="edit", exact=True, right=False, psnr=12, ssim=0.5, work=0.4, outside=50, share=0.2),
        Measured(number=1, preset="edit", exact=True, right=True, psnr=60, ssim=1.0, work=1.0),
    ]
    found = figures(scores, "edit")
    assert (found["lost"], found["lost_error"], found["psnr"], found["outside_of"]) == (50, 50 / 2**0.5, 36, 1)
    floors = Floors(psnr=40, ssim=0.8, lost=1, outside=40, second_round=0.5)
    faults = missed("edit", found, floors)
    assert [fault.split()[1] for fault in faults] == ["psnr", "ssim", "lost", "second_round"]
    assert "was not measured" in faults[-1]
    assert not missed("edit", {"faster": 2.5}, Floors(psnr=30, ssim=0.9, lost=1, faster=2.0), edits=False)
    assert not missed("edit", {"psnr": 30, "ssim": 1, "lost": 1}, FLOORS["balanced"])
    unreal: dict[str, float] = dict.fromkeys(("psnr", "ssim", "lost"), float("nan"))
    assert len(missed("balanced", unreal, FLOORS["balanced"])) == 3
