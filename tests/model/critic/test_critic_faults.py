"""A critic's server that fails at random moments: every run ends in its typed outcome, in time, with its best."""

import os
import random
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx2
import pytest

from omniagent.agent import Agent
from omniagent.config import Config
from omniagent.model.critic.fallback import CircuitBreaker
from omniagent.model.critic.openai.critic import OpenAICritic
from omniagent.model.runtime import ModelRuntime
from omniagent.model.scripted import ScriptedCritic, ScriptedGenerator
from omniagent.runs.result import Result
from omniagent.tools.config import ToolConfig
from omniagent.tools.record.trace import CriticConsulted, RunStarted
from omniagent.tools.types import Budget
from tests.support.scripted_runs import LISTED, plan_draft, texts
from tests.support.stand_in_server import FAULTS, QUESTIONS, StandIn

pytestmark = pytest.mark.slow

RUNS = int(os.environ.get("OMNIAGENT_FAULT_RUNS", "80"))
"""Runs with a fault of their own; each costs about a second."""

SHARES = 8
QUICK = ToolConfig(critic_tries=2, backoff=0.01)
LASTING_OUTCOMES = {
    "killed": "CriticUnavailable",
    "hung": "CriticTimeout",
    "500": "CriticUnavailable",
    "503": "CriticUnavailable",
    "429": "CriticUnavailable",
    "429 for an hour": "CriticUnavailable",
    "cut": "CriticUnavailable",
    "invalid JSON": "CriticBadOutput",
    "no answer in it": "CriticBadOutput",
    "wrong model": "CriticUnavailable",
    "expired key": "CriticUnavailable",
}
NEVER_PASSES = ("killed", "hung", "429 for an hour")


@contextmanager
def critic_at(server: StandIn, *, timeout: float = 60.0) -> Iterator[OpenAICritic]:
    critic = OpenAICritic(server.url, timeout=timeout, retries=1, backoff=0.01, profile=LISTED)
    try:
        yield critic
    finally:
        server.held.set()
        critic.close()
        server.shutdown()
        server.server_close()


def agent_on(
    critic: OpenAICritic, runs: Path, *, limit: float = 240.0, stand_in: ScriptedCritic | None = None, breaks: int = 50
) -> Agent:
    runtime = ModelRuntime(
        ScriptedGenerator(), critic, stand_in=stand_in, breaker=CircuitBreaker(threshold=breaks, cool=0.0)
    )
    budget = Budget(max_rounds=4, candidates=1, time_limit=limit)
    return Agent(runtime=runtime, config=Config(tools=QUICK), budget=budget, runs_dir=runs)


def check(result: Result, fault: str, lasting: bool, reached: bool) -> None:
    if not reached or fault == "slow" or (not lasting and fault not in NEVER_PASSES):
        assert (result.stop_reason, result.accepted) == ("accepted", True)
    elif lasting or fault == "killed":
        assert (result.stop_reason, result.error) == ("critic_unavailable", LASTING_OUTCOMES[fault])
    else:
        # It goes by when it is asked again.
        assert result.stop_reason == "accepted"
    assert (result.best is not None) == bool(result.attempts)
    if result.best is not None:
        assert result.image is not None
    assert (result.folder / "report.html").is_file()


@pytest.mark.parametrize("share", range(SHARES))
def test_whatever_fails_and_whenever_the_run_ends_as_it_should(share: int, tmp_path: Path) -> None:
    for number in range(share, RUNS, SHARES):
        dice = random.Random(number)
        fault, at, lasting = dice.choice(FAULTS), dice.randrange(9), dice.random() < 0.6
        server = StandIn(fault=fault, at=at, lasting=lasting).start()
        # Long enough for a busy machine, except where waiting is the fault.
        timeout = 60.0 if fault != "hung" else 1.0 if lasting else 3.0
        with critic_at(server, timeout=timeout) as critic:
            result = agent_on(critic, tmp_path).run("a red circle", thread_id=f"run-{number}")
        check(result, fault, lasting, reached=server.chats > at)


@pytest.mark.parametrize("at", [0, 1, 4])
def test_a_server_that_hangs_past_the_runs_deadline_holds_nobody_up(at: int, tmp_path: Path) -> None:
    server = StandIn(fault="hung", at=at).start()
    # The client alone would wait longer than any test may take.
    with critic_at(server, timeout=3600.0) as critic:
        result = agent_on(critic, tmp_path, limit=2.0).run("a red circle")
    assert result.stop_reason == "time_limit"
    assert (result.best is None) == (at == 0)


def test_a_critic_whose_answers_have_another_shape_is_asked_again_and_ends_the_run_as_unavailable(
    tmp_path: Path,
) -> None:
    chats: list[str] = []

    def answer(request: httpx2.Request) -> httpx2.Response:
        if request.url.path.endswith("/models"):
            return httpx2.Response(200, json={"data": [{"id": "eye"}]})
        chats.append(request.url.path)
        return httpx2.Response(200, json={"choices": [{"message": None}]})

    critic = OpenAICritic("http://critic.test/v1", transport=httpx2.MockTransport(answer), profile=LISTED)
    result = agent_on(critic, tmp_path).run("a red circle")
    critic.close()
    assert (result.stop_reason, result.error) == ("critic_unavailable", "CriticBadOutput")
    assert len(chats) == QUICK.critic_tries


def test_a_run_goes_on_with_its_pictures_when_the_server_is_back(tmp_path: Path) -> None:
    server = StandIn(fault="killed", at=3).start()
    with critic_at(server) as critic:
        first = agent_on(critic, tmp_path).run("a red circle", thread_id="t")
    assert first.stop_reason == "critic_unavailable" and first.attempts
    server = StandIn(pictures_until_right=1).start()
    with critic_at(server) as critic:
        agent = agent_on(critic, tmp_path)
        second = agent.run("a red circle", thread_id="t")
    assert second.accepted
    assert second.attempts[: len(first.attempts)] == first.attempts
    assert [event.resumed for event in second.trace if isinstance(event, RunStarted)] == [False, True]


def test_another_critic_stands_in_and_the_trace_says_for_whom_and_why(tmp_path: Path) -> None:
    server = StandIn(fault="500", at=2).start()
    own = ScriptedCritic(texts=texts(plan_draft(questions=QUESTIONS)), model="own", profile=LISTED)
    with critic_at(server) as critic:
        result = agent_on(critic, tmp_path, stand_in=own, breaks=2).run("a red circle")
    assert result.accepted
    asked = [event for event in result.trace if isinstance(event, CriticConsulted)]
    assert (asked[0].backend, asked[0].critic, asked[0].stand_in_for) == ("openai", "eye", "")
    last = asked[-1]
    assert (last.backend, last.critic) == ("scripted", "own")
    assert last.stand_in_for.startswith("openai eye: CriticUnavailable") and "500" in last.stand_in_for
    assert sum(event.prompt_tokens for event in asked) == result.usage.prompt_tokens


def test_a_critic_that_is_down_is_not_asked_by_the_runs_that_follow(tmp_path: Path) -> None:
    server = StandIn(fault="503", at=0).start()
    own = ScriptedCritic(texts=texts(plan_draft(questions=QUESTIONS)), model="own", profile=LISTED)
    with critic_at(server) as critic:
        runtime = ModelRuntime(ScriptedGenerator(), critic, stand_in=own, breaker=CircuitBreaker(2, cool=1e6))
        agent = Agent(runtime=runtime, config=Config(tools=QUICK), runs_dir=tmp_path)
        assert agent.run("a red circle", seed=0).accepted
        asked = server.chats
        for seed in (1, 2):
            assert agent.run("a red circle", seed=seed).accepted
    assert server.chats == asked > 0
