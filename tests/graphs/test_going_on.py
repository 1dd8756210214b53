"""A run that was stopped and goes on makes the attempts and decisions of a run that nobody stopped."""

import hashlib
import tempfile
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image
from pydantic import BaseModel
from rich.console import Console

from omniagent import Budget, Result
from omniagent.agent import Agent
from omniagent.cli.progress.watcher import Watcher
from omniagent.config import Config
from omniagent.graphs.policy import LoopPolicy
from omniagent.model.errors import Cancelled
from omniagent.model.requests import GenerationRequest, Prompt
from omniagent.model.scripted import ScriptedCritic, ScriptedGenerator, Written, picture_for
from omniagent.tools.config import ToolConfig
from omniagent.tools.dialects.drafts import PlanDraft, RepairDraft
from omniagent.tools.record.trace import Planned, RunStarted
from omniagent.tools.types import Decision, Mode, Scope
from tests.support.chat import page_of, text_of
from tests.support.scripted_runs import LISTED, QUESTIONS, by_picture, plan_draft, scripted_agent, texts

pytestmark = pytest.mark.slow

HALF, POOR, GOOD = (0.97, 0.1, 0.97), (0.1, 0.1, 0.1), (0.97, 0.97, 0.97)
PROBABILITIES = (0.05, 0.5, 0.95, 0.97, 0.99)
TASKS: dict[Mode, tuple[str, int]] = {
    "generate": ("a red circle", 0),
    "edit": ("make it red", 1),
    "compose": ("both in one", 2),
}


def number(*words: object) -> int:
    return hashlib.sha256(repr(words).encode()).digest()[0]


class World:
    """Models whose answers depend on what they are asked alone, and which cancel the run at one of their calls."""

    def __init__(self, folder: Path, seed: int, mode: Mode, *, asks: bool = False) -> None:
        self.seed, self.mode, self.calls = seed, mode, 0
        self.stop_at: int | None = None
        self.rudely = False
        policy = LoopPolicy(
            ask=asks,
            patience=4,
            stack_edits=bool(number(seed, "stack") % 2),
            merge_modes=("generate",) if number(seed, "merge") % 2 else (),
        )
        self.agent = Agent(
            generator=ScriptedGenerator(self.draw),
            critic=ScriptedCritic(self.judge, self.write, profile=LISTED),
            config=Config(tools=ToolConfig(backoff=0), loop=policy),
            runs_dir=folder,
            on_question=lambda question: "the second one is red",
        )

    def run(self, name: str, rounds: int) -> Result:
        words, count = TASKS[self.mode]
        if self.agent.config.loop.ask:
            words += ", like image 5"
        pictures = [Image.new("RGB", (32, 32), (40 * one, 200, 10)) for one in range(count)]
        return self.agent.run(words, pictures, thread_id=name, seed=self.seed, budget=Budget(max_rounds=rounds))

    def draw(self, request: GenerationRequest) -> list[Image.Image]:
        self.count()
        return [picture_for(request.instruction, seed, (32, 32)) for seed in request.seeds]

    def judge(self, prompt: Prompt, question: str) -> float:
        pixels = next(part for part in prompt.parts if isinstance(part, Image.Image)).tobytes()
        index = next(index for index, known in enumerate(QUESTIONS) if known in question)
        if index == 0:
            self.count()
        p = PROBABILITIES[number(self.seed, pixels, index) % len(PROBABILITIES)]
        return 1 - p if "Is the answer to this no?" in question else p

    def write(self, prompt: Prompt, schema: type[BaseModel] | None) -> Written:
        self.count()
        said = " ".join(part for part in prompt.parts if isinstance(part, str))
        if schema is PlanDraft:
            return plan_draft(self.mode, instruction=f"draw it {number(said)}")
        if schema is RepairDraft:
            look = number(self.seed, *(part.tobytes() for part in prompt.parts if isinstance(part, Image.Image)))
            scope: Scope = "global" if look % 4 == 0 else "local"
            return RepairDraft(instruction=f"mend {look}", scope=scope, seen="something")
        return "two"

    def count(self) -> None:
        self.calls += 1
        if self.calls == self.stop_at:
            self.agent.cancel()
            if self.rudely:
                raise Cancelled("the work was cancelled on request")


def tries(result: Result) -> list[Decision]:
    """The decisions but those that only say why the run stopped for a while."""
    pauses = ("cancelled", "round_limit")
    last = result.decisions[-1:]
    return [one for one in result.decisions[:-1] if one.stop not in pauses] + list(last)


@settings(max_examples=25, deadline=None, derandomize=True)
@given(
    seed=st.integers(0, 500),
    mode=st.sampled_from(sorted(TASKS)),
    at=st.integers(1, 40),
    rudely=st.booleans(),
    asks=st.booleans(),
)
def test_a_run_cancelled_at_any_call_goes_on_as_if_nobody_had(
    seed: int, mode: Mode, at: int, rudely: bool, asks: bool
) -> None:
    with tempfile.TemporaryDirectory() as folder:
        world = World(Path(folder), seed, mode, asks=asks)
        whole = world.run("whole", 5)
        world.stop_at, world.rudely = world.calls + 1 + (at - 1) % world.calls, rudely
        stopped = world.run("broken", 5)
        broken = world.run("broken", 5)
        assert broken.attempts == whole.attempts
        if stopped.stop_reason == "cancelled":
            assert tries(broken) == tries(whole)
            assert broken.critiques == whole.critiques
        assert broken.stop_reason == whole.stop_reason


@settings(max_examples=12, deadline=None, derandomize=True)
@given(seed=st.integers(0, 500), mode=st.sampled_from(sorted(TASKS)), limits=st.sets(st.integers(1, 5), min_size=1))
def test_a_run_stopped_at_any_round_limits_goes_on_as_if_there_were_none(
    seed: int, mode: Mode, limits: set[int]
) -> None:
    with tempfile.TemporaryDirectory() as folder:
        world = World(Path(folder), seed, mode)
        whole = world.run("whole", 6)
        for limit in (*sorted(limits), 6):
            broken = world.run("broken", limit)
        assert broken.attempts == whole.attempts
        assert tries(broken) == tries(whole)


def test_a_run_stopped_by_its_round_limit_goes_on_with_the_repair(tmp_path: Path) -> None:
    agent = scripted_agent(tmp_path, by_picture(HALF, GOOD))
    assert agent.run("a red circle", thread_id="t", budget=Budget(max_rounds=1)).stop_reason == "round_limit"
    result = agent.run("a red circle", thread_id="t", budget=Budget(max_rounds=4))
    assert [decision.action for decision in result.decisions] == ["stop", "edit", "accept"]


def test_every_frontend_knows_the_questions_of_a_run_that_goes_on(tmp_path: Path) -> None:
    agent = scripted_agent(tmp_path, by_picture(POOR, HALF), texts(scope="global"))
    assert agent.run("a red circle", thread_id="t", budget=Budget(max_rounds=1)).stop_reason == "round_limit"
    stream = agent.stream("a red circle", thread_id="t", budget=Budget(max_rounds=2))
    console = Console(record=True, width=200, file=(tmp_path / "lines").open("w"))
    watcher, events = Watcher(console), list(stream)
    for event in events:
        watcher.show(event)
    lines = console.export_text()
    console.file.close()
    assert f"✗ {QUESTIONS[1]} (0.10)" in lines and "✗ r" not in lines
    shown = text_of(page_of(events))
    assert f"✗ {QUESTIONS[1]} 0.10" in shown and "✗ r2" not in shown
    started, planned = events[:2]
    assert isinstance(started, RunStarted) and started.resumed and isinstance(planned, Planned)
    # What is told again is written once.
    trace = Result.load(tmp_path / "t").trace
    assert sum(isinstance(event, Planned) for event in trace) == 1
