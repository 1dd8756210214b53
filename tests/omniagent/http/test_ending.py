"""Starts, ends and broken disks: what was accepted is seen through, handed on, or told as lost; never silently."""

import errno
import json
import os
import re
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx2
import openai
import psutil
import pytest

from omniagent.http.desk.folders import INTERRUPTED_FILE
from omniagent.http.guard.keys import Keys
from omniagent.http.server import listen, warning_for
from omniagent.model.errors import BadSetting, HubUnreachable
from omniagent.model.scripted import ScriptedCritic, ScriptedGenerator
from omniagent.runs.result import Result
from omniagent.tools.record import files
from tests.support.faces import HOLDS
from tests.support.http_server import serving
from tests.support.paths import ROOT
from tests.support.scripted_runs import LISTED, by_picture, scripted_agent, texts

TASK = "a red circle on a white background"


@pytest.fixture
def gate() -> Iterator[threading.Event]:
    made = threading.Event()
    yield made
    made.set()


def held(folder: Path, gate: threading.Event) -> tuple[ScriptedGenerator, Any]:
    generator = ScriptedGenerator(gate=gate)
    critic = ScriptedCritic(by_picture(HOLDS), texts(), profile=LISTED)
    return generator, scripted_agent(folder, generator=generator, critic=critic)


def test_runs_that_a_server_left_are_taken_up_by_the_next_and_not_drawn_again(tmp_path: Path, gate: threading.Event):
    generator, agent = held(tmp_path, gate)
    with serving(agent, workers=1, drain_seconds=0.0) as served:
        client = served.http()
        names = [client.post("/v1/runs", json={"task": TASK, "seed": seed}).json()["id"] for seed in (1, 2)]
        assert generator.started.wait(60)
    # The one at work was stopped and marked, the other had not begun.
    assert Result.load(tmp_path / "alice" / names[0]).stop_reason == "cancelled"
    assert (tmp_path / "alice" / names[0] / INTERRUPTED_FILE).exists()
    with serving(scripted_agent(tmp_path, by_picture(HOLDS))) as served:
        client = served.http()
        for seed, name in enumerate(names, start=1):
            client.get(f"/v1/runs/{name}/events")
            run = client.get(f"/v1/runs/{name}").json()
            assert (run["status"], run["seed"]) == ("accepted", seed)
    with serving(scripted_agent(tmp_path, by_picture(HOLDS))) as served:
        # They are over now, and stay so.
        assert served.service.desk.active + served.service.desk.waiting == 0


def test_a_draining_server_refuses_new_runs_and_answers_those_at_work(tmp_path: Path, gate: threading.Event):
    generator, agent = held(tmp_path, gate)
    answers: dict[str, Any] = {}
    with serving(agent, workers=1, drain_seconds=60.0) as served:
        client, spare = served.http(), served.http()

        def ask() -> None:
            answers["pictures"] = client.post("/v1/images/generations", json={"prompt": TASK})

        waiting = threading.Thread(target=ask)
        waiting.start()
        assert generator.started.wait(60)
        # The connection is open before the server stops listening.
        with spare.stream("GET", f"/v1/runs/{spare.get('/v1/runs').json()['data'][0]['id']}/events") as events:
            lines = events.iter_lines()
            assert next(lines).startswith("event: ")
            served.server.should_exit = True
            gate.set()
            assert list(lines)
        waiting.join(60)
    assert answers["pictures"].status_code == 200
    with pytest.raises(httpx2.ConnectError):
        httpx2.get(f"{served.url}/healthz", trust_env=False)


def test_readiness_follows_the_models_and_a_server_without_them_says_why(tmp_path: Path):
    agent = scripted_agent(tmp_path, by_picture(HOLDS))

    class Broken:
        ready = False

        async def load(self) -> None:
            raise HubUnreachable("the hub cannot be reached")

        async def stream(self, order: Any) -> Any:
            raise HubUnreachable("the hub cannot be reached")
            yield

        async def stop(self, run_id: str) -> None: ...

        async def close(self) -> None: ...

    with serving(agent, engine=Broken()) as served:
        client = served.http()
        ready = client.get("/readyz")
        assert (ready.status_code, ready.json()["status"]) == (503, "broken")
        assert client.get("/healthz").json() == {"status": "ok"}
        with pytest.raises(openai.InternalServerError, match="hub cannot be reached") as caught:
            served.openai().images.generate(prompt=TASK)
        assert caught.value.status_code == 503 and caught.value.response.headers["retry-after"]
        assert "omniagent_ready 0.0" in client.get("/metrics").text
    with serving(agent) as served:
        served.openai().images.generate(prompt=TASK)
        assert served.http().get("/readyz").json()["status"] == "ready"
        text = served.http().get("/metrics").text
        assert 'omniagent_runs_total{status="accepted"} 1.0' in text and "omniagent_ready 1.0" in text
        assert 'route="/v1/images/generations",status="200"' in text and TASK not in text


@pytest.mark.parametrize("after", [0, 3, 5])
def test_a_disk_that_fills_up_is_told_and_what_was_finished_stays(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, after: int
):
    whole = files.os.fsync
    written = 0

    def full(handle: int) -> None:
        nonlocal written
        written += 1
        if written > after:
            raise OSError(errno.ENOSPC, "No space left on device")
        whole(handle)

    with serving(scripted_agent(tmp_path, by_picture(HOLDS))) as served:
        client = served.http()
        monkeypatch.setattr(files.os, "fsync", full)
        with pytest.raises(openai.InternalServerError, match="disk has no room") as caught:
            served.openai().images.generate(prompt=TASK)
        assert caught.value.status_code == 507 and caught.value.code == "storage_full"
        assert str(tmp_path) not in caught.value.message
        begun = client.post("/v1/runs", json={"task": TASK})
        assert begun.status_code == 507
        monkeypatch.undo()
        # With room again it works, and the failed run says what became of it.
        assert served.openai().images.generate(prompt=TASK).data
        states = {one["status"] for one in client.get("/v1/runs").json()["data"]}
        assert states <= {"accepted", "failed"}


@pytest.mark.parametrize(
    ("host", "warned"),
    [("127.0.0.1", False), ("127.0.0.9", False), ("localhost", False), ("::1", False), ("0.0.0.0", True), ("::", True)],
)
def test_a_server_that_others_reach_without_a_key_is_warned_of(host: str, warned: bool):
    assert (warning_for(host, Keys({})) is not None) == warned
    assert warning_for(host, Keys({"0123456789abcdef": "alice"})) is None


def test_a_port_that_is_taken_is_told_in_one_line():
    with listen("127.0.0.1", 0) as taken, pytest.raises(BadSetting, match="give another --port"):
        listen("127.0.0.1", taken.getsockname()[1])


@pytest.mark.slow
@pytest.mark.parametrize(("number", "separate"), [(signal.SIGTERM, "1"), (signal.SIGINT, "0")])
def test_a_signal_ends_the_served_process_in_good_order(tmp_path: Path, number: int, separate: str):
    environment = {**os.environ, "OMNIAGENT_RUNS_DIR": str(tmp_path), "OMNIAGENT_TEST_SCENARIO": "stuck"}
    process = subprocess.Popen(
        [sys.executable, "-m", "tests.support.launch", "serve", "--port", "0"],
        stderr=subprocess.PIPE,
        text=True,
        cwd=ROOT,
        env={**environment, "OMNIAGENT_SERVE_DRAIN_SECONDS": "0.1", "OMNIAGENT_SERVE_SEPARATE": separate},
    )
    assert process.stderr is not None
    others: list[psutil.Process] = []
    try:
        told = process.stderr.readline()
        address = re.search(r":(\d+)/v1", told)
        assert address, told
        url = f"http://127.0.0.1:{address[1]}"
        with (
            httpx2.Client(base_url=url, trust_env=False, timeout=60) as client,
            client.stream(
                "POST", "/v1/images/generations", json={"prompt": TASK, "stream": True, "partial_images": 1}
            ) as answer,
        ):
            lines = answer.iter_lines()
            assert next(lines) == "event: image_generation.partial_image"
            others = psutil.Process(process.pid).children()
            assert len(others) == int(separate)
            process.send_signal(number)
            data = [json.loads(line.removeprefix("data: ")) for line in lines if line.startswith("data: ")]
        assert data[-1]["type"] == "image_generation.completed" and data[-1]["status"] == "cancelled"
        assert process.wait(60) == 0
        assert not any(one.is_running() for one in others)
        assert process.stderr.read() == ""
    finally:
        process.kill()
        process.stderr.close()
        process.wait(60)
