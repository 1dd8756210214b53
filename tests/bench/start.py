"""What a start takes: `omniagent run "a red circle"` in processes of its own, with lean and whole imports in turn."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory

from omniagent.model.imports.libraries import VARIABLE
from tests.bench.timing import Spread

RUNS = 5
WAYS = {"start": "1", "start_whole_imports": "0"}


def compare() -> Iterator[tuple[str, Spread, str]]:
    """Seconds of the clock to the first line, to the first picture and to the end of the process.

    One run of each way goes before the measured ones, so that files are in memory and bytecode is written.
    """
    found: dict[str, dict[str, list[float]]] = {name: {} for name in WAYS}
    for run in range(RUNS + 1):
        for name, lean in WAYS.items():
            for moment, seconds in _moments(lean).items():
                if run:
                    found[name].setdefault(moment, []).append(seconds)
    for name, moments in found.items():
        for moment, each in moments.items():
            yield f"{name}_{moment}", Spread.of(each), "s"


def _moments(lean: str) -> dict[str, float]:
    environment = {**os.environ, VARIABLE: lean, "PYTHONDONTWRITEBYTECODE": ""}
    moments: dict[str, float] = {}
    with TemporaryDirectory() as folder:
        words = [sys.executable, "-m", "omniagent.cli", "run", "a red circle", "--out", str(Path(folder) / "run")]
        begin = time.perf_counter()
        with subprocess.Popen(
            words, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True, env=environment
        ) as process:
            assert process.stderr is not None
            for line in process.stderr:
                moments.setdefault("first_line", time.perf_counter() - begin)
                if line.startswith("drew "):
                    moments.setdefault("picture", time.perf_counter() - begin)
        moments["end"] = time.perf_counter() - begin
    if process.returncode != 0:
        raise RuntimeError(f"the run ended with exit code {process.returncode}; run it by hand: {' '.join(words)}")
    return moments
