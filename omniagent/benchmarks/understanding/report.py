"""The report of benchmarks of understanding: our row beside the published one."""

from collections.abc import Sequence
from pathlib import Path

from pydantic import Field

from omniagent.benchmarks.reports.page import page_of
from omniagent.benchmarks.reports.tables import Table
from omniagent.benchmarks.reports.write import markdown_of
from omniagent.benchmarks.understanding.results import Understood
from omniagent.benchmarks.understanding.tasks import HARNESS, PUBLISHED, TASKS
from omniagent.tools.record.files import write_whole
from omniagent.tools.types import Word


class UnderstandingReport(Word):
    """What a model's MLLM understands, by lmms-eval."""

    model: str
    figures: tuple[Understood, ...] = Field(min_length=1)

    @property
    def warnings(self) -> tuple[str, ...]:
        """In which ways the figures are not those of papers."""
        return tuple(dict.fromkeys(line for figure in self.figures for line in figure.warnings))

    @property
    def table(self) -> Table:
        """Our row and the published ones."""
        labels = [task.label for task in TASKS.values()]
        by_label = {figure.label: figure for figure in self.figures}
        version = next((figure.version for figure in self.figures if figure.version), "")
        own = (self.model or "here", f"here, by {HARNESS} {version}".strip(), *(_cell(by_label.get(x)) for x in labels))
        rows = [
            (model, source, *(f"{values[label]:.1f}" if label in values else "—" for label in labels))
            for model, source, values in PUBLISHED
        ]
        return Table("Beside published rows", ("", "source", *labels), (own, *rows), frozenset({0}))


def write_understanding(figures: Sequence[Understood], folder: Path, model: str = "") -> UnderstandingReport:
    """`report.md`, `report.json` and `report.html` into a folder.

    Args:
        figures: What was read back.
        folder: Gets the report.
        model: What was asked; the harness's own name for it by default.

    Raises:
        OutputUnwritable, StorageFull: it cannot be written.
    """
    named = model or next((figure.model for figure in figures if figure.model), "")
    report = UnderstandingReport(model=named, figures=tuple(figures))
    title, dates = f"Understanding: {named or 'a model'}", sorted({each.date for each in figures if each.date})
    about = [f"Run and scored by {HARNESS}; read back from its results ({', '.join(dates) or 'no date told'})."]
    write_whole(folder / "report.md", markdown_of(title, about, report.warnings, [report.table]).encode())
    write_whole(folder / "report.html", page_of(title, about, report.warnings, [report.table]).encode())
    write_whole(folder / "report.json", (report.model_dump_json(indent=1) + "\n").encode())
    return report


def _cell(figure: Understood | None) -> str:
    if figure is None or figure.value is None:
        return "—"
    return f"{figure.value:.1f}" + ("" if figure.standard_error is None else f" ± {figure.standard_error:.1f}")
