"""Peak memory of the mid-size edit: `python -m tests.bench.memory reference|exact|exact-NAME`, in MiB."""

from __future__ import annotations

import resource
import subprocess
import sys

import torch

from omniagent.model.denoising.optimizations import Computation
from omniagent.model.device import keep_freed_memory
from tests.bench.midsize import EDIT, Prepared, midsize


def peak_of(name: str) -> float:
    """The peak of a process that draws two steps in the way of that name, in MiB."""
    command = [sys.executable, "-m", "tests.bench.memory", name]
    return float(subprocess.run(command, capture_output=True, text=True, check=True).stdout)


def main(name: str) -> None:
    """Draw two steps here and print the peak of this process."""
    keep_freed_memory()
    torch.set_num_threads(1)
    with torch.no_grad():
        prepared = Prepared(midsize(), EDIT)
        denoising = prepared.start(prepared.texts(), Computation.named(name))
        for _ in range(2):
            denoising.step()
    print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024)


if __name__ == "__main__":
    main(sys.argv[1])
