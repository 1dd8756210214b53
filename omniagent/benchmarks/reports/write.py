"""Writes the reports of runs: one page a run, and one of runs beside each other."""

import json
from collections.abc import Sequence
from pathlib import Path

from omniagent.benchmarks.reports.figures import Report, Run
from omniagent.benchmarks.reports.gallery import cards_beside, cards_of
from omniagent.benchmarks.reports.page import page_of
from omniagent.benchmarks.reports.published import published
from omniagent.benchmarks.reports.tables import (
    Table,
    about,
    cost_table,
    counts_table,
    figures_table,
    pairs_table,
    reasons_table,
)
from omniagent.comparison import Comparison, Outcome, compared
from omniagent.comparison.plot import svg_of
from omniagent.model.errors import BadSetting
from omniagent.model.wording import shown
from omniagent.tools.record.files import write_whole


def write_report(run: Run) -> Report:
    """`report.md`, `report.json`, `report.html` and `cost.json` into the run's folder.

    Raises:
        OutputUnwritable, StorageFull: they cannot be written.
    """
    report, folder = run.report(), run.folder.path
    tables = [
        figures_table(run.benchmark, [report], published(run.benchmark)),
        counts_table([report]),
        reasons_table(report),
        cost_table([report]),
    ]
    title = f"{report.title}: {report.label}"
    _write(folder / "report.md", markdown_of(title, [about(report)], report.warnings, tables))
    _write(folder / "report.html", page_of(title, [about(report)], report.warnings, tables, cards_of(run)))
    _write(folder / "report.json", report.model_dump_json(indent=1) + "\n")
    _write(folder / "cost.json", json.dumps(cost_of(run), indent=1) + "\n")
    return report


def write_comparison(runs: Sequence[Run], base: Run, out: Path) -> str:
    """`comparison.md`, `.html` and, where pictures are right or wrong, `.json` and `.svg`, of runs beside each other.

    Args:
        runs: In the order in which they are shown.
        base: The one of them that the others are held against, picture by picture.
        out: The folder that gets the files.

    Returns:
        The Markdown.

    Raises:
        OutputUnwritable, StorageFull: they cannot be written.
        BadSetting: items of the runs differ under one key, as those of two seeds that are made here.
    """
    _check_same(runs, base)
    benchmark = base.benchmark
    reports = [run.report() for run in runs]
    tables = [
        figures_table(benchmark, reports, published(benchmark)),
        pairs_table(benchmark, runs, base),
        counts_table(reports),
        cost_table(reports),
    ]
    plot = None
    if (found := comparison_of(runs, base)) is not None:
        tables.insert(1, Table("At equal pictures, over the same items", found.head, found.cells))
        plot = svg_of(found)
        _write(out / "comparison.json", found.model_dump_json(indent=1) + "\n")
        _write(out / "comparison.svg", plot)
    title = f"{benchmark.title}: {', '.join(report.label for report in reports)}"
    told = [f"{report.label}: {about(report)}" for report in reports]
    warnings = list(dict.fromkeys(warning for report in reports for warning in report.warnings))
    text = markdown_of(title, told, warnings, tables)
    _write(out / "comparison.md", text)
    _write(out / "comparison.html", page_of(title, told, warnings, tables, cards_beside(runs, base), plot))
    return text


def comparison_of(runs: Sequence[Run], base: Run) -> Comparison | None:
    """Runs as shares of right pictures, over those that all have a score of; None where nothing is right or wrong."""
    part = base.benchmark.right
    if part is None:
        return None
    values: list[dict[str, bool]] = []
    for run in runs:
        made = {sample.key: run.judgement_of(sample) for sample in run.samples}
        values.append(
            {key: one.scores[part] >= 1 for key, one in made.items() if one is not None and part in one.scores}
        )
    keys = [sample.key for sample in base.samples if all(sample.key in found for found in values)]
    outcomes: dict[tuple[str, int], list[Outcome]] = {}
    for run, found in zip(runs, values, strict=True):
        lines = run.drawn
        outcomes[run.about.policy if _alone(runs, run) else run.folder.label, run.about.pictures] = [
            Outcome(
                right=found[key],
                worse=None,
                pictures=lines[key].pictures if key in lines else 1,
                stop=lines[key].stop if key in lines else "elsewhere",
            )
            for key in keys
        ]
    if not keys:
        return None
    policy = base.about.policy if _alone(runs, base) else base.folder.label
    seeds = ", ".join(dict.fromkeys(str(run.about.seed) for run in runs))
    told = f"{len(keys)} pictures, judged by {base.identity.name}, seed {seeds}"
    return compared(outcomes, baseline=policy, about=told, title=base.benchmark.title)


def markdown_of(title: str, told: Sequence[str], warnings: Sequence[str], tables: Sequence[Table]) -> str:
    """A page of Markdown."""
    parts = [f"# {title}", *told]
    if warnings:
        parts.append("\n".join(f"- Warning: {warning.removesuffix('.')}." for warning in warnings))
    for table in tables:
        if table.rows:
            parts += [f"## {table.title}", table.markdown()]
    return "\n\n".join(parts) + "\n"


def cost_of(run: Run) -> dict[str, object]:
    """Seconds and dates of a run, which differ from one run to the next."""
    dates = sorted(call.date for line in run.judged.values() for call in line.judgement.calls if call.date)
    calls = [call for line in run.judged.values() for call in line.judgement.calls]
    return {
        "pictures": sum(line.pictures for line in run.drawn.values()),
        "critic_calls": sum(line.calls for line in run.drawn.values()),
        "drawing_seconds": round(sum(line.seconds for line in run.drawn.values()), 1),
        "judge_calls": len(calls),
        "judge_calls_cached": sum(call.cached for call in calls),
        "judging_seconds": round(sum(line.seconds for line in run.judged.values()), 1),
        "judged_from": dates[0] if dates else "",
        "judged_to": dates[-1] if dates else "",
    }


def _alone(runs: Sequence[Run], run: Run) -> bool:
    """Whether no other run is by the same policy within the same number of pictures."""
    return [(one.about.policy, one.about.pictures) for one in runs].count((run.about.policy, run.about.pictures)) == 1


def _write(path: Path, text: str) -> None:
    write_whole(path, text.encode())


def _check_same(runs: Sequence[Run], base: Run) -> None:
    items = {sample.item.key: sample.item for sample in base.samples}
    for run in runs:
        other = next((one.item.key for one in run.samples if items.get(one.item.key, one.item) != one.item), None)
        if other is not None:
            raise BadSetting(
                f"the item {shown(other)} of {run.folder.label}, seed {run.about.seed}, is another one than that of "
                f"{base.folder.label}, seed {base.about.seed}; compare runs of one seed"
            )
