"""The scripts in examples/ run as they are."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.support.paths import ROOT

EXAMPLES = sorted((ROOT / "examples").glob("*.py"))


def test_there_is_an_example_of_each_way_to_use_the_package() -> None:
    assert {path.stem for path in EXAMPLES} == {
        "batch", "gallery", "langgraph_host", "own_critic", "own_generator", "resume", "stream",
    }  # fmt: skip
    for path in EXAMPLES:
        assert f"python examples/{path.name}" in path.read_text(), path


@pytest.mark.bundled
@pytest.mark.parametrize("path", EXAMPLES, ids=lambda path: path.stem)
def test_an_example_runs_and_says_what_it_did(path: Path, tmp_path: Path) -> None:
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    done = subprocess.run(
        [sys.executable, str(path)], cwd=tmp_path, env=environment, capture_output=True, text=True, timeout=280
    )
    assert done.returncode == 0, done.stderr
    assert "accept" in done.stdout or ".png" in done.stdout, done.stdout
