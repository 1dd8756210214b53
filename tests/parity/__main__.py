"""`python -m tests.parity DIR [KIND]…`: one line for each case, exit code 1 if any is a miss, 2 on bad usage."""

from __future__ import annotations

import sys
from pathlib import Path

import torch

from tests.parity.runner import run


def main(arguments: list[str]) -> int:
    """Run the folder named first, limited to the kinds named after it."""
    if not arguments or not (Path(arguments[0]) / "manifest.json").is_file():
        print("usage: python -m tests.parity DIR [KIND]…   (DIR holds manifest.json)", file=sys.stderr)
        return 2
    torch.set_num_threads(1)
    ok = True
    for verdict in run(Path(arguments[0]), frozenset(arguments[1:]) or None):
        print(verdict, flush=True)
        ok = ok and verdict.ok
    return 0 if ok else 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
