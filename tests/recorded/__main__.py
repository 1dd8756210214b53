"""Record anew: `python -m tests.recorded prompts runs`. Say in the commit why the old record is no longer right."""

import json
import sys
import tempfile
from pathlib import Path

import torch

from omniagent import Agent
from tests.recorded import prompts, runs

FOLDER = Path(__file__).parent


def main() -> None:
    """Write the records that the command line names."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        if "prompts" in sys.argv:
            made = {case.name: prompts.digest_of(case, folder / case.name) for case in prompts.cases()}
            _write("prompts", made)
        if "runs" in sys.argv:
            torch.set_num_threads(1)
            agent = Agent(runs_dir=folder)
            told = {
                name: runs.account(agent, task, folder / name, seed) for seed, (name, task) in enumerate(runs.tasks())
            }
            _write("runs", {"machine": runs.machine(), "runs": told})


def _write(name: str, value: object) -> None:
    (FOLDER / f"{name}.json").write_text(json.dumps(value, indent=1, ensure_ascii=True) + "\n")


if __name__ == "__main__":
    main()
