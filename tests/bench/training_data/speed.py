"""Workers and memory of the local executor: `python -m tests.bench data_speed` on a quiet machine."""

from __future__ import annotations

import json
import os
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

from omniagent.shapes.videos.write import write_stills
from tests.bench.training_data.truth import Figure

_ITEMS = int(os.environ.get("ITEMS", "300"))
_GROWTH = 10


def compare() -> Iterator[Figure]:
    """One process against two, and what ten times the input does to memory; the load beside them tells their worth."""
    with tempfile.TemporaryDirectory() as folder:
        home = Path(folder)
        write_stills(home / "in", _ITEMS)
        loads = [os.getloadavg()[0]]
        one, cpu_one, _ = _built(home, "one", "--workers", "1")
        two, cpu_two, _ = _built(home, "two", "--workers", "2")
        loads.append(os.getloadavg()[0])
        yield Figure("two_workers_over_one", one / two, "x")
        yield Figure("cpu_of_two_over_one", cpu_two / cpu_one, "x")
        yield Figure("load_beside", max(loads) - 2, "processes")
        few, most = (_built(home, f"{number}", "--limit", str(number))[2] for number in (_ITEMS // _GROWTH, _ITEMS))
        yield Figure("memory_of_few", few, f"MB at {_ITEMS // _GROWTH} pictures")
        yield Figure("memory_over_ten_times_the_input", most / few, "x")


def _built(home: Path, out: str, *more: str) -> tuple[float, float, float]:
    """Seconds, CPU seconds and the peak of memory in MB of a build in a process of its own."""
    command = [sys.executable, "-c", _RUN, "data", "build", "inpaint-edit", "--preset", "shapes"]
    places = ["--in", str(home / "in"), "--out", str(home / out)]
    before, began = resource.getrusage(resource.RUSAGE_CHILDREN), time.monotonic()
    done = subprocess.run([*command, *places, *more], check=True, capture_output=True, text=True)
    took, after = time.monotonic() - began, resource.getrusage(resource.RUSAGE_CHILDREN)
    cpu = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    return took, cpu, json.loads(done.stdout.splitlines()[-1]) / 1024


_RUN = """
import resource, sys
from omniagent.cli.app import main
try:
    main()
finally:
    print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss)
"""
