"""What pages may ask for, checked: the settings' boxes, and the buttons inside the thread."""

from typing import Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from omniagent.agent import Agent, RunOptions
from omniagent.demo.state.places import Mark
from omniagent.demo.state.threads import Wishes
from omniagent.integrations.arguments import CreateArguments, refusal
from omniagent.model.errors import BadSetting
from omniagent.model.wording import fault
from omniagent.runs.options import budget_with, seed_of, size_of


class Settings(BaseModel):
    """The boxes of the sidebar, whatever was typed into them."""

    seed: object = None
    random: bool = True
    size: object = None
    rounds: object = None
    images: object = None
    candidates: object = None
    seconds: object = None


class Pressed(BaseModel):
    """A button inside the thread, the history, or above the box."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    act: Literal[
        "new",
        "open",
        "delete",
        "use",
        "fork",
        "retry",
        "use_last",
        "edit",
        "go_on",
        "point",
        "answer",
        "stop",
        "drop_base",
        "drop_edit",
        "drop_attached",
    ]
    talk: str = Field(default="", max_length=100)
    turn: str = Field(default="", max_length=100)
    run: str = Field(default="", max_length=100)
    name: str = Field(default="", max_length=100)
    words: str = Field(default="", max_length=20_000)
    mark: Mark | None = None


def wishes_of(settings: Settings) -> Wishes:
    """The settings of a message, with a seed drawn where none was fixed.

    Raises:
        BadSetting: one is out of range; the message names it.
    """
    values = {
        "task": "-",
        "seed": None if settings.random else settings.seed,
        "size": settings.size or None,
        "max_rounds": settings.rounds,
        "time_limit": settings.seconds,
    }
    try:
        asked = CreateArguments.model_validate(values)
        size_of(asked.size)
        return Wishes(
            seed=seed_of(asked.seed),
            size=asked.size,
            max_rounds=asked.max_rounds,
            time_limit=asked.time_limit,
            max_images=_number("max_images", settings.images),
            candidates=_number("candidates", settings.candidates),
        )
    except ValidationError as error:
        raise BadSetting(refusal(error, CreateArguments)) from error


def options_of(agent: Agent, wishes: Wishes) -> RunOptions:
    """The wishes as the options of a run.

    Raises:
        BadSetting: a cap does not go with the agent's own budget.
    """
    budget = budget_with(
        agent.config.budget,
        max_rounds=wishes.max_rounds,
        max_images=wishes.max_images,
        candidates=wishes.candidates,
        time_limit=wishes.time_limit,
    )
    return RunOptions(seed=wishes.seed, budget=budget, settings=size_of(wishes.size), previews=agent.config.previews)


def pressed_in(data: object) -> Pressed:
    """What a page's button sent.

    Raises:
        BadSetting: it is nothing that the page's buttons send.
    """
    try:
        return Pressed.model_validate(data)
    except ValidationError as error:
        raise BadSetting(fault(error, Pressed.model_fields)) from error


def _number(name: str, value: object) -> int | None:
    if value is None or value == "":
        return None
    try:
        number = float(str(value))
    except ValueError:
        number = 0.5
    if number != int(number):
        raise BadSetting(f"{name}={value} is not allowed: give a whole number")
    return int(number)
