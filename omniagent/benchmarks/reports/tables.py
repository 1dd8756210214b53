"""The tables of reports: a run beside the published rows, runs beside each other, cost."""

from collections.abc import Sequence
from typing import NamedTuple

from omniagent.benchmarks.base import Benchmark, Column
from omniagent.benchmarks.reports.figures import Report, Run
from omniagent.benchmarks.reports.published import Row
from omniagent.benchmarks.statistics import Estimate, paired
from omniagent.model.wording import counted


class Table(NamedTuple):
    """A table of texts under a title. `own` are the numbers of the rows that are not published ones."""

    title: str
    head: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    own: frozenset[int] = frozenset()

    def markdown(self) -> str:
        """The table alone; bars and line breaks within cells are taken care of."""
        lines = [self.head, tuple("---" for _ in self.head), *self.rows]
        return "\n".join(f"| {' | '.join(_cell(cell) for cell in line)} |" for line in lines)


def figures_table(benchmark: Benchmark, reports: Sequence[Report], rows: Sequence[Row]) -> Table:
    """Runs, each with its intervals on a line of its own, and the published rows, in the benchmark's columns."""
    labels = [column.label for column in benchmark.columns]
    found: list[tuple[str, ...]] = []
    for report in reports:
        found.append((report.label, f"here, judged by {report.judge.name}", *map(str, report.figures)))
        found.append(("", "95 % interval", *(figure.interval for figure in report.figures)))
    own = frozenset(range(len(found)))
    digits = {column.label: column.digits for column in benchmark.columns}
    for row in rows:
        values = [f"{row.values[label]:.{digits[label]}f}" if label in row.values else "—" for label in labels]
        found.append((row.model, row.source + (f" ({row.note})" if row.note else ""), *values))
    title = "Beside published rows" if rows else "Figures"
    return Table(title, ("", "source", *labels), tuple(found), own)


def counts_table(reports: Sequence[Report]) -> Table:
    """What became of the pictures of each run."""
    words = list(dict.fromkeys(word for report in reports for word, _ in report.told))
    rows = tuple(
        (report.label, str(report.samples), *(str(dict(report.told).get(word, 0)) for word in words))
        for report in reports
    )
    return Table("Pictures", ("", "in all", *words), rows)


def reasons_table(report: Report) -> Table:
    """Why pictures have no score."""
    return Table("No score because", ("", "pictures"), tuple((why, str(many)) for why, many in report.reasons.items()))


def cost_table(reports: Sequence[Report]) -> Table:
    """Pictures and calls of each run."""
    rows = tuple(
        (
            report.label,
            str(report.samples),
            str(report.cost.pictures),
            str(report.cost.critic_calls),
            str(report.cost.judge_calls),
        )
        for report in reports
    )
    return Table("Cost", ("", "pictures judged", "pictures drawn", "critic calls", "judge calls"), rows)


def difference(column: Column, first: Run, second: Run) -> Estimate | None:
    """The column of the first run less that of the second, over pictures that both have a score of.

    None where they have none in common.
    """
    ours, theirs = first.scored(column), second.scored(column)
    if not {one.key for one in ours} & {one.key for one in theirs}:
        return None
    found = paired(ours, theirs, column.aggregate)
    return Estimate(**{name: value * column.scale for name, value in found.model_dump().items()})


def pairs_table(benchmark: Benchmark, runs: Sequence[Run], base: Run) -> Table:
    """Every run less the base run, by column, over the pictures that both have a score of."""
    rows: list[tuple[str, ...]] = []
    for run in runs:
        if run is base:
            continue
        cells: list[str] = []
        for column in benchmark.columns:
            found = difference(column, run, base)
            cells.append("—" if found is None else _signed(found, column.digits))
        rows.append((f"{run.folder.label} less {base.folder.label}", *cells))
    return Table(
        "Pair by pair, with 95 % intervals", ("", *(column.label for column in benchmark.columns)), tuple(rows)
    )


def about(report: Report) -> str:
    """What was drawn and judged by what, in a paragraph."""
    run = report.about
    drawn = "pictures made elsewhere" if run.policy == "elsewhere" else f"policy {run.policy}"
    if run.policy not in ("single", "elsewhere"):
        drawn += f" of at most {counted(run.pictures, 'picture')}"
    by = f", generator {run.generator}, critic {run.critic}, seed {run.seed}" if run.critic else ""
    settings = ", ".join(f"{name} {value}" for name, value in report.judge.settings.items())
    judged = f"Judged by {report.judge.model or report.judge.name}" + (f" ({settings})" if settings else "")
    data = f" Data {run.data[:12]}…" if run.data else ""
    return f"{counted(report.items, 'item')}, {counted(report.samples, 'picture')}; {drawn}{by}. {judged}.{data}"


def _signed(found: Estimate, digits: int) -> str:
    return f"{found.value:+.{digits}f} ({found.low:+.{digits}f} to {found.high:+.{digits}f})"


def _cell(text: str) -> str:
    return " ".join(text.replace("\\", "\\\\").replace("|", "\\|").split())
