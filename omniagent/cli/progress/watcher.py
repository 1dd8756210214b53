"""The trace of a run as lines on stderr, with a bar for the step at hand where stderr is a terminal."""

from functools import cached_property
from types import TracebackType
from typing import TYPE_CHECKING, Self

from omniagent.cli.guard import say
from omniagent.model.wording import model_name

if TYPE_CHECKING:
    from rich.console import Console
    from rich.progress import Progress, TaskID

    from omniagent.agent import Agent
    from omniagent.cli.progress.lines import EventLines
    from omniagent.runs.options import Loading
    from omniagent.tools.record.trace import Event


class Watcher:
    """Shows events as they come; a context manager that takes its bar away at the end. `quiet` shows the bar alone.

    What draws lines and bars is imported after the first line, which a person waits for.
    """

    def __init__(self, console: "Console | None" = None, *, quiet: bool = False) -> None:
        self._given = console
        self._quiet = quiet
        self._told = False
        self._started: Progress | None = None
        self._task: TaskID | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._started is not None:
            self._started.stop()

    @cached_property
    def console(self) -> "Console":
        """Where lines go: stderr, unless another one was given."""
        if self._given is not None:
            return self._given
        from rich.console import Console

        return Console(stderr=True, soft_wrap=True)

    def loading(self, agent: "Agent") -> None:
        """Say that the models load, which may take minutes, unless they are there."""
        if not agent.loaded:
            self._load("loading the models…", "")

    def loads(self, run: "Loading") -> None:
        """Say which run's models load, and which part of them."""
        critic = "its critic" if run.critic == "local" else f"critic {model_name(run.critic)}"
        self._load(f"loading the models… {model_name(run.generator)} and {critic} for run {run.run_id}", run.part)

    def _load(self, line: str, part: str) -> None:
        if not self._told and not self._quiet:
            say(line)
        self._told = True
        if not self.console.is_terminal:
            return
        if self._task is None:
            self._task = self._bar.add_task("loading the models", total=None)
        if part:
            self._bar.update(self._task, description=f"loading the models: {part}")

    def show(self, event: "Event") -> None:
        """Add one event's lines."""
        if event.event == "tool_started":
            self._step(event.tool, 0, None)
        elif event.event == "step_progress":
            self._step(event.tool, event.step, event.steps)
        elif not self._quiet:
            for line in self._lines.of(event):
                self.console.print(line)

    def _step(self, tool: str, step: int, steps: int | None) -> None:
        from omniagent.runs.status import doing

        if not self.console.is_terminal:
            return
        if self._task is not None:
            self._bar.remove_task(self._task)
        self._task = self._bar.add_task(doing(tool), total=steps, completed=step)

    @cached_property
    def _lines(self) -> "EventLines":
        from omniagent.cli.progress.lines import EventLines

        return EventLines()

    @cached_property
    def _bar(self) -> "Progress":
        from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn, TimeElapsedColumn

        self._started = Progress(
            TextColumn("{task.description}"),
            BarColumn(bar_width=24),
            TaskProgressColumn(),
            TimeElapsedColumn(),
            console=self.console,
            transient=True,
        )
        self._started.start()
        return self._started
