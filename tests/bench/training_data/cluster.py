"""A build by the ray executor whose driver is killed, then gone on with: `python -m tests.bench data_ray`."""

from __future__ import annotations

import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import psutil

from omniagent.shapes.videos.write import write_stills
from tests.bench.training_data.truth import Figure

_ITEMS = 8
_KEPT = 5
"""Entries of the ledger at which the driver is killed."""


def compare() -> Iterator[Figure]:
    """What is left of the cluster, whether finished stages stayed, and whether the records are those of one process."""
    with tempfile.TemporaryDirectory() as folder:
        home = Path(folder)
        write_stills(home / "in", _ITEMS)
        driver = subprocess.Popen(_command(home, "ray", "ray"), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        while len(kept := _ledger(home / "ray")) < _KEPT and driver.poll() is None:
            time.sleep(0.05)
        below = psutil.Process(driver.pid).children(recursive=True)
        driver.kill()
        driver.wait()
        _, alive = psutil.wait_procs(below, timeout=120)
        yield Figure("processes_left_after_the_driver", len(alive), f"of {len(below)}")
        kept = _ledger(home / "ray")
        subprocess.run(_command(home, "ray", "ray"), check=True, capture_output=True)
        now = _ledger(home / "ray")
        yield Figure("finished_stages_kept", sum(now.get(path) == at for path, at in kept.items()), f"of {len(kept)}")
        subprocess.run(_command(home, "local", "local"), check=True, capture_output=True)
        same = _records(home / "ray") == _records(home / "local")
        yield Figure("records_as_of_one_process", 100 * same, "%")


def _command(home: Path, executor: str, out: str) -> list[str]:
    words = ["data", "build", "inpaint-edit", "--preset", "shapes", "--set", "holes.tries=1"]
    places = ["--in", str(home / "in"), "--out", str(home / out), "--executor", executor]
    return [sys.executable, "-m", "omniagent.cli", *words, *places]


def _ledger(out: Path) -> dict[Path, int]:
    return {path: path.stat().st_mtime_ns for path in (out / "ledger").rglob("*.json")}


def _records(out: Path) -> bytes:
    return (out / "train" / "1-of-1.jsonl").read_bytes()
