"""The recorded numbers of the published program, case by case."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from tests.parity.__main__ import main
from tests.parity.golden import KEPT, PUBLIC, Golden
from tests.parity.runner import CHECKS, judge
from tests.support.paths import ROOT

FOLDER = PUBLIC if (PUBLIC / "manifest.json").is_file() else KEPT
GOLDEN = Golden(FOLDER)
CASES = GOLDEN.cases()


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_the_recorded_numbers_are_met(case: object) -> None:
    verdict = judge(case)
    assert verdict.ok, str(verdict)


def test_the_kept_part_of_the_recordings_is_covered_whole() -> None:
    kept = Golden(KEPT).cases()
    assert len(kept) == 7
    assert all(case.kind in CHECKS for case in kept)


@pytest.mark.usefixtures("one_thread")
def test_a_line_is_printed_for_each_case_and_the_exit_code_tells_that_all_are_met(
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert main([str(KEPT), "scheduler", "image"]) == 0
    names = [line.split()[:2] for line in capsys.readouterr().out.splitlines()]
    assert names == [
        ["scheduler/timesteps", "ok"],
        ["scheduler/trajectories", "ok"],
        ["image/preprocess", "ok"],
        ["image/size_tables", "ok"],
    ]


@pytest.mark.slow
def test_a_case_of_an_unknown_kind_is_a_miss_and_fails_the_command(tmp_path: Path) -> None:
    (tmp_path / "manifest.json").write_text(
        '{"cases": {"dance/waltz": {"file": null, "meta": "x.json", "suggested_tolerance": {"atol": 0.1}}}}'
    )
    command = [sys.executable, "-m", "tests.parity", str(tmp_path)]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 1
    assert done.stdout.startswith("dance/waltz miss nan 0.1")


def test_a_folder_without_manifest_is_bad_usage(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main([str(tmp_path)]) == 2 and "manifest.json" in capsys.readouterr().err
