"""How far a run is, as one number that only grows, and what it is doing, in a line."""

from typing import Final, NamedTuple

from omniagent.model.wording import counted
from omniagent.runs.status import doing
from omniagent.tools.record.trace import (
    AttemptMade,
    Critiqued,
    Decided,
    Event,
    Planned,
    RunEnded,
    RunStarted,
    StepProgress,
    ToolStarted,
)

_DRAWN: Final = 0.7
"""Of a round, the share that drawing takes; looking takes the rest."""
_DRAWING: Final = ("generate", "edit", "compose")


class Told(NamedTuple):
    """`done` of `total` rounds, the reading of the task counted as one, and what is being done."""

    done: float
    total: float
    line: str


class RunProgress:
    """Follows one run. Most runs end before their last round: the end is then reached in one step.

    Args:
        max_rounds: Of the run's budget.
    """

    def __init__(self, max_rounds: int) -> None:
        self._total = float(max_rounds + 1)
        self._round = 0.0
        self._done = 0.0

    def loading(self, part: str = "") -> Told:
        """While the models load, before the first event; `part` is the network that is being read."""
        return self._told(0.05, f"loading the models: {part}" if part else "loading the models")

    def hear(self, event: Event) -> Told | None:
        """What one event tells; None for events that tell a host nothing."""
        match event:
            case RunStarted():
                return self._told(0.1, f"run {event.run_id}{' goes on' if event.resumed else ''}")
            case ToolStarted():
                share = _DRAWN if event.tool == "critique" else 0.0
                return self._told(self._round + share, f"{doing(event.tool)}…")
            case StepProgress():
                share = _DRAWN * event.step / max(1, event.steps) if event.tool in _DRAWING else _DRAWN
                return self._told(self._round + share, f"{doing(event.tool)}: step {event.step} of {event.steps}")
            case Planned():
                self._round = max(self._round, 1.0)
                line = f"plan: {event.plan.mode}, {counted(len(event.plan.checklist), 'requirement')}"
                return self._told(self._round, line)
            case AttemptMade():
                did = "restored" if event.attempt.restored else "drew"
                return self._told(self._round + _DRAWN, f"{did} {event.attempt.id}")
            case Critiqued():
                seen = event.critique
                line = f"looked at {seen.attempt}: {seen.passed} of {len(seen.verdicts)} hold"
                return self._told(self._round + 0.9, line)
            case Decided():
                self._round = min(event.round + 1.0, self._total - 1.0)
                return self._told(self._round, f"{event.decision.action.replace('_', ' ')}: {event.decision.reason}")
            case RunEnded():
                self._done = self._total
                return Told(self._total, self._total, f"done: {event.message or event.stop_reason}")
            case _:
                return None

    def _told(self, done: float, line: str) -> Told:
        # Hosts want each number above the last: where an event brings no progress, a little of the way is taken.
        end = min(float(int(self._done) + 1), self._total)
        self._done = max(min(done, self._total), self._done + (end - self._done) * 0.02)
        return Told(self._done, self._total, line)
