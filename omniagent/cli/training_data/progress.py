"""A build on stderr: a line for each item, and a bar where stderr is a terminal."""

from types import TracebackType
from typing import Self

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn, TimeRemainingColumn

from omniagent.data.build import Progress as Done


class Bar:
    """A context manager that takes its bar away at the end."""

    def __init__(self) -> None:
        console = Console(stderr=True, soft_wrap=True, highlight=False)
        columns = (TextColumn("build"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn(), TimeRemainingColumn())
        self._bar = Progress(*columns, console=console, transient=True, disable=not console.is_terminal)
        self._task = self._bar.add_task("build", total=None)

    def __enter__(self) -> Self:
        self._bar.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._bar.stop()

    def show(self, done: Done) -> None:
        """Add one finished item."""
        self._bar.update(self._task, completed=done.done, total=done.total)
        self._bar.console.print(done.line, markup=False)
