"""A run that was stopped, killed or ended goes on under its thread's name, and does nothing twice."""

import signal
import sqlite3
import subprocess
import sys
from pathlib import Path

import pytest

from omniagent import Budget, Result, ScriptedCritic, ScriptedGenerator
from omniagent.model.errors import (
    BadSetting,
    CriticUnavailable,
)
from omniagent.tools.record.trace import RunEnded
from tests.support.paths import ROOT
from tests.support.scripted_runs import LISTED, by_picture, scripted_agent, texts

HALF, GOOD, POOR = (0.97, 0.1, 0.97), (0.97, 0.97, 0.97), (0.1, 0.1, 0.1)


def test_a_finished_thread_gives_its_result_again_without_drawing(tmp_path: Path):
    generator = ScriptedGenerator()
    agent = scripted_agent(tmp_path, generator=generator)
    assert agent.run("a circle", thread_id="t") == agent.run("a circle", thread_id="t")
    assert len(generator.calls) == 1


def test_a_thread_takes_no_other_task(tmp_path: Path):
    agent = scripted_agent(tmp_path)
    agent.run("a circle", thread_id="t")
    before = Result.load(tmp_path / "t").trace
    with pytest.raises(BadSetting, match="already works on 'a circle'"):
        agent.run("a star", thread_id="t")
    assert Result.load(tmp_path / "t").trace == before
    assert Result.load(tmp_path / "t").accepted


def test_a_larger_budget_lets_a_thread_go_on(tmp_path: Path):
    agent = scripted_agent(tmp_path, by_picture(POOR, POOR, GOOD), texts(scope="global"))
    assert agent.run("a circle", thread_id="t", budget=Budget(max_rounds=1)).stop_reason == "round_limit"
    more = agent.run("a circle", thread_id="t", budget=Budget(max_rounds=4))
    assert more.accepted and len(more.attempts) == 3


def test_a_run_goes_on_when_its_critic_is_back(tmp_path: Path):
    critic = ScriptedCritic(
        None, texts(), errors={number: CriticUnavailable("down") for number in (1, 2, 3)}, profile=LISTED
    )
    generator = ScriptedGenerator()
    agent = scripted_agent(tmp_path, generator=generator, critic=critic)
    assert agent.run("a circle", thread_id="t").stop_reason == "critic_unavailable"
    assert agent.run("a circle", thread_id="t").accepted
    assert len(generator.calls) == 1


KILLED = """
import os, signal, sys
from pathlib import Path
from PIL import Image
from omniagent import Agent, ScriptedCritic, ScriptedGenerator
from omniagent.model.scripted import picture_for
from tests.support.scripted_runs import by_picture, scripted_agent, texts

folder, log, fatal = Path(sys.argv[1]), Path(sys.argv[2]), sys.argv[3]

def drawn(request):
    with log.open("a") as file:
        file.write(f"{request.instruction}|{request.seeds}\\n")
    if fatal == f"draw{len(log.read_text().splitlines())}":
        os.kill(os.getpid(), signal.SIGKILL)
    return [picture_for(request.instruction, seed) for seed in request.seeds]

looks = []
judge = by_picture((0.1, 0.1, 0.1), (0.1, 0.1, 0.97), (0.1, 0.97, 0.97), (0.97, 0.97, 0.97))

def verdict(prompt, question):
    looks.append(question)
    if fatal == f"look{len(looks)}":
        os.kill(os.getpid(), signal.SIGKILL)
    return judge(prompt, question)

agent = scripted_agent(folder, verdict, texts(scope="global"), generator=ScriptedGenerator(drawn))
result = agent.run("a red circle", thread_id="t")
print(result.stop_reason, len(result.attempts))
"""


@pytest.mark.slow
@pytest.mark.parametrize("fatal", ["look1", "look5", "draw2"])
def test_a_killed_run_goes_on_without_drawing_anything_twice(tmp_path: Path, fatal: str):
    log = tmp_path / "log"

    def run(fatal: str) -> subprocess.CompletedProcess[str]:
        command = [sys.executable, "-c", KILLED, str(tmp_path / "runs"), str(log), fatal]
        return subprocess.run(command, capture_output=True, text=True, check=False, cwd=ROOT)

    assert run(fatal).returncode == -signal.SIGKILL
    before = log.read_text().splitlines()
    unfinished = before[-1:] if fatal.startswith("draw") else []
    done = run("never")
    assert done.returncode == 0, done.stderr
    drawn = log.read_text().splitlines()
    finished = [line for line in drawn if line not in unfinished]
    assert len(finished) == len(set(finished))
    result = Result.load(tmp_path / "runs" / "t")
    assert [event.sequence for event in result.trace] == list(range(1, len(result.trace) + 1))
    assert [type(event) for event in result.trace].count(RunEnded) == 1


def test_checkpoints_do_not_grow_with_the_pictures(tmp_path: Path):
    sizes: list[int] = []
    for side in (16, 1024):
        generator = ScriptedGenerator(size=(side, side))
        scripted_agent(tmp_path, by_picture(POOR, GOOD), generator=generator).run("a circle", thread_id=f"t{side}")
        with sqlite3.connect(tmp_path / f"t{side}" / "checkpoint.sqlite") as file:
            sizes.append(file.execute("SELECT SUM(LENGTH(checkpoint)) FROM checkpoints").fetchone()[0])
    assert sizes[1] < sizes[0] * 1.1
