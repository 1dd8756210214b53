"""Requests that are not what was asked for, and faults in the middle: a clear error of its own, and nothing is lost."""

import asyncio
import json
import threading
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image
from pydantic import BaseModel

from omniagent.agent import Agent
from omniagent.batch import run_batch
from omniagent.config import Config
from omniagent.graphs.build import step_limit
from omniagent.held import HeldModels
from omniagent.model.checkpoint.settings import Profiles, read_profiles
from omniagent.model.errors import BadImage, BadSetting, CriticTimeout
from omniagent.model.profile import CriticProfile, GeneratorProfile, Thresholds
from omniagent.model.requests import GenerationRequest, Prompt
from omniagent.model.scripted import Drawn, ScriptedCritic, ScriptedGenerator, Written, picture_for
from omniagent.runs.report import render_report
from omniagent.runs.result import Result
from omniagent.runs.session import Session
from omniagent.tools.dialects.drafts import RepairDraft
from omniagent.tools.record.trace import RunEnded, RunStarted, ToolCalled, ToolErrored, read_trace
from omniagent.tools.types import Budget, RenderSettings
from tests.support.scripted_runs import LISTED, by_picture, scripted_agent, texts

POOR, GOOD = (0.97, 0.1, 0.1), (0.97, 0.97, 0.97)


def drawing(number: int, error: Exception) -> ScriptedGenerator:
    """Draws; the call of that number fails."""
    calls: list[int] = []

    def draw(request: GenerationRequest) -> Drawn:
        calls.append(1)
        if len(calls) == number:
            raise error
        return picture_for(request.instruction, request.seeds[0])

    return ScriptedGenerator(draw)


@pytest.mark.parametrize("images", [None, [], (), iter(()), (picture for picture in ())])
def test_no_pictures_may_be_said_in_many_ways(tmp_path: Path, images: Any) -> None:
    assert scripted_agent(tmp_path).run("a red circle", images).accepted


@pytest.mark.parametrize("images", [5, "a.png", b"png", Image.new("RGB", (8, 8))])
def test_what_is_no_list_of_pictures_is_named(tmp_path: Path, images: Any) -> None:
    with pytest.raises(BadImage, match="list"):
        scripted_agent(tmp_path).run("a red circle", images)


@pytest.mark.parametrize(
    "request_",
    [
        {"seed": None}, {"seed": "1"}, {"seed": 1.5}, {"seed": True}, {"thread_id": 5}, {"out": 5},
        {"budget": {"max_rounds": 0}}, {"budget": 3}, {"settings": {"wide": 1}}, {"settings": "big"},
    ],
)  # fmt: skip
def test_what_is_no_setting_is_refused_before_any_work(tmp_path: Path, request_: dict[str, Any]) -> None:
    with pytest.raises(BadSetting, match=next(iter(request_))):
        scripted_agent(tmp_path / "runs").run("a red circle", **request_)
    assert not (tmp_path / "runs").exists()


def test_numbers_of_numpy_and_dictionaries_do_as_settings(tmp_path: Path) -> None:
    budget: Any = {"max_rounds": 1}
    settings: Any = {"width": 64, "height": 64}
    agent = scripted_agent(tmp_path, by_picture(POOR), texts(scope="global"))
    result = agent.run("a circle", seed=np.int64(3), budget=budget, settings=settings)  # pyright: ignore[reportArgumentType]
    assert (result.seed, result.budget.max_rounds, len(result.attempts)) == (3, 1, 1)


@pytest.mark.parametrize("name", ["critic", "generator"])
def test_a_model_that_is_none_is_refused_when_the_agent_is_made(name: str) -> None:
    with pytest.raises(BadSetting, match=name):
        Agent(**{name: 5})  # pyright: ignore[reportArgumentType]


@pytest.mark.parametrize("limit", [float("inf"), float("nan"), 0])
def test_a_time_limit_is_a_number_of_seconds(limit: float) -> None:
    with pytest.raises(ValueError, match="time_limit"):
        Budget(time_limit=limit)


def test_a_second_interrupt_leaves_without_waiting_for_the_step(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    release = threading.Event()

    def stubborn(request: GenerationRequest) -> Drawn:
        release.wait(60)
        return picture_for(request.instruction, request.seeds[0])

    stream = scripted_agent(tmp_path, generator=ScriptedGenerator(stubborn)).stream("a red circle", thread_id="t")
    next(stream)

    def interrupted(session: Session) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(Session, "next_event", interrupted)
    with pytest.raises(KeyboardInterrupt):
        next(stream)
    assert not (tmp_path / "t" / "result.json").exists()
    release.set()


def test_a_request_that_is_refused_half_way_keeps_the_best_picture(tmp_path: Path) -> None:
    generator = drawing(2, BadSetting("the server refuses the key 'x'; give another"))
    agent = scripted_agent(tmp_path, by_picture(POOR), texts(scope="global"), generator=generator)
    result = agent.run("a red circle", thread_id="t")
    assert (result.stop_reason, result.error, result.image is not None) == ("failed", "BadSetting", True)
    assert "another" in result.message and Result.load(tmp_path / "t").best == result.best


def test_a_request_that_is_refused_at_once_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(BadSetting, match="refuses"):
        scripted_agent(tmp_path, generator=drawing(1, BadSetting("refuses"))).run("a red circle")


def test_a_repair_that_cannot_be_read_leads_to_another_drawing(tmp_path: Path) -> None:
    def write(prompt: Prompt, schema: type[BaseModel] | None) -> Written:
        return "no JSON at all" if schema is RepairDraft else texts()(prompt, schema)

    agent = scripted_agent(tmp_path, by_picture((0.97, 0.97, 0.1), GOOD), write)
    result = agent.run("a red circle", thread_id="t")
    assert result.accepted
    assert [decision.action for decision in result.decisions] == ["regenerate", "accept"]
    assert any(isinstance(event, ToolErrored) and event.error == "Unreadable" for event in result.trace)


def test_calls_of_a_critic_that_fails_are_counted_once_each_and_their_seconds_once(tmp_path: Path) -> None:
    critic = ScriptedCritic(None, texts(), errors={0: CriticTimeout("slow")}, profile=LISTED)
    result = scripted_agent(tmp_path, critic=critic).run("a red circle", thread_id="t")
    assert result.accepted
    tries = [event for event in result.trace if isinstance(event, ToolErrored)]
    plan = next(event for event in result.trace if isinstance(event, ToolCalled) and event.tool == "plan")
    assert [event.again for event in tries] == [True] and plan.seconds >= tries[0].seconds
    dead = ScriptedCritic(
        None, texts(), errors={number: CriticTimeout("slow") for number in range(1, 9)}, profile=LISTED
    )
    lost = scripted_agent(tmp_path, critic=dead).run("a red circle")
    assert (lost.stop_reason, lost.usage.critic_calls) == ("critic_unavailable", 4)


def test_a_killed_run_goes_on_with_its_own_large_budget_to_the_end(tmp_path: Path) -> None:
    calls: list[int] = []

    def draw(request: GenerationRequest) -> list[Image.Image]:
        calls.append(1)
        if len(calls) == 2:
            raise SystemExit
        return [picture_for(request.instruction, seed) for seed in request.seeds]

    def judge(prompt: Any, question: str) -> float:
        return 0.9 if "Is there" in question else 0.2 + 0.005 * len(calls)

    config = Config(loop={"patience": 200, "fruitless_rounds": 0, "clear_lead": 0, "redraw_lead": 0})  # pyright: ignore[reportArgumentType]
    agent = scripted_agent(
        tmp_path, judge, texts(scope="global"), generator=ScriptedGenerator(draw), config=config
    )  # fmt: skip
    large = Budget(max_rounds=60, max_images=1000, candidates=1)
    with pytest.raises(SystemExit):
        agent.run("a red circle", thread_id="t", budget=large)
    result = agent.run("a red circle", thread_id="t")
    assert (result.stop_reason, result.usage.rounds) == ("round_limit", 60)
    assert step_limit(Budget()) < 60 * 3


def test_the_same_folder_with_another_size_keeps_the_old_run_and_draws_anew(tmp_path: Path) -> None:
    agent, out = scripted_agent(tmp_path / "runs"), tmp_path / "out"
    small, large = (RenderSettings(width=side, height=side) for side in (64, 256))
    first = agent.run("a red circle", out=out, settings=small)
    assert agent.run("a red circle", out=out, settings=small).run_id == first.run_id
    second = agent.run("a red circle", out=out, settings=large)
    assert second.image is not None and second.image.size == (256, 256)
    assert second.folder.parent == first.folder
    with pytest.raises(BadSetting, match="settings"):
        agent.run("a red circle", out=out, thread_id=first.run_id, settings=large)


def test_a_run_that_is_over_is_not_taken_for_another_painters(tmp_path: Path) -> None:
    scripted_agent(tmp_path).run("a red circle", thread_id="t")

    class Another(ScriptedGenerator):
        @property
        def model(self) -> str:
            return "another"

    with pytest.raises(BadSetting, match="another"):
        scripted_agent(tmp_path, generator=Another()).run("a red circle", thread_id="t")


def test_the_report_shows_the_caps_and_the_end_of_the_last_start(tmp_path: Path) -> None:
    agent = scripted_agent(tmp_path, by_picture(POOR), texts(scope="global"))
    agent.run("a circle", thread_id="t", budget=Budget(max_rounds=1))
    agent.run("a circle", thread_id="t", budget=Budget(max_rounds=3))
    page = (tmp_path / "t" / "report.html").read_text()
    assert "3 of 3" in page and "of 1<" not in page
    events = list(read_trace(tmp_path / "t" / "trace.jsonl"))
    killed = [*events, next(event for event in events if isinstance(event, RunStarted))]
    assert isinstance(events[-1], RunEnded)
    assert "unfinished" in render_report(killed, tmp_path / "t")


def test_an_async_run_that_is_cancelled_before_its_models_are_there_draws_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    opened, gate = threading.Event(), threading.Event()
    generator = ScriptedGenerator()
    begun: list[Session] = []
    start = Session.start
    monkeypatch.setattr(Session, "start", lambda session: (begun.append(session), start(session)))
    agent = scripted_agent(tmp_path, generator=generator)
    runtime = agent.runtime

    def loaded(held: HeldModels, tell: Any = None) -> Any:
        opened.set()
        gate.wait(60)
        return runtime

    monkeypatch.setattr(HeldModels, "runtime", loaded)
    slow = Agent(generator=generator, critic=ScriptedCritic(None, texts(), profile=LISTED), runs_dir=tmp_path)

    async def cancelled() -> None:
        work = asyncio.create_task(slow.arun("a circle", thread_id="t"))
        assert await asyncio.to_thread(opened.wait, 60)
        work.cancel()
        with pytest.raises(asyncio.CancelledError):
            await work
        gate.set()

    asyncio.run(cancelled())
    for thread in threading.enumerate():
        if thread.name == "omniagent-open":
            thread.join()
    (session,) = begun
    assert session.wait().stop_reason == "cancelled" and not generator.calls


def test_a_batch_that_is_stopped_while_models_load_draws_nothing(tmp_path: Path) -> None:
    generator = ScriptedGenerator()
    agent = scripted_agent(tmp_path, generator=generator)
    (tmp_path / "tasks.jsonl").write_text(json.dumps({"id": "a", "task": "a red circle"}) + "\n")
    asked: list[int] = []

    def stopped() -> bool:
        asked.append(1)
        return len(asked) > 1

    assert run_batch(agent, tmp_path / "tasks.jsonl", tmp_path / "out", should_stop=stopped) == []
    assert not generator.calls


def test_a_result_is_saved_only_while_its_folder_is_there_and_never_into_itself(tmp_path: Path) -> None:
    result = scripted_agent(tmp_path / "runs").run("a red circle", thread_id="t")
    for _ in range(2):
        result.save(result.folder / "copy")
    assert not (result.folder / "copy" / "copy").exists()
    gone = result.model_copy(update={"folder": tmp_path / "gone"})
    with pytest.raises(BadSetting, match="gone"):
        gone.save(tmp_path / "elsewhere")
    (result.folder / "attempts" / "a1.png").unlink()
    with pytest.raises(BadImage, match=r"a1\.png"):
        result.save(tmp_path / "elsewhere")


def test_a_checkpoint_below_the_home_folder_keeps_its_own_rules(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    (tmp_path / "ck").mkdir()
    own = CriticProfile(describe_first=True, thresholds=Thresholds(yes=0.7))
    Profiles(GeneratorProfile(steps=7), own).save(tmp_path / "ck")
    near, far = (read_profiles(Path(Config(model=model).model)) for model in ("~/ck", str(tmp_path / "ck")))
    assert near == far and near.critic.describe_first and near.critic.thresholds.yes == 0.7
    assert near.generator.steps == 7


def test_a_yes_that_somebody_set_is_not_the_checkpoints_to_say(tmp_path: Path) -> None:
    Profiles(GeneratorProfile(), CriticProfile(thresholds=Thresholds(yes=0.7))).save(tmp_path)
    config = Config(tools={"thresholds": {"yes": 0.9}})  # pyright: ignore[reportArgumentType]
    assert config.tools.over(read_profiles(tmp_path).critic).thresholds.yes == 0.9
    assert Config().tools.over(read_profiles(tmp_path).critic).thresholds.yes == 0.7
