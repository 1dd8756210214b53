"""What the endpoints give back about a run, told by its trace alone."""

from collections.abc import Iterable, Sequence
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field

from omniagent.http.desk.folders import Failure
from omniagent.http.desk.order import RunOrder
from omniagent.http.guard.errors import ErrorDetail
from omniagent.runs.status import Status, evidence_of, status_of
from omniagent.tools.record.trace import AttemptMade, Critiqued, Event, Planned, RunEnded, RunStarted, Warned
from omniagent.tools.types import Answer, Attempt, Box, Critique, Plan, StopReason, Usage

State = Literal["queued", "running", "interrupted"] | Status
"""`interrupted`: no process works on it; it goes on when it is resumed, or when its server is started again."""


class Reply(BaseModel):
    """Base of what is given back."""

    model_config = ConfigDict(frozen=True, protected_namespaces=())


class Check(Reply):
    """One requirement and its verdict; `probability` is that of yes, `boxes` are in pixels of the picture."""

    question: str
    verdict: Answer | None = None
    probability: float | None = None
    evidence: str = ""
    boxes: tuple[Box, ...] = ()


class AttemptView(Reply):
    """One picture of a run. `passed` of `checked` requirements hold of it; None: it was not judged yet."""

    id: str
    parent: str | None
    instruction: str
    seed: int
    width: int
    height: int
    url: str = Field(description="its PNG, with the same key")
    passed: int | None = None
    checked: int | None = None
    restored: bool = Field(
        default=False, description="its parent with what was not to change as it was before; nothing was drawn"
    )


class RunView(Reply):
    """A run as far as it is known now."""

    id: str
    object: Literal["run"] = "run"
    status: State
    created_at: int = Field(description="seconds since 1970")
    task: str
    images: int = Field(description="pictures that were given")
    seed: int
    parent: str | None = Field(default=None, description="the run that this one was forked from")
    queue_position: int | None = Field(default=None, description="runs before this one; None when it does not wait")
    mode: str | None = None
    accepted: bool = False
    stop_reason: StopReason | None = None
    message: str = ""
    answer: str | None = None
    best: str | None = Field(default=None, description="the attempt that is returned")
    checks: tuple[Check, ...] = Field(default=(), description="of the best attempt")
    unchecked: tuple[str, ...] = Field(default=(), description="parts of the task that no check asks for")
    assumptions: tuple[str, ...] = ()
    warnings: tuple[str, ...] = ()
    attempts: tuple[AttemptView, ...] = ()
    usage: Usage = Usage()
    error: ErrorDetail | None = None


class RunList(Reply):
    """Runs, the newest first."""

    object: Literal["list"] = "list"
    data: tuple[RunView, ...]
    has_more: bool = Field(description="whether `after` the last of these there are more")


class Account:
    """What a run's events add up to."""

    def __init__(self, events: Iterable[Event]) -> None:
        self.started = False
        self.plan: Plan | None = None
        self.attempts: dict[str, Attempt] = {}
        self.critiques: dict[str, Critique] = {}
        self.warnings: list[str] = []
        self.ended: RunEnded | None = None
        for event in events:
            self._take(event)

    def _take(self, event: Event) -> None:
        match event:
            case RunStarted():
                self.started, self.ended = True, None
            case Planned():
                self.plan = event.plan
            case AttemptMade():
                self.attempts[event.attempt.id] = event.attempt
            case Critiqued():
                self.critiques[event.critique.attempt] = event.critique
            case Warned():
                self.warnings.append(event.message)
            case RunEnded():
                self.ended = event
            case _:
                pass

    @property
    def best(self) -> Attempt | None:
        """The attempt that is returned."""
        name = None if self.ended is None else self.ended.best
        return None if name is None else self.attempts.get(name)

    def checks(self) -> tuple[Check, ...]:
        """The requirements, with their verdicts on the best attempt."""
        critique = None if self.best is None else self.critiques.get(self.best.id)
        verdicts = {one.requirement: one for one in critique.verdicts} if critique else {}
        return tuple(
            Check(
                question=need.question,
                verdict=seen.answer,
                probability=round(seen.probability, 4),
                evidence=evidence_of(seen),
                boxes=tuple(box for one in seen.evidence for box in one.boxes),
            )
            if (seen := verdicts.get(need.id))
            else Check(question=need.question)
            for need in (self.plan.checklist if self.plan else ())
        )


def view_of(
    order: RunOrder,
    events: Sequence[Event],
    *,
    failure: Failure | None = None,
    position: int | None = None,
    at_work: bool = False,
) -> RunView:
    """The view of a run from its order and its events.

    Args:
        order: What was asked for.
        events: Of its trace, in order.
        failure: How it ended without a result.
        position: Its place in the queue, while it waits.
        at_work: Whether this server works on it now.
    """
    account = Account(events)
    ended = account.ended
    told = {} if ended is None else ended.model_dump(include={"accepted", "stop_reason", "answer", "best", "usage"})
    return RunView(
        id=order.run_id,
        status=_state(ended, failure, position, at_work),
        created_at=int(order.created),
        task=order.task,
        images=len(order.images),
        seed=order.seed,
        parent=order.parent,
        queue_position=position,
        mode=account.plan.mode if account.plan else order.mode,
        message=without_paths(ended.message, order) if ended else failure.error.message if failure else "",
        checks=account.checks(),
        unchecked=account.plan.unchecked if account.plan else (),
        assumptions=account.plan.assumptions if account.plan else (),
        warnings=tuple(account.warnings),
        attempts=tuple(_attempt(order.run_id, one, account.critiques.get(one.id)) for one in account.attempts.values()),
        error=None if failure is None else failure.error,
        **told,
    )


def without_paths(text: str, order: RunOrder) -> str:
    """The text without the place of the run's folder on the server."""
    return text.replace(str(order.folder), order.run_id)


def _state(ended: RunEnded | None, failure: Failure | None, position: int | None, at_work: bool) -> State:
    if position is not None:
        return "queued"
    if at_work:
        return "running"
    if failure is not None:
        return "cancelled" if failure.error.code == "cancelled" else "failed"
    return "interrupted" if ended is None else status_of(ended)


def _attempt(run_id: str, attempt: Attempt, critique: Critique | None) -> AttemptView:
    return AttemptView(
        id=attempt.id,
        parent=attempt.parent,
        instruction=attempt.instruction,
        seed=attempt.seed,
        width=attempt.image.width,
        height=attempt.image.height,
        url=f"/v1/runs/{run_id}/attempts/{attempt.id}",
        passed=None if critique is None else critique.passed,
        checked=None if critique is None else len(critique.verdicts),
        restored=attempt.restored,
    )
