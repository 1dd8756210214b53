"""Writes the reports of runs: one page a run, and one of runs beside each other."""

import json

from omniagent.benchmarks.reports.figures import Report, Run
from omniagent.benchmarks.reports.markdown import markdown_of
from omniagent.benchmarks.reports.published import published
from omniagent.tools.record.files import write_whole


def write_report(run: Run) -> Report:
    """`report.md`, `report.json`, `report.html` and `cost.json` into the run's folder.

    Raises:
        OutputUnwritable, StorageFull: they cannot be written.
    """
    report, rows, folder = run.report(), published(run.benchmark), run.folder.path
    write_whole(folder / "report.md", markdown_of(run.benchmark, report, rows).encode())
    write_whole(folder / "report.json", (report.model_dump_json(indent=1) + "\n").encode())
    write_whole(folder / "cost.json", (json.dumps(cost_of(run), indent=1) + "\n").encode())
    return report


def cost_of(run: Run) -> dict[str, object]:
    """Seconds and dates of a run, which differ from one run to the next."""
    dates = sorted(call.date for line in run.judged.values() for call in line.judgement.calls if call.date)
    return {
        "pictures": sum(line.pictures for line in run.drawn.values()),
        "critic_calls": sum(line.calls for line in run.drawn.values()),
        "drawing_seconds": round(sum(line.seconds for line in run.drawn.values()), 1),
        "judge_calls": sum(len(line.judgement.calls) for line in run.judged.values()),
        "judge_calls_cached": sum(call.cached for line in run.judged.values() for call in line.judgement.calls),
        "judging_seconds": round(sum(line.seconds for line in run.judged.values()), 1),
        "judged_from": dates[0] if dates else "",
        "judged_to": dates[-1] if dates else "",
    }
