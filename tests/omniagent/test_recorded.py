"""The bundled checkpoint is asked and decides as it was recorded; `python -m tests.recorded` records anew."""

import json
from pathlib import Path
from typing import Any

import pytest

from omniagent import Agent
from tests.recorded import prompts, runs
from tests.support.paths import ROOT

FOLDER = ROOT / "tests" / "recorded"


def recorded(name: str) -> dict[str, Any]:
    return json.loads((FOLDER / f"{name}.json").read_text())


@pytest.mark.slow
def test_the_bundled_critic_is_asked_what_it_was_trained_on(tmp_path: Path) -> None:
    known = recorded("prompts")
    assert len(known) >= 500
    made = {case.name: prompts.digest_of(case, tmp_path / case.name) for case in prompts.cases()}
    assert made.keys() == known.keys()
    assert [name for name in known if made[name] != known[name]] == []


@pytest.mark.bundled
@pytest.mark.usefixtures("one_thread")
@pytest.mark.parametrize("kind", [kind for kind, _ in runs.RUNS])
def test_seeded_runs_of_the_bundled_checkpoint_go_as_recorded(kind: str, tmp_path: Path) -> None:
    known = recorded("runs")
    agent = Agent(runs_dir=tmp_path)
    exact = known["machine"] == runs.machine()
    for seed, (name, task) in enumerate(runs.tasks()):
        # Every other run; `python -m tests.recorded runs` makes all, and a change shows in git.
        if name.startswith(kind) and seed % 2 == 0:
            told = runs.account(agent, task, tmp_path / name, seed)
            expected = known["runs"][name]
            if not exact:
                # Another processor rounds other sums: pictures and doubtful verdicts may differ, plans hardly.
                told, expected = {"plan": told["plan"]}, {"plan": expected["plan"]}
            assert told == expected, name
