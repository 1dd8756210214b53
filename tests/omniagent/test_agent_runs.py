"""What a run leaves behind, and how it is watched, stopped, resumed and shared."""

import asyncio
import errno
import json
import os
import signal
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from PIL import Image

from omniagent import Budget, Result, ScriptedCritic, ScriptedGenerator
from omniagent.model.errors import (
    BadImage,
    BadSetting,
    BadTask,
    OutputUnwritable,
    StorageFull,
)
from omniagent.tools.record.attempt_files import read_lineage
from omniagent.tools.record.trace import AttemptMade, RunEnded, RunStarted, StepProgress, ToolStarted
from tests.support.scripted_runs import LISTED, by_picture, scripted_agent, texts

HALF, GOOD, POOR = (0.9, 0.1, 0.9), (0.9, 0.9, 0.9), (0.1, 0.1, 0.1)


def test_a_run_leaves_a_folder_from_which_all_of_it_can_be_read_again(tmp_path: Path):
    source = Image.new("RGB", (20, 10), "blue")
    result = scripted_agent(tmp_path, by_picture(HALF, GOOD)).run("a red circle", [source], thread_id="mine", seed=5)
    folder = tmp_path / "mine"
    assert result.folder == folder and (folder / "report.html").stat().st_size > 0
    again = Result.load(folder)
    assert again == result and again.image is not None and result.image is not None
    assert again.image.tobytes() == result.image.tobytes()
    assert again.picture(result.task.images[0]).tobytes() == source.tobytes()
    assert json.loads((folder / "result.json").read_bytes())["stop_reason"] == "accepted"
    for attempt in result.attempts:
        path = result.path_of(attempt)
        assert read_lineage(path) == attempt
        with Image.open(path) as image:
            assert image.convert("RGB").tobytes() == result.picture(attempt).tobytes()
    assert [event.sequence for event in result.trace] == list(range(1, len(result.trace) + 1))
    assert isinstance(result.trace[0], RunStarted) and isinstance(result.trace[-1], RunEnded)


def test_a_saved_result_stands_without_its_run(tmp_path: Path):
    result = scripted_agent(tmp_path / "runs").run("a red circle")
    target = result.save(tmp_path / "kept")
    (tmp_path / "runs").rename(tmp_path / "gone")
    moved = Result.load(target)
    assert moved.image is not None and moved.trace and moved.accepted
    with Image.open(target / "picture.png") as picture:
        assert picture.convert("RGB").tobytes() == moved.image.tobytes()
    assert not list(target.glob("checkpoint*"))


def test_the_same_seed_gives_the_same_pictures(tmp_path: Path):
    runs = [scripted_agent(tmp_path, by_picture(POOR, HALF)).run("a circle", seed=3) for _ in range(2)]
    assert [one.image for one in runs[0].attempts] == [one.image for one in runs[1].attempts]
    assert runs[0].run_id != runs[1].run_id


def test_previews_are_told_to_those_who_ask_and_kept_nowhere(tmp_path: Path):
    def told(previews: bool) -> list[int]:
        stream = scripted_agent(tmp_path).stream("a red circle", thread_id=f"p{previews}", previews=previews)
        return [len(event.previews) for event in stream if isinstance(event, StepProgress)]

    assert any(told(True)) and not any(told(False))
    assert '"previews"' not in (tmp_path / "pTrue" / "trace.jsonl").read_text()


def test_a_stream_tells_each_step_and_ends_when_every_file_is_written(tmp_path: Path):
    events = []
    for event in scripted_agent(tmp_path).stream("a red circle", thread_id="s"):
        events.append(event)
        if isinstance(event, RunEnded):
            assert (tmp_path / "s" / "report.html").exists()
            assert Result.load(tmp_path / "s").stop_reason == event.stop_reason
    kinds = [type(event) for event in events]
    assert kinds[0] is RunStarted and kinds[-1] is RunEnded
    assert kinds.index(ToolStarted) < kinds.index(StepProgress) < kinds.index(AttemptMade)
    written = [type(event) for event in Result.load(tmp_path / "s").trace]
    assert written == [kind for kind in kinds if kind not in (ToolStarted, StepProgress)]


def test_a_stream_that_is_closed_early_stops_the_run(tmp_path: Path):
    gate = threading.Event()
    stream = scripted_agent(tmp_path, generator=ScriptedGenerator(gate=gate)).stream("a red circle", thread_id="s")
    for event in stream:
        if isinstance(event, ToolStarted) and event.tool == "generate":
            break
    stream.close()
    assert Result.load(tmp_path / "s").stop_reason == "cancelled"


def test_async_runs_and_streams_give_what_sync_ones_give(tmp_path: Path):
    async def both() -> tuple[Result, list[str]]:
        agent = scripted_agent(tmp_path)
        result = await agent.arun("a red circle")
        return result, [event.event async for event in agent.astream("a red circle", thread_id="t")]

    result, events = asyncio.run(both())
    assert result.accepted
    assert (events[0], events[-1]) == ("run_started", "run_ended")
    assert Result.load(tmp_path / "t").image is not None


def test_cancelling_an_async_run_stops_its_work(tmp_path: Path):
    generator = ScriptedGenerator(gate=threading.Event())

    async def cancelled() -> None:
        work = asyncio.create_task(scripted_agent(tmp_path, generator=generator).arun("a circle", thread_id="t"))
        await asyncio.to_thread(generator.started.wait)
        work.cancel()
        with pytest.raises(asyncio.CancelledError):
            await work

    asyncio.run(cancelled())
    assert Result.load(tmp_path / "t").stop_reason == "cancelled"


def test_a_cancelled_run_keeps_its_best_picture_and_goes_on_when_asked_again(tmp_path: Path):
    gate, generator = threading.Event(), ScriptedGenerator()
    critic = ScriptedCritic(by_picture(POOR, GOOD), texts(), gate=gate, profile=LISTED)
    agent = scripted_agent(tmp_path, generator=generator, critic=critic)
    seen: list[str] = []
    for event in agent.stream("a red circle", thread_id="t"):
        if isinstance(event, AttemptMade) and not seen:
            seen.append(event.attempt.id)
            gate.clear()
            agent.cancel("t")
        elif isinstance(event, ToolStarted) and event.tool == "plan":
            gate.set()
    stopped = Result.load(tmp_path / "t")
    assert stopped.stop_reason == "cancelled" and stopped.best is not None and stopped.image is not None
    gate.set()
    finished = agent.run("a red circle", thread_id="t")
    assert finished.accepted
    assert finished.attempts[0] == stopped.attempts[0]
    assert sum(call.seeds == (0,) for call in generator.calls) == 1


@pytest.fixture
def heeded_interrupt() -> Iterator[None]:
    """Ctrl-C raises, also where the shell started the tests in the background and had it ignored."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


@pytest.mark.usefixtures("heeded_interrupt")
def test_the_first_ctrl_c_gives_the_best_so_far(tmp_path: Path):
    generator = ScriptedGenerator(gate=threading.Event())
    agent = scripted_agent(tmp_path, generator=generator)
    waiter = threading.Thread(target=lambda: (generator.started.wait(), os.kill(os.getpid(), signal.SIGINT)))
    waiter.start()
    result = agent.run("a red circle")
    waiter.join()
    assert result.stop_reason == "cancelled"


def test_a_deadline_ends_a_drawing_within_its_step_and_keeps_what_there_is(tmp_path: Path):
    generator = ScriptedGenerator(gate=threading.Event())
    result = scripted_agent(tmp_path, generator=generator).run("a red circle", budget=Budget(time_limit=0.5))
    assert (result.stop_reason, result.best) == ("time_limit", None)


def test_runs_of_one_agent_do_not_disturb_each_other(tmp_path: Path):
    agent = scripted_agent(tmp_path, by_picture(POOR, HALF, GOOD))
    with ThreadPoolExecutor(4) as pool:
        results = list(pool.map(lambda n: agent.run("a circle", seed=n), range(8)))
    assert len({one.run_id for one in results}) == 8
    for result in results:
        assert all(event.run_id == result.run_id for event in result.trace)
        assert result.stop_reason in ("accepted", "round_limit")


def test_out_is_the_runs_own_folder_and_another_task_gets_one_inside(tmp_path: Path):
    agent, out = scripted_agent(tmp_path / "runs"), tmp_path / "out"
    first = agent.run("a circle", out=out)
    assert first.folder == out and (out / "result.json").exists()
    assert agent.run("a circle", out=out).run_id == first.run_id
    second = agent.run("a star", out=out)
    assert second.folder.parent == out and second.image is not None
    assert Result.load(out).task.instruction == "a circle"


def test_a_folder_in_use_by_another_run_is_refused(tmp_path: Path):
    gate = threading.Event()
    generator = ScriptedGenerator(gate=gate)
    agent = scripted_agent(tmp_path, generator=generator)
    with ThreadPoolExecutor(1) as pool:
        first = pool.submit(agent.run, "a circle", thread_id="t")
        generator.started.wait()
        with pytest.raises(OutputUnwritable, match="another run is at work"):
            agent.run("a circle", thread_id="t")
        gate.set()
        assert first.result().accepted


def test_an_unwritable_folder_is_named(tmp_path: Path):
    (tmp_path / "file").write_text("x")
    with pytest.raises(OutputUnwritable, match="file"):
        scripted_agent(tmp_path).run("a circle", out=tmp_path / "file" / "run")


def test_a_full_disk_ends_the_run_with_its_own_error_and_keeps_what_was_finished(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    synced, writes = os.fsync, [0]

    def full(handle: int) -> None:
        writes[0] += 1
        if writes[0] > 2:
            raise OSError(errno.ENOSPC, "No space left on device")
        synced(handle)

    agent = scripted_agent(tmp_path, by_picture(POOR))
    monkeypatch.setattr("omniagent.tools.record.files.os.fsync", full)
    with pytest.raises(StorageFull, match="free some space"):
        agent.run("a circle", thread_id="t")
    monkeypatch.undo()
    assert len(list((tmp_path / "t" / "images").glob("*.png"))) == 1
    assert not list((tmp_path / "t").rglob(".part-*"))
    assert agent.run("a circle", thread_id="t").image is not None


@pytest.mark.parametrize("name", ["", "../up", "a/b", ".hidden", "x" * 101])
def test_a_thread_id_that_is_no_folder_name_is_refused(tmp_path: Path, name: str):
    with pytest.raises(BadSetting, match="thread_id"):
        scripted_agent(tmp_path).run("a circle", thread_id=name)


@pytest.mark.parametrize("seed", [-1, 2**63])
def test_a_seed_out_of_range_is_refused(tmp_path: Path, seed: int):
    with pytest.raises(BadSetting, match="seed"):
        scripted_agent(tmp_path).run("a circle", seed=seed)


def test_a_bad_request_leaves_no_folder(tmp_path: Path):
    agent = scripted_agent(tmp_path / "runs")
    with pytest.raises(BadTask):
        agent.run("  ")
    with pytest.raises(BadImage):
        agent.run("a circle", ["no-such-file.png"])
    assert not (tmp_path / "runs").exists()


def test_async_runs_hold_no_thread_of_the_programs_own_pool(tmp_path: Path):
    generator = ScriptedGenerator(gate=(gate := threading.Event()))
    agent = scripted_agent(tmp_path, generator=generator)

    async def follow(name: str) -> str:
        async for event in agent.astream("a circle", thread_id=name):
            if isinstance(event, RunEnded):
                return event.stop_reason
        raise AssertionError("a stream ends with RunEnded")

    async def program() -> list[str]:
        asyncio.get_running_loop().set_default_executor(ThreadPoolExecutor(1))
        works = [asyncio.create_task(agent.arun("a circle", thread_id=f"r{n}")) for n in range(4)]
        streams = [asyncio.create_task(follow(f"s{n}")) for n in range(4)]
        # All of them hang in the generator until the program's own thread has had its turn.
        await asyncio.to_thread(generator.started.wait)
        await asyncio.to_thread(gate.set)
        results = await asyncio.gather(*works)
        return [*(one.stop_reason for one in results), *await asyncio.gather(*streams)]

    assert asyncio.run(program()) == ["accepted"] * 8
