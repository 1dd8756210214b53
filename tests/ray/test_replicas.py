"""Two processes that draw behind one address, on the bundled checkpoint: `make test-ray`."""

import os
import signal
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path
from typing import Any

import openai
import psutil
import pytest

from omniagent.agent import Agent
from omniagent.config import Config
from omniagent.http.desk.ray_engine import RayEngine
from tests.support.children import children_named
from tests.support.http_server import Served, serving

# Ray warns of its own code.
pytestmark = pytest.mark.filterwarnings("default")
TASK = "a red circle on a white background"


@pytest.fixture(scope="module")
def replicated(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    config = Config(runs_dir=tmp_path_factory.mktemp("runs"))
    engine = RayEngine(partial(Agent, config=config), config.runs_dir, replicas=2, gpus=0, at_once=2)
    with serving(Agent(config=config), engine=engine, workers=4, queue=16, runs_per_key=16) as served:
        yield served


def replicas() -> list[psutil.Process]:
    """The processes of the replicas."""
    return children_named("Replica")


def drawn(served: Served, seed: int) -> dict[str, Any]:
    # The first one waits for both replicas to load.
    client = served.openai().with_options(timeout=900)
    reply = client.images.generate(prompt=TASK, extra_body={"seed": seed, "max_rounds": 1})
    assert reply.data
    return reply.data[0].model_dump()


def test_both_replicas_draw_and_give_what_one_process_gives(replicated: Served, tmp_path: Path):
    with ThreadPoolExecutor(6) as callers:
        made = list(callers.map(partial(drawn, replicated), range(6)))
    assert len(replicas()) == 2
    alone = Agent(config=Config(runs_dir=tmp_path)).run(TASK, seed=3, mode=None)
    home = replicated.service.folders.home / "alice"
    first = (home / made[3]["run_id"] / "images" / f"{alone.attempts[0].image.sha256}.png").exists()
    assert first and all(one["width"] == 128 for one in made)


def test_a_run_is_cancelled_wherever_it_is_at_work(replicated: Served):
    client = replicated.http()
    run_id = client.post("/v1/runs", json={"task": "a small red circle inside a large blue ring"}).json()["id"]
    with client.stream("GET", f"/v1/runs/{run_id}/events") as events:
        for line in events.iter_lines():
            if line == "event: planned":
                client.post(f"/v1/runs/{run_id}/cancel")
    assert client.get(f"/v1/runs/{run_id}").json()["stop_reason"] in ("cancelled", "accepted")


def test_wrong_requests_and_errors_of_replicas_come_back_as_their_own_types(replicated: Served):
    with pytest.raises(openai.BadRequestError) as caught:
        replicated.openai().images.generate(prompt="the parliament of owls at dawn")
    assert caught.value.code == "task_refused"


def test_a_run_whose_replica_is_killed_goes_on_in_another(replicated: Served):
    client = replicated.http()
    run_id = client.post("/v1/runs", json={"task": "three small red circles above a large blue square"}).json()["id"]
    killed = False
    with client.stream("GET", f"/v1/runs/{run_id}/events") as events:
        for line in events.iter_lines():
            if line == "event: planned" and not killed:
                killed = True
                for one in replicas():
                    os.kill(one.pid, signal.SIGKILL)
    run = client.get(f"/v1/runs/{run_id}").json()
    assert killed and run["status"] in ("accepted", "best_effort", "unchecked") and run["best"]
