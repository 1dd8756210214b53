"""Runs in a process beside the server's: what happens there comes back, and its death costs no other run."""

import asyncio
import os
import signal
from collections.abc import Generator, Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path

import httpx2
import openai
import psutil
import pytest

from omniagent.http.desk.order import RunOrder
from omniagent.http.desk.process.engine import ProcessEngine
from omniagent.http.desk.process.turns import Turns
from omniagent.model.errors import BadSetting, HardFailure, HubUnreachable
from omniagent.tools.types import Budget
from tests.support.http_server import Served, serving
from tests.support.worker_agents import FATAL, PIPE, TOO_LARGE, WAITING, by_seed, unreachable

TASK = "a red circle on a white background"


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("apart")
    os.mkfifo(folder / PIPE)
    return folder


@pytest.fixture(scope="module")
def engine(home: Path) -> ProcessEngine:
    return ProcessEngine(partial(by_seed, home))


@pytest.fixture(scope="module")
def apart(engine: ProcessEngine, home: Path) -> Iterator[Served]:
    """A server whose runs are at work in another process; that ends with it."""
    with serving(by_seed(home), engine=engine, workers=4) as served:
        assert served.openai().images.generate(prompt=TASK, extra_body={"seed": 1}).data
        pid = engine.pid
        assert pid is not None and pid != os.getpid() and psutil.Process(pid).ppid() == os.getpid()
        yield served
        last = engine.pid
        assert last is not None
    assert not psutil.pid_exists(last) and not engine.ready


def begun(client: httpx2.Client, seed: int) -> str:
    answer = client.post("/v1/runs", json={"task": TASK, "seed": seed})
    assert answer.status_code == 201, answer.text
    return answer.json()["id"]


def names(client: httpx2.Client, run_id: str, until: str = "", times: int = 1) -> list[str]:
    """The names of a run's events, up to the so-manieth of that name."""
    told: list[str] = []
    with client.stream("GET", f"/v1/runs/{run_id}/events") as answer:
        for line in answer.iter_lines():
            if line.startswith("event: "):
                told.append(line.removeprefix("event: "))
                if told.count(until) == times:
                    break
    return told


@contextmanager
def drawing_waits(served: Served) -> Generator[None]:
    """Waits until a picture waits at the pipe, and lets it go on after."""
    end = os.open(served.service.folders.home / PIPE, os.O_WRONLY)
    try:
        yield
    finally:
        os.close(end)


@pytest.mark.slow
def test_a_run_that_kills_its_process_ends_by_a_typed_error_and_takes_no_other_with_it(
    apart: Served, engine: ProcessEngine
):
    client, before = apart.http(), engine.pid
    other = begun(client, WAITING)
    names(client, other, "decided")
    fatal = begun(client, FATAL)
    # The process is gone: the other run goes on in a new one.
    names(client, other, "run_started", times=2)
    with drawing_waits(apart):
        assert client.get(f"/v1/runs/{other}").json()["status"] == "running"
    assert names(client, other)[-1] == "run_ended"
    saved = client.get(f"/v1/runs/{other}").json()
    assert saved["status"] == "accepted" and [one["id"] for one in saved["attempts"]][:2] == ["a1", "a2"]
    assert names(client, fatal)[-1] == "failed"
    lost = client.get(f"/v1/runs/{fatal}").json()
    assert (lost["status"], lost["error"]["code"]) == ("failed", "WorkerLost")
    assert "SIGKILL" in lost["error"]["message"] and fatal in lost["error"]["message"]
    # It is started again without being asked, and draws.
    assert apart.openai().images.generate(prompt=TASK).data
    assert client.get("/readyz").json()["status"] == "ready" and engine.pid not in (before, None)


def test_cancels_typed_errors_and_streamed_drafts_come_through_the_process(apart: Served):
    client = apart.http()
    run_id = begun(client, WAITING)
    with drawing_waits(apart):
        for _ in range(2):
            assert client.post(f"/v1/runs/{run_id}/cancel").status_code == 200
    assert names(client, run_id)[-1] == "run_ended"
    run = client.get(f"/v1/runs/{run_id}").json()
    assert (run["status"], run["best"]) == ("cancelled", "a1")
    with pytest.raises(openai.InternalServerError, match="no memory for this picture"):
        apart.openai().images.generate(prompt=TASK, extra_body={"seed": TOO_LARGE})
    with pytest.raises(openai.BadRequestError, match="needs"):
        apart.openai().images.generate(prompt=TASK, extra_body={"mode": "compose"})
    events = list(apart.openai().images.generate(prompt=TASK, stream=True, partial_images=1))
    assert [event.type for event in events] == ["image_generation.partial_image", "image_generation.completed"]


def test_models_that_cannot_be_loaded_in_the_process_are_told_by_their_own_error():
    async def load(make: object) -> None:
        engine = ProcessEngine(make)  # type: ignore[arg-type]
        try:
            await engine.load()
        finally:
            await engine.close()

    with pytest.raises(HubUnreachable, match="the hub cannot be reached"):
        asyncio.run(load(unreachable))
    with pytest.raises(HardFailure, match="while it loaded the models: it was ended by SIGKILL"):
        asyncio.run(load(partial(signal.raise_signal, signal.SIGKILL)))
    with pytest.raises(BadSetting, match="OMNIAGENT_SERVE_SEPARATE=0"):
        asyncio.run(load(lambda: by_seed(Path())))


def test_what_goes_alone_waits_for_all_others_and_they_for_it():
    order: list[str] = []

    async def work(turns: Turns, name: str, alone: bool, done: asyncio.Event) -> None:
        async with turns.alone() if alone else turns.beside():
            order.append(f"{name} begins")
            await done.wait()
            order.append(f"{name} ends")

    async def all_of_them() -> None:
        turns, done = Turns(), [asyncio.Event() for _ in range(4)]
        plan = (("a", False), ("b", False), ("c", True), ("d", False))
        async with asyncio.TaskGroup() as group:
            for (name, alone), event in zip(plan, done, strict=True):
                group.create_task(work(turns, name, alone, event))
            for event in done:
                for _ in range(10):
                    await asyncio.sleep(0)
                event.set()

    asyncio.run(all_of_them())
    assert order == ["a begins", "b begins", "a ends", "b ends", "c begins", "c ends", "d begins", "d ends"]


@pytest.mark.parametrize("torn", ["", "1 ", '1 {"kind": "step', "12"])
def test_a_process_that_is_killed_in_mid_line_costs_no_run_though_its_next_start_fails(
    torn: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr("omniagent.http.desk.process.child._MODULE", "tests.support.torn_worker")
    monkeypatch.setattr("omniagent.http.desk.process.engine._BACKOFF", (0.01, 0.01))
    monkeypatch.setenv("TORN_LINE", torn)
    monkeypatch.setenv("TORN_STARTS", str(tmp_path / "starts"))

    async def run() -> list[object]:
        engine = ProcessEngine(dict)  # type: ignore[arg-type]
        try:
            await engine.load()
            order = RunOrder(owner="a", kind="run", task=TASK, seed=1, budget=Budget())
            return [event async for event in engine.stream(order)]
        finally:
            await engine.close()

    assert asyncio.run(run()) == []
    assert len((tmp_path / "starts").read_text()) == 3
