"""What a run's events tell so far: plan, rounds with their pictures and cost, what is being done, and the end."""

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Self

from omniagent.graphs.leading import best_of
from omniagent.graphs.state import AgentState
from omniagent.tools.record.trace import (
    Asked,
    AttemptMade,
    CriticConsulted,
    Critiqued,
    Decided,
    Event,
    Planned,
    RunEnded,
    RunStarted,
    StepProgress,
    ToolErrored,
    ToolStarted,
    Warned,
)
from omniagent.tools.types import Attempt, Critique, Decision, Plan, Task

_GIVEN = "image 1"


@dataclass(slots=True)
class Round:
    """What one round drew, what was decided of it, and what it cost; `seconds` is None while it is at work."""

    number: int
    began: float
    attempts: list[Attempt] = field(default_factory=list[Attempt])
    decision: Decision | None = None
    seconds: float | None = None
    tokens: int = 0


@dataclass(slots=True)
class Doing:
    """The tool at work; `steps` is 0 while it tells none. `previews` are the last that it told, JPEGs in base64."""

    tool: str
    step: int = 0
    steps: int = 0
    previews: tuple[str, ...] = ()


class Story:
    """A run as its events tell it. Feed it every event in order; the same events give the same story."""

    def __init__(self) -> None:
        self.started: RunStarted | None = None
        self.plan: Plan | None = None
        self.plan_seconds: float | None = None
        self.asked: list[Asked] = []
        self.warnings: list[str] = []
        self.faults: list[ToolErrored] = []
        self.rounds: list[Round] = []
        self.critiques: dict[str, Critique] = {}
        self.doing: Doing | None = None
        self.ended: RunEnded | None = None
        self._since = 0.0
        self._tokens = 0

    @classmethod
    def of(cls, events: Iterable[Event]) -> Self:
        """The story of all these events."""
        story = cls()
        for event in events:
            story.add(event)
        return story

    def add(self, event: Event) -> None:
        """Take in one event."""
        match event:
            case RunStarted():
                # A run that goes on has its end before it again.
                self.started, self.ended, self._since = event, None, event.time
            case Planned():
                if self.plan is None:
                    self.plan_seconds = max(0.0, event.time - self._since)
                    self._since, self._tokens = event.time, 0
                self.plan, self.doing = event.plan, None
            case Asked():
                self.asked.append(event)
            case Warned():
                if event.message not in self.warnings:
                    self.warnings.append(event.message)
            case ToolStarted():
                self.doing = Doing(event.tool)
            case StepProgress():
                shown = event.previews or (self.doing.previews if self.doing is not None else ())
                self.doing = Doing(event.tool, event.step, event.steps, shown)
            case AttemptMade():
                self._drawn(event.attempt)
            case CriticConsulted():
                self._spent(event.prompt_tokens + event.completion_tokens)
            case Critiqued():
                self.critiques[event.critique.attempt], self.doing = event.critique, None
            case Decided():
                self._decided(event)
            case ToolErrored():
                # That the person stopped it is no fault, and the end says so.
                if event.error != "Cancelled":
                    self.faults.append(event)
                self.doing = None
            case RunEnded():
                self.ended, self.doing = event, None
                self._close(event.time)
            case _:
                pass

    @property
    def attempts(self) -> list[Attempt]:
        """All pictures drawn so far, in order."""
        return [attempt for one in self.rounds for attempt in one.attempts]

    @property
    def given(self) -> Critique | None:
        """What the critic says of the picture that an edit starts from, once it was judged."""
        return self.critiques.get(_GIVEN)

    @property
    def best(self) -> Attempt | None:
        """The returned attempt; while the run goes on, the best so far by the loop's own rule."""
        attempts = self.attempts
        if self.ended is not None:
            return next((attempt for attempt in attempts if attempt.id == self.ended.best), None)
        looked = [attempt for attempt in attempts if attempt.id in self.critiques]
        task = Task(instruction="-") if self.started is None else self.started.task
        state = AgentState(task=task, attempts=tuple(looked), critiques=tuple(self.critiques.values()))
        return best_of(state)

    def rolled_back(self, attempt: Attempt) -> bool:
        """Whether the loop went back behind this attempt."""
        for one in self.rounds:
            if one.number == attempt.round and one.decision is not None and one.decision.action == "roll_back":
                return one.decision.target != attempt.id
        return False

    def _drawn(self, attempt: Attempt) -> None:
        if not self.rounds or self.rounds[-1].number != attempt.round:
            self.rounds.append(Round(attempt.round, self._since, tokens=self._tokens))
            self._tokens = 0
        current = self.rounds[-1]
        current.attempts = [*(one for one in current.attempts if one.id != attempt.id), attempt]
        self.doing = None

    def _spent(self, tokens: int) -> None:
        if self.rounds and self.rounds[-1].seconds is None:
            self.rounds[-1].tokens += tokens
        else:
            self._tokens += tokens

    def _decided(self, event: Decided) -> None:
        self.doing = None
        for one in self.rounds:
            if one.number == event.round:
                one.decision = event.decision
        self._close(event.time)

    def _close(self, time: float) -> None:
        if self.rounds and self.rounds[-1].seconds is None:
            self.rounds[-1].seconds = max(0.0, time - self.rounds[-1].began)
            self._since, self._tokens = time, 0
