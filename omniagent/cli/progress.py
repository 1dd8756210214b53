"""The trace of a run as lines on stderr, with a bar for the step at hand where stderr is a terminal."""

from types import TracebackType
from typing import TYPE_CHECKING, Self

from rich.console import Console
from rich.progress import BarColumn, Progress, TaskID, TaskProgressColumn, TextColumn, TimeElapsedColumn
from rich.text import Text

from omniagent.model.wording import model_name
from omniagent.runs.status import STOPS, doing, evidence_of
from omniagent.tools.record.trace import (
    Asked,
    AttemptMade,
    CriticConsulted,
    Critiqued,
    Decided,
    Estimated,
    Event,
    Planned,
    RunEnded,
    RunStarted,
    StepProgress,
    ToolErrored,
    ToolStarted,
    Warned,
)
from omniagent.tools.types import Critique, Requirement

if TYPE_CHECKING:
    from omniagent.agent import Agent
    from omniagent.runs.options import Loading

_MARKS = {"yes": ("✓", "green"), "no": ("✗", "red"), "unsure": ("?", "yellow")}
_MUTED = "bright_black"
_KNOWN_BY = {"measured": "as measured here", "profile": "by the model's profile", "card": "usual for this card"}


class Watcher:
    """Shows events as they come; a context manager that takes its bar away at the end. `quiet` shows the bar alone."""

    def __init__(self, console: Console | None = None, *, quiet: bool = False) -> None:
        self.console = console if console is not None else Console(stderr=True, soft_wrap=True)
        self._quiet = quiet
        self._questions: dict[str, Requirement] = {}
        self._looked: set[str] = set()
        self._bar = Progress(
            TextColumn("{task.description}"),
            BarColumn(bar_width=24),
            TaskProgressColumn(),
            TimeElapsedColumn(),
            console=self.console,
            transient=True,
            disable=not self.console.is_terminal,
        )
        self._task: TaskID | None = None

    def __enter__(self) -> Self:
        self._bar.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._bar.stop()

    def loading(self, agent: "Agent") -> None:
        """Say that the models load, which may take minutes, unless they are there."""
        if not agent.loaded:
            self._load("loading the models…", "")

    def loads(self, run: "Loading") -> None:
        """Say which run's models load, and which part of them."""
        critic = "its critic" if run.critic == "local" else f"critic {model_name(run.critic)}"
        self._load(f"loading the models… {model_name(run.generator)} and {critic} for run {run.run_id}", run.part)

    def _load(self, line: str, part: str) -> None:
        if self._task is None:
            if not self._quiet:
                self.console.print(Text(line, _MUTED))
            self._task = self._bar.add_task("loading the models", total=None)
        if part:
            self._bar.update(self._task, description=f"loading the models: {part}")

    def show(self, event: Event) -> None:
        """Add one event's lines."""
        match event:
            case ToolStarted():
                self._step(event.tool, 0, None)
            case StepProgress():
                self._step(event.tool, event.step, event.steps)
            case _ if not self._quiet:
                for line in self._lines(event):
                    self.console.print(line)
            case _:
                pass

    def _step(self, tool: str, step: int, steps: int | None) -> None:
        if self._task is not None:
            self._bar.remove_task(self._task)
        self._task = self._bar.add_task(doing(tool), total=steps, completed=step)

    def _lines(self, event: Event) -> list[Text]:
        match event:
            case RunStarted():
                again = "going on with run" if event.resumed else "run"
                critic = f"{event.critic_backend} {model_name(event.critic)}"
                models = f"{model_name(event.generator)} · critic {critic}"
                return [Text(f"{again} {event.run_id} in {event.folder}", _MUTED), Text(models, _MUTED)]
            case Planned():
                self._questions = {need.id: need for need in event.plan.lines}
                head = Text.assemble(("plan ", "bold"), f"{event.plan.mode}: {event.plan.instruction}")
                checks = [Text(f"  · {need.question}") for need in event.plan.checklist]
                notes = [Text.assemble(("  assumed ", "yellow"), (one, "yellow")) for one in event.plan.assumptions]
                notes += [Text.assemble(("  not checked ", "yellow"), (one, "yellow")) for one in event.plan.unchecked]
                return [head, *checks, *notes]
            case Asked():
                return [Text.assemble(("asked ", "bold"), f"{event.question} — {event.answer}")]
            case Warned():
                return [Text.assemble(("note ", "bold yellow"), (event.message, "yellow"))]
            case Estimated():
                each = f"about {event.seconds:.0f} s a picture"
                several = f", {event.pictures} pictures" if event.pictures > 1 else ""
                return [Text(f"{each}{several} ({_KNOWN_BY[event.source]})", _MUTED)]
            case AttemptMade():
                made = event.attempt
                if made.restored:
                    told = f"{made.id}: {made.parent} with what was not to change as it was before"
                    return [Text.assemble(("restored ", "bold"), told)]
                origin = f" from {made.parent}" if made.parent else ""
                return [Text.assemble(("drew ", "bold"), f"{made.id}{origin}, round {made.round}, seed {made.seed}")]
            case Critiqued():
                return [self._verdicts(event.critique)]
            case Decided():
                return [Text.assemble((f"{event.decision.action.replace('_', ' ')} ", "bold"), event.decision.reason)]
            case ToolErrored():
                return [Text(f"{doing(event.tool)} failed: {event.message}", "red")]
            case CriticConsulted():
                words = f"critic {model_name(event.critic)} stands in for {event.stand_in_for}"
                return [Text(words, "yellow")] if event.stand_in_for else []
            case RunEnded():
                seconds = f" ({event.usage.seconds:.1f} s)"
                return [Text.assemble(("done ", "bold"), f"{STOPS[event.stop_reason]}{seconds}")]
            case _:
                return []

    def _verdicts(self, critique: Critique) -> Text:
        repair = f"  repair: {critique.repair}" if critique.repair else ""
        if critique.attempt in self._looked:
            return Text(repair or f"  quality {critique.quality:.2f}", _MUTED)
        self._looked.add(critique.attempt)
        holds = f"{critique.attempt}: {critique.passed} of {len(critique.verdicts)} hold"
        line = Text.assemble(("looked at ", "bold"), holds)
        for verdict in critique.verdicts:
            if verdict.answer != "yes":
                mark, colour = _MARKS[verdict.answer]
                need = self._questions.get(verdict.requirement)
                question = need.question if need else verdict.requirement
                told = evidence_of(verdict)
                line.append(f"\n  {mark} {question} ({told or f'{verdict.probability:.2f}'})", colour)
        if repair:
            line.append(f"\n{repair}", _MUTED)
        return line
