"""Drawing ahead: the same run, with the generator at work while the critic looks, and nothing left running after it."""

import threading
from pathlib import Path

import pytest

from omniagent.agent import Agent
from omniagent.config import Config
from omniagent.graphs.policy import LoopPolicy
from omniagent.model.errors import CriticUnavailable, GenerationFailed
from omniagent.model.requests import Prompt
from omniagent.model.runtime import ModelRuntime
from omniagent.model.scripted import ScriptedCritic, ScriptedGenerator
from omniagent.tools.config import ToolConfig
from omniagent.tools.types import Budget
from tests.support.scripted_runs import LISTED, by_picture, texts

GOOD, POOR = (0.97, 0.97, 0.97), (0.1, 0.1, 0.1)
BUDGET = Budget(max_rounds=3, candidates=1)


def agent(folder: Path, critic: ScriptedCritic, generator: ScriptedGenerator, *, ahead: bool = True) -> Agent:
    config = Config(tools=ToolConfig(backoff=0), loop=LoopPolicy(draw_ahead=ahead))
    return Agent(generator=generator, critic=critic, config=config, budget=BUDGET, runs_dir=folder)


class Waiting:
    """Answers poorly, and only once the generator is at work on the next picture, as far as one may follow."""

    def __init__(self, generator: ScriptedGenerator, rounds: int) -> None:
        self._generator = generator
        self._rounds = rounds
        self._pictures: list[bytes] = []
        self.overlapped = 0

    def __call__(self, prompt: Prompt, question: str) -> float:
        pixels = next(part.tobytes() for part in prompt.parts if not isinstance(part, str))
        if pixels not in self._pictures:
            self._pictures.append(pixels)
            if len(self._pictures) < self._rounds:
                patience = threading.Event()
                for _ in range(2000):
                    if len(self._generator.calls) > len(self._pictures):
                        self.overlapped += 1
                        break
                    patience.wait(0.005)
        return 0.1


def test_the_next_picture_is_drawn_while_the_critic_still_looks(tmp_path: Path):
    generator = ScriptedGenerator()
    judge = Waiting(generator, rounds=BUDGET.max_rounds)
    result = agent(tmp_path, ScriptedCritic(judge, texts(scope="global"), profile=LISTED), generator).run(
        "a red circle"
    )
    assert result.stop_reason == "round_limit"
    assert judge.overlapped == 2
    assert len(generator.calls) == len(result.attempts) == result.usage.images == 3


def test_the_run_is_the_same_as_without(tmp_path: Path):
    def run(ahead: bool) -> list[tuple[str, int]]:
        critic = ScriptedCritic(by_picture(POOR, POOR, GOOD), texts(scope="global"), profile=LISTED)
        result = agent(tmp_path / str(ahead), critic, ScriptedGenerator(), ahead=ahead).run("a red circle")
        return [(one.image.sha256, one.seed) for one in result.attempts]

    assert run(True) == run(False)


def test_what_was_drawn_in_vain_is_dropped_and_counted(tmp_path: Path):
    gate = threading.Event()
    gate.set()
    generator = ScriptedGenerator(gate=gate)

    def judge(prompt: Prompt, question: str) -> float:
        gate.clear()
        return 0.97

    result = agent(tmp_path, ScriptedCritic(judge, texts(), profile=LISTED), generator).run("a red circle")
    assert (result.stop_reason, len(result.attempts)) == ("accepted", 1)
    assert not [thread for thread in threading.enumerate() if thread.name == "draw-ahead"]
    assert result.usage.images in (1, 2)


@pytest.mark.parametrize("error", [CriticUnavailable("gone"), GenerationFailed("nan")])
def test_a_fault_leaves_nothing_running(tmp_path: Path, error: Exception):
    broken = isinstance(error, GenerationFailed)
    generator = ScriptedGenerator(errors={1: error} if broken else None)
    critic = ScriptedCritic(
        by_picture(POOR),
        texts(scope="global"),
        errors=None if broken else dict.fromkeys((1, 2, 3), error),
        profile=LISTED,
    )
    result = agent(tmp_path, critic, generator).run("a red circle")
    assert result.stop_reason == ("round_limit" if broken else "critic_unavailable")
    assert result.best is not None
    assert not [thread for thread in threading.enumerate() if thread.name == "draw-ahead"]


def test_a_critic_on_the_generators_device_is_not_made_to_wait(tmp_path: Path):
    class Here(ScriptedGenerator):
        device = "cpu"

    class There(ScriptedCritic):
        device = "cpu"

    assert not ModelRuntime(Here(), There()).overlaps
    assert ModelRuntime(Here(), ScriptedCritic(profile=LISTED)).overlaps
    generator = Here()
    result = agent(tmp_path, There(by_picture(GOOD), texts(), profile=LISTED), generator).run("a red circle")
    assert result.accepted and len(generator.calls) == 1
