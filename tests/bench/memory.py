"""Memory of the mid-size edit, drawn in a thread as a runtime draws: `python -m tests.bench.memory exact|reference|…`.

Prints the peak in MiB and the page faults of the last step; under `MALLOC_TOP_PAD_=131072`, which is the allocator's
own setting, those of memory that is not kept.
"""

from __future__ import annotations

import resource
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor

import torch

from omniagent.model.denoising.optimizations import Computation
from omniagent.model.device import keep_freed_memory
from tests.bench.midsize import EDIT, Prepared, midsize


def peak_of(name: str) -> float:
    """The peak of a process that draws two steps in the way of that name, in MiB."""
    command = [sys.executable, "-m", "tests.bench.memory", name]
    return float(subprocess.run(command, capture_output=True, text=True, check=True).stdout.split()[0])


def main(name: str) -> None:
    """Draw three steps here and print the peak of this process, and the page faults of the last."""
    keep_freed_memory()
    torch.set_num_threads(1)
    with ThreadPoolExecutor(1) as drawing:
        faults = drawing.submit(_draw, name).result()
    print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024, faults)


@torch.no_grad()
def _draw(name: str) -> int:
    prepared = Prepared(midsize(), EDIT)
    denoising = prepared.start(prepared.texts(), Computation.named(name))
    before = 0
    for _ in range(3):
        before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
        denoising.step()
    return resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before


if __name__ == "__main__":
    main(sys.argv[1])
