"""`omniagent report` and `omniagent version`."""

from pathlib import Path
from typing import Annotated

import typer

from omniagent.cli import options as opt


def report(
    folder: Annotated[Path, typer.Argument(callback=opt.at_home, help="A run's folder, for example runs/<id>.")],
) -> None:
    """Draw the report of a run again; print its path.

    \b
    Examples:
      omniagent report runs/stars
    """
    from omniagent.cli.guard import guarded

    with guarded():
        from omniagent.runs.report import write_report

        typer.echo(write_report(folder))


def print_version(asked: bool) -> None:
    """Print the version and leave, where it was asked for."""
    if asked:
        version()
        raise typer.Exit


def version() -> None:
    """Print the version.

    \b
    Examples:
      omniagent version
    """
    from omniagent import __version__

    typer.echo(f"omniagent {__version__}")
