"""The agent as an object of a program: its life, the options of a run, looking at pictures, and notebooks."""

import asyncio
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from omniagent import (
    Agent,
    BadSetting,
    BadTask,
    Cancelled,
    ModelRuntime,
    RenderSettings,
    Result,
    ScriptedCritic,
)
from omniagent.held import HeldModels
from omniagent.model.requests import LoraChoice
from omniagent.model.scripted import ScriptedGenerator
from omniagent.tools.record.attempt_files import read_lineage
from omniagent.tools.record.trace import RunEnded
from tests.support.faces import TASK, repaired, stuck
from tests.support.scripted_runs import LISTED, plan_draft, scripted_agent, texts


def test_a_with_block_frees_the_models_and_refuses_later_runs(tmp_path: Path) -> None:
    with repaired(tmp_path) as agent:
        assert not agent.loaded
        assert agent.preload() is agent and agent.loaded
        runtime = agent.runtime
        assert agent.run(TASK).accepted
    assert not agent.loaded and "closed" in repr(agent)
    for again in (lambda: agent.run(TASK), lambda: agent.runtime, lambda: agent.check(Image.new("RGB", (8, 8)), ["?"])):
        with pytest.raises(BadSetting, match="this agent is closed"):
            again()
    with pytest.raises(BadSetting, match="runtime is closed"):
        runtime.critic.write(None)  # pyright: ignore[reportArgumentType]
    agent.close()


def test_a_runtime_that_was_given_outlives_the_agent(tmp_path: Path) -> None:
    with ModelRuntime(ScriptedGenerator(), ScriptedCritic(None, texts(), profile=LISTED)) as runtime:
        for name in ("a", "b"):
            with Agent(runtime=runtime, runs_dir=tmp_path / name) as agent:
                assert agent.run(TASK).accepted


def test_closing_stops_runs_under_way_with_their_best_pictures(tmp_path: Path) -> None:
    agent = stuck(tmp_path)
    for event in agent.stream(TASK, thread_id="mine"):
        if event.event == "decided":
            agent.close()
    result = Result.load(tmp_path / "mine")
    assert result.stop_reason == "cancelled" and result.best is not None


@pytest.mark.parametrize("size", ["96x64", (96, 64), [96, 64]])
def test_size_steps_and_lora_of_one_run_reach_the_generator(tmp_path: Path, size: Any) -> None:
    generator = ScriptedGenerator()
    lora = tmp_path / "style.safetensors"
    lora.touch()
    agent = scripted_agent(tmp_path / "runs", generator=generator)
    settings = RenderSettings(width=32, height=32, negative="blur")
    result = agent.run(TASK, size=size, steps=3, lora=(lora, 0.5), settings=settings)
    (asked,) = generator.calls
    assert (asked.width, asked.height, asked.steps, asked.negative) == (96, 64, 3, "blur")
    assert asked.loras == (LoraChoice(path=str(lora), scale=0.5),)
    # The picture file is shared: it names the LoRA, and not where it lies.
    assert result.best is not None
    assert read_lineage(result.path_of(result.best)).settings.loras == (
        LoraChoice(path="style.safetensors", scale=0.5),
    )


def test_loras_come_alone_in_pairs_in_lists_and_by_path(tmp_path: Path) -> None:
    a, b = tmp_path / "a", tmp_path / "b"
    a.mkdir()
    b.touch()
    forms: list[Any] = [str(a), a, (a, 1), [a], [(a, 1.0)], {a: 1.0}, LoraChoice(path=str(a))]
    for number, form in enumerate(forms):
        generator = ScriptedGenerator()
        scripted_agent(tmp_path / "runs" / str(number), generator=generator).run(TASK, lora=form)
        assert generator.calls[0].loras == (LoraChoice(path=str(a), scale=1.0),)
    generator = ScriptedGenerator()
    scripted_agent(tmp_path / "runs" / "two", generator=generator).run(TASK, lora=[a, (b, -0.5)])
    assert [one.scale for one in generator.calls[0].loras] == [1.0, -0.5]


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"size": "large"}, "'large' is no size"),
        ({"size": (8, 8)}, r"\(8, 8\) is no size"),
        ({"size": 512}, "512 is no size"),
        ({"steps": 0}, "steps=0"),
        ({"steps": "many"}, "steps='many'"),
        ({"steps": True}, "steps=True"),
        ({"guidance": 101}, "guidance=101"),
        ({"image_guidance": "strong"}, "image_guidance='strong'"),
        ({"negative": 3}, "negative=3 is no text"),
        ({"lora": "/nowhere.safetensors"}, "lora='/nowhere.safetensors' is missing"),
        ({"lora": 7}, "lora=7 is no LoRA"),
        ({"lora": [None]}, "lora=None is no LoRA"),
        ({"lora": ("/", float("nan"))}, "strength"),
        ({"step": 3}, "'step' is not known"),
    ],
)
def test_a_wrong_option_is_named_before_any_model_loads(tmp_path: Path, options: dict[str, Any], said: str) -> None:
    agent = repaired(tmp_path)
    with pytest.raises(BadSetting, match=said):
        agent.run(TASK, **options)
    assert not agent.loaded


def test_a_generator_that_takes_no_lora_says_so(tmp_path: Path) -> None:
    class Other:
        model, profile = "other", ScriptedGenerator().profile

        def generate(self, request: Any, *, token: Any = None, on_step: Any = None) -> list[Image.Image]:
            raise AssertionError("it was asked to draw")

    (tmp_path / "a").touch()
    agent = scripted_agent(tmp_path, generator=Other())  # pyright: ignore[reportArgumentType]
    with pytest.raises(BadSetting, match="other takes no LoRA"):
        agent.run(TASK, lora=tmp_path / "a")


def test_the_last_event_names_the_folder_and_the_best_picture_lies_there(tmp_path: Path) -> None:
    async def last() -> Any:
        return [event async for event in repaired(tmp_path).astream(TASK)][-1]

    ended = asyncio.run(last())
    assert isinstance(ended, RunEnded)
    result = Result.load(ended.folder)
    assert result.best is not None and result.best.id == "a2"
    assert (result.folder / "picture.png").read_bytes() == result.path_of("a2").read_bytes()


def test_a_picture_from_elsewhere_is_checked_and_described(tmp_path: Path) -> None:
    path = tmp_path / "a.png"
    Image.new("RGB", (40, 40), "white").save(path)
    critic = ScriptedCritic(
        lambda prompt, question: 0.97 if "circle" in question else 0.2,
        lambda prompt, schema: plan_draft() if schema else f"a  white\nsquare, {len(prompt.parts)} parts",
        profile=LISTED,
    )
    agent = scripted_agent(tmp_path / "runs", critic=critic)
    found = agent.check(path, ["Is there a circle?", "Is there a cat?"])
    assert [verdict.answer for verdict in found.critique.verdicts] == ["yes", "no"] and not found.accepted
    assert agent.check(path, "Is there a circle?").accepted
    assert len(agent.check(path, task=TASK).checklist) == 3
    assert agent.describe(path).startswith("a white square")
    assert agent.describe(path, "what is it?") and "what is it?" in str(critic.calls[-1])
    with pytest.raises(BadTask, match="0 questions"):
        agent.check(path)
    assert not (tmp_path / "runs").exists()


@pytest.mark.parametrize("way", ["cancel", "close", "asyncio"])
def test_a_look_under_way_is_cancelled_as_runs_are(tmp_path: Path, way: str) -> None:
    critic = ScriptedCritic(gate=threading.Event(), profile=LISTED)
    agent = scripted_agent(tmp_path, critic=critic)
    white = Image.new("RGB", (16, 16), "white")

    def end() -> None:
        critic.started.wait()
        if way == "close":
            agent.close()
        else:
            assert (agent.cancel("a run"), agent.cancel()) == (0, 1)

    async def leave() -> None:
        look = asyncio.create_task(agent.acheck(white, ["Is it white?"]))
        await asyncio.to_thread(critic.started.wait)
        look.cancel()
        with pytest.raises(asyncio.CancelledError):
            await look

    if way == "asyncio":
        asyncio.run(leave())
        agent.close()
    else:
        with ThreadPoolExecutor() as pool:
            ended = pool.submit(end)
            with pytest.raises(Cancelled):
                agent.describe(white)
            ended.result()
    assert agent.cancel() == 0


def test_work_that_begins_while_the_agent_closes_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Closed after its models were lent, and before the run or look was listed."""
    lend = HeldModels.runtime

    def lend_and_close(held: HeldModels, on_part: Callable[[str], None] | None = None) -> ModelRuntime:
        lent = lend(held, on_part)
        agent.close()
        return lent

    agent = repaired(tmp_path)
    monkeypatch.setattr(HeldModels, "runtime", lend_and_close)
    with pytest.raises(BadSetting, match="this agent is closed"):
        agent.run(TASK)
    assert agent.folders == ()


def test_given_models_are_closed_with_an_agent_that_never_used_them(tmp_path: Path) -> None:
    class Closing(ScriptedGenerator):
        closed = 0

        def close(self) -> None:
            self.closed += 1

    generator = Closing()
    with scripted_agent(tmp_path, generator=generator):
        pass
    assert generator.closed == 1
