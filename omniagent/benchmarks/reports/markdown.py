"""Tables of a run beside the published rows, and of runs beside each other, as Markdown."""

from collections.abc import Sequence

from omniagent.benchmarks.base import Benchmark, Column
from omniagent.benchmarks.reports.figures import Report, Run
from omniagent.benchmarks.reports.published import Row
from omniagent.benchmarks.statistics import Estimate, paired
from omniagent.model.wording import counted


def table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """Rows as a Markdown table; bars within cells are escaped."""
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join(f"| {' | '.join(cell.replace('|', chr(92) + '|') for cell in line)} |" for line in lines)


def figures_table(benchmark: Benchmark, reports: Sequence[Report], rows: Sequence[Row]) -> str:
    """Runs, each with its intervals on a line of its own, and the published rows, in the benchmark's columns."""
    labels = [column.label for column in benchmark.columns]
    found: list[list[str]] = []
    for report in reports:
        found.append([f"**{report.label}**", f"judge {report.judge.name}", *map(str, report.figures)])
        found.append(["95 % interval", "", *(figure.interval for figure in report.figures)])
    digits = {column.label: column.digits for column in benchmark.columns}
    for row in rows:
        values = [f"{row.values[label]:.{digits[label]}f}" if label in row.values else "—" for label in labels]
        found.append([row.model, row.source + (f" ({row.note})" if row.note else ""), *values])
    return table(["", "", *labels], found)


def cost_table(reports: Sequence[Report]) -> str:
    """Pictures and calls of each run."""
    rows = [
        [
            report.label,
            str(report.samples),
            str(report.cost.pictures),
            str(report.cost.critic_calls),
            str(report.cost.judge_calls),
        ]
        for report in reports
    ]
    return table(["", "pictures of the benchmark", "pictures drawn", "critic calls", "judge calls"], rows)


def difference(column: Column, first: Run, second: Run) -> Estimate | None:
    """The column of the first run less that of the second, over pictures that both have a score of.

    None where they have none in common.
    """
    ours, theirs = first.scored(column), second.scored(column)
    if not {one.key for one in ours} & {one.key for one in theirs}:
        return None
    found = paired(ours, theirs, column.aggregate)
    return Estimate(**{name: value * column.scale for name, value in found.model_dump().items()})


def pairs_table(benchmark: Benchmark, runs: Sequence[Run], base: Run) -> str:
    """Every run less the base run, by column, over the same pictures."""
    rows: list[list[str]] = []
    for run in runs:
        if run is base:
            continue
        cells: list[str] = []
        for column in benchmark.columns:
            found = difference(column, run, base)
            cells.append("—" if found is None else signed(found, column.digits))
        rows.append([f"{run.folder.label} less {base.folder.label}", *cells])
    return table(["", *(column.label for column in benchmark.columns)], rows)


def signed(found: Estimate, digits: int) -> str:
    """A difference with its interval."""
    return f"{found.value:+.{digits}f} ({found.low:+.{digits}f} to {found.high:+.{digits}f})"


def markdown_of(benchmark: Benchmark, report: Report, rows: Sequence[Row]) -> str:
    """One run as a page of Markdown."""
    parts = [f"# {report.title}: {report.label}", about(report)]
    if report.warnings:
        parts.append("\n".join(f"- Warning: {warning}" for warning in report.warnings))
    parts.append(figures_table(benchmark, [report], rows))
    parts.append(table(["pictures", "number"], [[words, str(number)] for words, number in report.told]))
    if report.reasons:
        parts.append(table(["no score because", "number"], [[why, str(many)] for why, many in report.reasons.items()]))
    parts.append(cost_table([report]))
    return "\n\n".join(parts) + "\n"


def about(report: Report) -> str:
    """What was drawn and judged by what, in a paragraph."""
    run = report.about
    drawn = "pictures made elsewhere" if run.policy == "elsewhere" else f"policy {run.policy}"
    if run.policy not in ("single", "elsewhere"):
        drawn += f" of at most {counted(run.pictures, 'picture')}"
    by = f", generator {run.generator}, critic {run.critic}, seed {run.seed}" if run.generator else ""
    settings = ", ".join(f"{name} {value}" for name, value in report.judge.settings.items())
    judged = f"Judged by {report.judge.model or report.judge.name}" + (f" ({settings})" if settings else "")
    data = f" Data {run.data[:12]}…" if run.data else ""
    return f"{counted(report.items, 'item')}, {counted(report.samples, 'picture')}; {drawn}{by}. {judged}.{data}"
