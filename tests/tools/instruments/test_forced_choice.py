"""Forced choice in both orders: a critic that favours a place chooses nothing, and the earlier picture stays."""

from collections.abc import Callable
from pathlib import Path

import pytest
from PIL import Image, ImageStat

from omniagent.config import Config
from omniagent.graphs.policy import LoopPolicy
from omniagent.model.errors import CriticBadOutput
from omniagent.model.requests import GenerationRequest, Options, Prompt
from omniagent.model.scripted import Choices, ScriptedCritic, ScriptedGenerator
from omniagent.runs.result import Result
from omniagent.tools.config import ToolConfig
from omniagent.tools.dialects.plain.prompts import CHOICE_SYSTEM
from omniagent.tools.types import Budget
from tests.support.scripted_runs import scripted_agent
from tests.tools.audit.test_second_reading import FIRST, TASK, checklist

GOOD = Image.effect_noise((64, 64), 20).convert("RGB")
POOR = Image.effect_noise((64, 64), 90).convert("RGB")


def drawn(first: Image.Image, then: Image.Image) -> Callable[[GenerationRequest], list[Image.Image]]:
    """The first call draws one picture, every later one others of the second look."""
    calls: list[int] = []

    def draw(request: GenerationRequest) -> list[Image.Image]:
        calls.append(len(calls))
        look = first if len(calls) == 1 else then
        return [look.rotate(90 * (len(calls) + at)) for at, _ in enumerate(request.seeds)]

    return draw


def by_look(prompt: Prompt, options: tuple[str, ...]) -> str:
    """Chooses the picture with less noise, wherever it stands; it does not count."""
    if prompt.system != CHOICE_SYSTEM:
        raise CriticBadOutput("no number")
    pictures = [part for part in prompt.parts if isinstance(part, Image.Image)][-2:]
    noise = [ImageStat.Stat(picture.convert("L")).stddev[0] for picture in pictures]
    return options[0] if noise[0] < noise[1] else options[1]


def run(folder: Path, pictures: tuple[Image.Image, Image.Image], choices: Choices, *, asks: bool = True) -> Result:
    """Two rounds whose pictures hold the same requirements, none of them all."""

    def judge(prompt: Prompt, question: str) -> float:
        return 0.1 if "dogs" in question else 0.9

    critic = ScriptedCritic(judge, lambda prompt, schema: checklist(FIRST), choices=choices)
    config = Config(
        tools=ToolConfig(backoff=0), loop=LoopPolicy(second_reading=False, local_failures=0, forced_choice=asks)
    )
    agent = scripted_agent(folder, critic=critic, generator=ScriptedGenerator(drawn(*pictures)), config=config)
    result = agent.run(TASK, budget=Budget(max_rounds=2, candidates=1))
    asked = [call for call in critic.calls if isinstance(call, Options) and call.prompt.system == CHOICE_SYSTEM]
    assert len(asked) == (2 if asks else 0), "one choice is two calls"
    return result


@pytest.mark.parametrize(("pictures", "best"), [((GOOD, POOR), "a1"), ((POOR, GOOD), "a2")])
def test_the_picture_that_is_chosen_in_both_orders_is_returned(
    tmp_path: Path, pictures: tuple[Image.Image, Image.Image], best: str
):
    result = run(tmp_path, pictures, by_look)
    assert result.best is not None and result.best.id == best


@pytest.mark.parametrize("place", [0, 1])
def test_a_critic_that_always_prefers_one_place_leaves_the_earlier_picture(tmp_path: Path, place: int):
    result = run(tmp_path, (POOR, GOOD), lambda prompt, options: options[place])
    assert result.best is not None and result.best.id == "a1"


def test_without_the_choice_a_later_equal_picture_does_not_take_over(tmp_path: Path):
    result = run(tmp_path, (POOR, GOOD), by_look, asks=False)
    assert result.best is not None and result.best.id == "a1"


def test_a_choice_that_cannot_be_read_is_none_and_the_run_goes_on(tmp_path: Path):
    critic = ScriptedCritic(
        lambda prompt, question: 0.1 if "dogs" in question else 0.9,
        lambda prompt, schema: checklist(FIRST),
        choices=[CriticBadOutput("purple")] * 9,
    )
    config = Config(tools=ToolConfig(backoff=0, critic_tries=1), loop=LoopPolicy(second_reading=False))
    generator = ScriptedGenerator(drawn(POOR, GOOD))
    result = scripted_agent(tmp_path, critic=critic, generator=generator, config=config).run(
        TASK, budget=Budget(max_rounds=2, candidates=1)
    )
    assert result.error is None and result.best is not None and result.best.id == "a1"
