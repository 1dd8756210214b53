"""Every run ends within its caps, with one reason and its best picture, whatever the models do."""

from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from PIL import Image
from pydantic import BaseModel

from omniagent.agent import Agent
from omniagent.graphs.history import critique_of
from omniagent.graphs.leading import best_of, merit
from omniagent.graphs.state import AgentState, StateUpdate
from omniagent.model.errors import (
    Cancelled,
    CriticBadOutput,
    CriticTimeout,
    CriticUnavailable,
    GenerationFailed,
    OutOfMemory,
)
from omniagent.model.profile import GeneratorProfile
from omniagent.model.requests import GenerationRequest, Prompt
from omniagent.model.scripted import ScriptedCritic, ScriptedGenerator, Written
from omniagent.tools.record.trace import AttemptMade, Decided, RunEnded
from omniagent.tools.types import Budget, Mode
from tests.support.scripted_runs import LISTED, plan_draft, scripted_agent, texts


def test_every_key_that_nodes_return_is_a_key_of_the_state():
    assert set(StateUpdate.__annotations__) <= set(AgentState.model_fields)


def test_a_cap_on_critic_calls_holds_through_retries_and_second_opinions(tmp_path: Path):
    critic = ScriptedCritic(lambda prompt, question: 0.5, texts(), errors={1: CriticTimeout("slow")}, profile=LISTED)
    result = scripted_agent(tmp_path, critic=critic, budget=Budget(max_critic_calls=4)).run("a red circle")
    assert result.stop_reason == "critic_unavailable"
    assert len(critic.calls) == 4


FAULTS: list[Any] = [CriticUnavailable("x"), CriticTimeout("x"), CriticBadOutput("x"), Cancelled("x"), None, None, None]
DRAWING_FAULTS: list[Any] = [
    OutOfMemory("x"),
    GenerationFailed("x"),
    Cancelled("x"),
    None,
    None,
    None,
    None,
    None,
    None,
]


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
def test_every_run_ends_within_its_caps_with_one_reason_and_its_best_picture(
    data: st.DataObject, tmp_path_factory: pytest.TempPathFactory
):
    mode: Mode = data.draw(st.sampled_from(["generate", "edit", "compose", "answer", "refuse"]))
    budget = Budget(
        max_rounds=data.draw(st.integers(1, 6)),
        max_images=data.draw(st.integers(1, 9)),
        max_critic_calls=data.draw(st.integers(1, 30)),
        candidates=data.draw(st.integers(1, 3)),
        max_depth=data.draw(st.integers(0, 3)),
    )
    rng = data.draw(st.randoms(use_true_random=False))
    agent: Agent
    running: list[Agent] = []

    def drawn(request: GenerationRequest) -> Any:
        if rng.random() < 0.05:
            running[0].cancel()
        fault = rng.choice(DRAWING_FAULTS)
        if fault is not None and rng.random() < 0.3:
            return fault
        shades = [rng.choice([request.seeds[0] % 256, 7]) for _ in request.seeds]
        return [Image.new("RGB", (16, 16), (shade, shade, 255 - shade)) for shade in shades]

    def verdict(prompt: Prompt, question: str) -> float:
        fault = rng.choice(FAULTS)
        if fault is not None and rng.random() < 0.1:
            raise fault
        return rng.choice([0.05, 0.3, 0.5, 0.7, 0.95])

    def written(prompt: Prompt, schema: type[BaseModel] | None) -> Written:
        if rng.random() < 0.05:
            return "nonsense"
        return texts(plan_draft(mode), scope=rng.choice(["local", "local", "global"]))(prompt, schema)

    agent = scripted_agent(
        tmp_path_factory.mktemp("run"),
        verdict,
        written,
        generator=ScriptedGenerator(drawn, profile=GeneratorProfile(domain="circles" if rng.random() < 0.5 else None)),
        budget=budget,
    )
    running.append(agent)
    result = agent.run("a red circle", [Image.new("RGB", (16, 16))])

    assert len(result.attempts) <= budget.max_images
    assert result.usage.rounds <= budget.max_rounds
    assert result.usage.critic_calls <= budget.max_critic_calls
    assert all(one.depth <= max(1, budget.max_depth) for one in result.attempts)
    ends = [event for event in result.trace if isinstance(event, RunEnded)]
    assert [one.stop_reason for one in ends] == [result.stop_reason]
    assert [decision.stop for decision in result.decisions[:-1]] == [None] * (len(result.decisions) - 1)
    assert result.decisions[-1].stop == result.stop_reason
    held = result.answer is not None or (result.critique is not None and result.critique.accepted)
    assert result.accepted == (result.stop_reason == "accepted")
    # An edit whose given picture could not be judged, or holds it all too, is not accepted (rule 9).
    # A plan that cannot be read, or refuses what can be drawn, edits the one picture that was given.
    read = None if result.plan is None else result.plan.mode
    assert read in (None, mode, "edit")
    assert result.accepted == held or (held and read == "edit")
    made = [event.attempt for event in result.trace if isinstance(event, AttemptMade)]
    assert tuple(made) == result.attempts
    assert sum(isinstance(event, Decided) for event in result.trace) == len(result.decisions)
    state = AgentState(
        task=result.task,
        plan=result.plan,
        attempts=result.attempts,
        critiques=result.critiques,
        decisions=result.decisions,
    )
    assert result.best == best_of(state)
    first = result.critique_of("a1")
    if result.best is not None and first is not None:
        best = critique_of(state, result.best)
        assert best is not None and best.passed >= first.passed and merit(best) >= merit(first)
