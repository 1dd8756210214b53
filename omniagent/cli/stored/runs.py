"""`omniagent runs`: the runs that lie in a folder."""

import json
import shutil
import sys
import time
from collections.abc import Callable
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING, Annotated, Any, Final

import typer

from omniagent.cli import options as opt

if TYPE_CHECKING:
    from omniagent.runs.listing import RunSummary

RunsDir = Annotated[
    Path | None, typer.Option(callback=opt.at_home, help="Folder of the runs. Default: OMNIAGENT_RUNS_DIR, or runs.")
]
Run = Annotated[str, typer.Argument(metavar="RUN", help="A run's id or folder, or last.")]
AsJson = Annotated[bool, typer.Option("--json", help="Print JSON on stdout, errors too, and nothing else.")]
DAY: Final = 86_400.0


def list_runs(
    limit: Annotated[int, typer.Option(min=1, help="The newest so many.")] = 20,
    runs_dir: RunsDir = None,
    as_json: AsJson = False,
) -> None:
    """List runs, the newest first: id, time, status, requirements that hold, task.

    \b
    Examples:
      omniagent runs list
      omniagent runs list --limit 5 --json
    """
    from omniagent.cli.guard import guarded, say

    with guarded(as_json=as_json):
        from omniagent.runs.listing import runs_in

        folder = _folder(runs_dir)
        runs = [run for run, _ in zip(runs_in(folder), range(limit), strict=False)]
        if as_json:
            typer.echo(json.dumps([run.model_dump(mode="json") for run in runs]))
            return
        for run in runs:
            typer.echo(_line(run))
        if not runs:
            say(f"no runs in {folder}")


def show(run: Run, runs_dir: RunsDir = None, as_json: AsJson = False) -> None:
    """Show a run's result as `omniagent run` printed it.

    \b
    Examples:
      omniagent runs show last
      omniagent runs show stars --json
    """
    from omniagent.cli.guard import guarded

    with guarded(as_json=as_json):
        from omniagent.cli.run import show as show_result
        from omniagent.runs.listing import place_of
        from omniagent.runs.result import Result

        show_result(Result.load(place_of(_folder(runs_dir), run)), as_json)


def open_run(run: Run = "last", runs_dir: RunsDir = None) -> None:
    """Open a run's report in the browser; print its path.

    \b
    Examples:
      omniagent runs open
      omniagent runs open stars
    """
    from omniagent.cli.guard import guarded

    with guarded():
        from omniagent.runs.listing import place_of
        from omniagent.runs.report import write_report
        from omniagent.runs.result import REPORT_FILE

        place = place_of(_folder(runs_dir), run)
        page = place / REPORT_FILE
        if not page.is_file():
            write_report(place)
        typer.echo(str(page))
        opt.open_page(page)


def prune(
    keep: Annotated[int | None, typer.Option(min=0, metavar="N", help="Keep the newest so many.")] = None,
    older_than: Annotated[float | None, typer.Option(min=0, metavar="DAYS", help="Only those older than this.")] = None,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Print what would be removed, and remove nothing.")
    ] = False,
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Do not ask.")] = False,
    runs_dir: RunsDir = None,
) -> None:
    """Remove runs with all their files; those at work, and folders that are no runs, stay.

    Exit code: 0 removed, 1 not confirmed, 2 bad usage, 3 failure.

    \b
    Examples:
      omniagent runs prune --keep 20 --dry-run
      omniagent runs prune --older-than 30 --yes
    """
    from omniagent.cli.guard import guarded, say

    with guarded():
        from omniagent.runs.listing import runs_in

        if keep is None and older_than is None:
            raise typer.BadParameter("say which runs: --keep N, --older-than DAYS, or both")
        folder = _folder(runs_dir)
        before = time.time() - (older_than or 0.0) * DAY
        gone = [run for run in list(runs_in(folder))[keep or 0 :] if older_than is None or run.began < before]
        if not gone:
            say(f"nothing to remove in {folder}")
            return
        for run in gone:
            typer.echo(_line(run))
        if dry_run:
            return
        if not yes:
            if sys.stdin is None or not sys.stdin.isatty():
                raise typer.BadParameter(f"{len(gone)} runs would be removed; say --yes to remove them")
            if not typer.confirm(f"remove {len(gone)} runs in {folder}?", err=True):
                raise typer.Exit(1)
        removed = sum(_removed(run.folder) for run in gone)
        say(f"removed {removed} of {len(gone)} runs in {folder}")


def _removed(place: Path) -> bool:
    from omniagent.cli.guard import say
    from omniagent.model.errors import OutputUnwritable
    from omniagent.runs.folder import owned

    try:
        with owned(place):
            shutil.rmtree(place)
    except (OutputUnwritable, OSError) as error:
        say(f"kept {place}: {error}")
        return False
    return True


def _folder(runs_dir: Path | None) -> Path:
    from omniagent.config import Config

    return Config.read().runs_dir if runs_dir is None else runs_dir


def _line(run: "RunSummary") -> str:
    from omniagent.model.wording import cut

    when = time.strftime("%Y-%m-%d %H:%M", time.localtime(run.began))
    holds = f"{run.passed}/{run.asked}" if run.asked else "-"
    return (
        f"{run.run_id}  {when}  {run.status.replace('_', ' '):<11}  {holds:>5}  {cut(' '.join(run.task.split()), 80)}"
    )


RUNS_COMMANDS: Final = MappingProxyType[str, Callable[..., Any]](
    {"list": list_runs, "show": show, "open": open_run, "prune": prune}
)
