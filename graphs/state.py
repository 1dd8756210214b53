"""What the graph remembers: small, frozen, serialisable; pictures by reference only."""

from collections.abc import Sequence
from typing import Annotated, TypedDict, TypeVar

from pydantic import Field

from omniagent.graphs.policy import LoopPolicy
from omniagent.tools.types import (
    Attempt,
    Budget,
    Critique,
    Decision,
    Mode,
    Plan,
    Preference,
    Refinement,
    RenderSettings,
    StopReason,
    Task,
    Usage,
    Word,
)

T = TypeVar("T")


class Fault(Word):
    """Something ended the work before a decision could: the stop reason it gives, and the error's class and words."""

    stop: StopReason
    message: str
    error: str | None = None


def joined(old: Sequence[T], new: Sequence[T]) -> tuple[T, ...]:
    """Reducer of histories. A checkpoint gives back lists, hence the conversions."""
    return (*old, *new)


def judged(old: Sequence[Critique], new: Sequence[Critique]) -> tuple[Critique, ...]:
    """Reducer of critiques: one for each attempt, a later one in place of an earlier."""
    return tuple({critique.attempt: critique for critique in (*old, *new)}.values())


def spent(old: Usage, new: Usage) -> Usage:
    """Reducer of usage: nodes return what they added."""
    return old.plus(**new.model_dump())


class AgentState(Word):
    """One run. `stop` is None while the run goes on and is then exactly one reason.

    `given` are the verdicts on the picture that an edit starts from, once it was judged; `warnings` say in which ways
    the pictures are not drawn as they were asked for; `pace` are the generator's seconds a picture, round by round;
    `compared` are the attempts that were held beside the picture before to take back what was not to change.
    """

    task: Task
    seed: int = Field(default=0, ge=0)
    settings: RenderSettings = RenderSettings()
    mode: Mode | None = None
    budget: Budget = Budget()
    policy: LoopPolicy = LoopPolicy()
    clarification: str | None = None
    plan: Plan | None = None
    warnings: tuple[str, ...] = ()
    attempts: Annotated[tuple[Attempt, ...], joined] = ()
    critiques: Annotated[tuple[Critique, ...], judged] = ()
    given: Critique | None = None
    preferences: Annotated[tuple[Preference, ...], joined] = ()
    refinements: Annotated[tuple[Refinement, ...], joined] = ()
    pace: Annotated[tuple[float, ...], joined] = ()
    compared: Annotated[tuple[str, ...], joined] = ()
    decisions: Annotated[tuple[Decision, ...], joined] = ()
    usage: Annotated[Usage, spent] = Usage()
    answer: str | None = None
    fault: Fault | None = None
    stop: StopReason | None = None


class StateUpdate(TypedDict, total=False):
    """What a node may return. LangGraph drops misspelt keys silently; this type and a test do not."""

    clarification: str | None
    policy: LoopPolicy
    plan: Plan | None
    warnings: tuple[str, ...]
    attempts: tuple[Attempt, ...]
    critiques: tuple[Critique, ...]
    given: Critique | None
    preferences: tuple[Preference, ...]
    refinements: tuple[Refinement, ...]
    pace: tuple[float, ...]
    compared: tuple[str, ...]
    decisions: tuple[Decision, ...]
    usage: Usage
    answer: str | None
    fault: Fault | None
    stop: StopReason | None
