"""`python -m tests.bench [NAME]…`: the figures of the benchmarks named, or of all; exit code 2 on an unknown name."""

from __future__ import annotations

import os
import sys

import torch

from tests.bench.figures import BENCHMARKS, ONLY_NAMED


def main(names: list[str]) -> int:
    """Print one line for each figure as it is found."""
    if unknown := [name for name in names if name not in BENCHMARKS]:
        print(f"unknown benchmark {unknown[0]!r}; there are {', '.join(BENCHMARKS)}", file=sys.stderr)
        return 2
    torch.set_num_threads(int(os.environ.get("OMP_NUM_THREADS", "1")))
    for name in names or [name for name in BENCHMARKS if name not in ONLY_NAMED]:
        for line in BENCHMARKS[name]():
            print(line, flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
