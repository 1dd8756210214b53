"""MCP runs that take longer than a host waits: handles, progress, cancelling, going on, and asking for earlier runs."""

import asyncio
import gc
import itertools
import threading
import weakref
from collections.abc import AsyncGenerator, Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest
from mcp import Client
from mcp_types import CallToolResult, ResourceLink, TextContent
from PIL import Image

from omniagent import Agent, GenerationFailed, Result, UnknownModel
from omniagent.integrations.arguments import CreateArguments
from omniagent.integrations.hosting import request_of
from omniagent.integrations.jobs import MOST, Job, Jobs
from omniagent.integrations.mcp import build_server
from omniagent.integrations.mcp.server import PATIENCE
from omniagent.integrations.progress import RunProgress
from omniagent.model.requests import Completion, Prompt
from omniagent.model.scripted import ScriptedCritic, ScriptedGenerator
from omniagent.tools.record.trace import Event, RunEnded, ToolStarted
from tests.support.faces import FAILS, HOLDS, TASK, never_right, repaired
from tests.support.scripted_runs import LISTED, by_picture, scripted_agent, texts

LIMIT = 1024 * 1024
Told = list[tuple[float, float | None, str | None]]


def text_of(result: CallToolResult) -> str:
    return "".join(block.text for block in result.content if isinstance(block, TextContent))


def made(result: CallToolResult) -> dict[str, Any]:
    assert not result.is_error, text_of(result)
    assert result.structured_content is not None
    return result.structured_content


def with_client(
    agent: Agent, use: Callable[[Client], Awaitable[None]], *, patience: float = 600, mode: str = "auto"
) -> None:
    """Use a client of the agent's server, in memory, that may read every file."""

    async def talk() -> None:
        server = build_server(agent, roots=[Path("/")], patience=patience)
        async with Client(server, mode=mode) as client:  # pyright: ignore[reportArgumentType]
            await use(client)

    asyncio.run(talk())


def held(runs: Path, gate: threading.Event) -> Agent:
    """Its drawings wait for the gate."""
    generator = ScriptedGenerator(gate=gate)
    return scripted_agent(
        runs, generator=generator, critic=ScriptedCritic(by_picture(FAILS, HOLDS), texts(), profile=LISTED)
    )


def test_hosts_give_a_call_up_after_60_seconds_and_are_answered_before_45() -> None:
    assert PATIENCE < 45


def test_a_long_run_is_answered_by_a_handle_and_fetched_when_it_has_ended(tmp_path: Path) -> None:
    gate = threading.Event()

    async def use(client: Client) -> None:
        handle = await client.call_tool("create_image", {"task": TASK, "seed": 5})
        running = made(handle)
        assert (running["status"], running["accepted"], running["seed"]) == ("running", False, 5)
        assert 0 < running["progress"] < 1 and running["run_id"] in text_of(handle) and "get_run" in text_of(handle)
        again = made(await client.call_tool("get_run", {"run_id": running["run_id"], "wait": 0}))
        assert again["status"] == "running"
        gate.set()
        told: Told = []

        async def progress(done: float, total: float | None, message: str | None) -> None:
            told.append((done, total, message))

        while (
            ended := await client.call_tool("get_run", {"run_id": running["run_id"]}, progress_callback=progress)
        ).structured_content["status"] == "running":  # pyright: ignore[reportOptionalSubscript]
            continue
        assert made(ended)["status"] == "accepted" and made(ended)["run_id"] == running["run_id"]
        assert any(isinstance(block, ResourceLink) for block in ended.content) and told
        # A server that knows nothing of it any more reads it from its folder.
        assert made(await client.call_tool("get_run", {"run_id": running["run_id"]})) == made(ended)

    with_client(held(tmp_path, gate), use, patience=0.2)
    with_client(repaired(tmp_path), lambda client: _same(client, tmp_path))


async def _same(client: Client, runs: Path) -> None:
    (run,) = [path.name for path in runs.iterdir()]
    assert made(await client.call_tool("get_run", {"run_id": run}))["status"] == "accepted"


@pytest.mark.parametrize("mode", ["auto", "legacy"])
def test_progress_only_grows_and_ends_at_its_total(tmp_path: Path, mode: str) -> None:
    told: Told = []

    async def progress(done: float, total: float | None, message: str | None) -> None:
        told.append((done, total, message))

    async def use(client: Client) -> None:
        await client.call_tool("create_image", {"task": TASK, "max_rounds": 3}, progress_callback=progress)

    with_client(repaired(tmp_path), use, mode=mode)
    numbers = [done for done, _, _ in told]
    assert numbers == sorted(set(numbers)) and numbers[0] > 0
    assert {total for _, total, _ in told} == {4.0} and numbers[-1] == 4.0
    assert told[0][2] == "loading the models" and str(told[-1][2]).startswith("done")


def test_progress_grows_over_every_event_of_a_run_that_uses_all_its_rounds(tmp_path: Path) -> None:
    progress = RunProgress(3)
    events = list(never_right(tmp_path).stream(TASK, budget={"max_rounds": 3}))  # pyright: ignore[reportArgumentType]
    told = [one for event in events if (one := progress.hear(event)) is not None]
    assert isinstance(events[-1], RunEnded) and told[-1].done == told[-1].total == 4
    assert all(one.done < other.done <= 4 for one, other in itertools.pairwise(told))
    long = RunProgress(3)
    told = [one for _ in range(600) if (one := long.hear(ToolStarted(tool="critique"))) is not None]
    assert len(told) == 600 and all(one.done < other.done < 2 for one, other in itertools.pairwise(told))


def test_a_run_is_stopped_through_its_handle_with_its_best_picture(tmp_path: Path) -> None:
    gate = threading.Event()
    gate.set()

    def look(prompt: Prompt, question: str) -> float:
        gate.clear()
        return by_picture(FAILS)(prompt, question)

    critic = ScriptedCritic(look, texts(), profile=LISTED)
    agent = scripted_agent(tmp_path, generator=ScriptedGenerator(gate=gate), critic=critic)

    async def use(client: Client) -> None:
        run = made(await client.call_tool("create_image", {"task": TASK, "thread_id": "mine"}))
        assert (run["status"], run["run_id"], run["attempts"]) == ("running", "mine", 1)
        ended = made(await client.call_tool("get_run", {"run_id": "mine", "cancel": True, "wait": 60}))
        assert ended["status"] == "cancelled" and Path(ended["path"]).is_file()

    # Time for the first picture, while the second waits for ever.
    with_client(agent, use, patience=3)


def test_a_run_that_has_ended_is_not_stopped_and_no_job_keeps_its_pictures(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    agent, reading, go_on, load = repaired(tmp_path), threading.Event(), threading.Event(), Result.load

    def slow(folder: Path | str) -> Result:
        reading.set()
        go_on.wait()
        return load(folder)

    monkeypatch.setattr(Result, "load", slow)

    def begun(jobs: Jobs, **more: Any) -> tuple[Job, "weakref.ref[Image.Image]"]:
        picture = Image.new("RGB", (16, 16), "red")
        arguments = CreateArguments.model_validate({"task": TASK, **more})
        return jobs.start(request_of(agent, arguments, (picture,))), weakref.ref(picture)

    async def use() -> None:
        jobs = Jobs(agent)
        job, picture = begun(jobs, seed=5)
        await asyncio.to_thread(reading.wait)
        job.cancel()
        go_on.set()
        assert (await job.result()).accepted and job.seed == 5
        monkeypatch.setattr(agent, "astream", fails)
        failed, other = begun(jobs)
        with pytest.raises(GenerationFailed):
            await failed.result()
        await asyncio.sleep(0)
        gc.collect()
        assert picture() is None and other() is None

    async def fails(**request: Any) -> AsyncGenerator[Event]:
        raise GenerationFailed("no")
        yield

    asyncio.run(use())


@pytest.mark.parametrize("mode", ["auto", "legacy"])
def test_a_call_that_is_given_up_stops_its_run(tmp_path: Path, mode: str) -> None:
    agent = held(tmp_path, threading.Event())

    async def use(client: Client) -> None:
        begun = asyncio.Event()

        async def progress(done: float, total: float | None, message: str | None) -> None:
            if message and message.startswith("drawing"):
                begun.set()

        call = asyncio.create_task(
            client.call_tool("create_image", {"task": TASK, "thread_id": "mine"}, progress_callback=progress)
        )
        await begun.wait()
        call.cancel()
        with pytest.raises(asyncio.CancelledError):
            await call
        ended = made(await client.call_tool("get_run", {"run_id": "mine"}))
        assert ended["status"] == "cancelled"

    with_client(agent, use, mode=mode)
    assert Result.load(tmp_path / "mine").stop_reason == "cancelled"


def test_a_look_that_is_given_up_ends_in_the_critic_too(tmp_path: Path) -> None:
    left = threading.Event()

    class Watched(ScriptedCritic):
        def write(self, *given: Any, **more: Any) -> Completion:
            try:
                return super().write(*given, **more)
            finally:
                left.set()

    critic = Watched(gate=threading.Event(), profile=LISTED)
    picture = tmp_path / "a.png"
    Image.new("RGB", (16, 16), "white").save(picture)

    async def use(client: Client) -> None:
        call = asyncio.create_task(client.call_tool("describe_image", {"image": str(picture)}))
        await asyncio.to_thread(critic.started.wait)
        call.cancel()
        with pytest.raises(asyncio.CancelledError):
            await call
        assert await asyncio.to_thread(left.wait, 60)

    with_client(scripted_agent(tmp_path / "runs", critic=critic), use)


def test_a_server_that_ends_leaves_no_run_without_a_result(tmp_path: Path) -> None:
    async def use(client: Client) -> None:
        assert made(await client.call_tool("create_image", {"task": TASK, "thread_id": "mine"}))["status"] == "running"

    with_client(held(tmp_path, threading.Event()), use, patience=0.3)
    assert Result.load(tmp_path / "mine").stop_reason == "cancelled"


def test_an_error_after_the_handle_is_told_by_get_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    gate = threading.Event()

    def load(*given: Any, **more: Any) -> Any:
        gate.wait()
        raise UnknownModel("no model of that name; give another")

    monkeypatch.setattr("omniagent.models.load_runtime", load)

    async def use(client: Client) -> None:
        run = made(await client.call_tool("create_image", {"task": TASK}))
        assert run["status"] == "running" and "loading the models" in run["message"]
        gate.set()
        while not (told := await client.call_tool("get_run", {"run_id": run["run_id"]})).is_error:
            continue
        assert text_of(told) == "UnknownModel: no model of that name; give another"

    with_client(repaired(tmp_path), use, patience=0.2)


def test_the_same_thread_goes_on_where_it_stopped(tmp_path: Path) -> None:
    async def use(client: Client) -> None:
        stopped = made(await client.call_tool("create_image", {"task": TASK, "thread_id": "mine", "max_rounds": 1}))
        assert (stopped["status"], stopped["attempts"]) == ("best_effort", 1)
        ended = made(await client.call_tool("create_image", {"task": TASK, "thread_id": "mine", "max_rounds": 3}))
        assert (ended["status"], ended["attempts"], ended["run_id"]) == ("accepted", 2, "mine")
        other = await client.call_tool("create_image", {"task": "a blue star", "thread_id": "mine"})
        assert other.is_error and "already works on" in text_of(other)

    with_client(repaired(tmp_path), use)


@pytest.mark.slow
def test_a_thread_that_is_at_work_is_not_begun_twice_and_there_is_an_end_of_room(tmp_path: Path) -> None:
    async def use(client: Client) -> None:
        arguments = {"task": TASK, "thread_id": "mine"}
        await client.call_tool("create_image", arguments)
        twice = await client.call_tool("create_image", arguments)
        assert twice.is_error and "at work already" in text_of(twice)
        await asyncio.gather(*(client.call_tool("create_image", {"task": TASK}) for _ in range(MOST - 1)))
        full = await client.call_tool("create_image", {"task": TASK})
        assert full.is_error and text_of(full).startswith("QueueFull")

    with_client(held(tmp_path, threading.Event()), use, patience=0.01)


def test_a_generator_that_fails_is_an_answer_with_its_reason(tmp_path: Path) -> None:
    generator = ScriptedGenerator(lambda request: GenerationFailed("NaN latents; use another seed"))

    async def use(client: Client) -> None:
        told = await client.call_tool("create_image", {"task": TASK})
        assert made(told)["status"] == "failed" and "NaN latents" in text_of(told)

    with_client(scripted_agent(tmp_path, generator=generator), use)
