"""`python -m tests.bench [NAME]…`: the figures of the benchmarks named, or of all.

Exit codes: 2 on an unknown name, 1 where a gate was missed.
"""

from __future__ import annotations

import os
import platform
import sys
from pathlib import Path

import torch

from omniagent.model.device import keep_freed_memory
from tests.bench.figures import BENCHMARKS, ONLY_NAMED
from tests.bench.gates import MISSED


def processor() -> str:
    """The processor's name and the instructions that torch uses on it."""
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        lines = []
    names = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    name = names[0] if names else platform.processor() or "unknown processor"
    return f"{name} ({torch.backends.cpu.get_cpu_capability()})"


def main(names: list[str]) -> int:
    """Print one line for each figure as it is found."""
    if unknown := [name for name in names if name not in BENCHMARKS]:
        print(f"unknown benchmark {unknown[0]!r}; there are {', '.join(BENCHMARKS)}", file=sys.stderr)
        return 2
    torch.set_num_threads(int(os.environ.get("OMP_NUM_THREADS", "1")))
    # For all ways alike: page faults alone move a step by up to a fifth.
    kept = "kept" if keep_freed_memory() else "given back"
    print(f"# {processor()}, {torch.get_num_threads()} threads, torch {torch.__version__}, freed memory {kept}")
    missed = False
    for name in names or [name for name in BENCHMARKS if name not in ONLY_NAMED]:
        for line in BENCHMARKS[name]():
            print(line, flush=True)
            missed = missed or str(line).startswith(MISSED)
    return int(missed)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
