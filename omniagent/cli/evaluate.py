"""`omniagent eval`: the test split's suites, judged by the oracle."""

from pathlib import Path
from typing import Annotated

import typer

from omniagent.cli import options as opt


def evaluate(
    suites: Annotated[list[str], typer.Argument(help="draw, edit, reference, questions, outside, or all.")],
    limit: Annotated[int | None, typer.Option(min=1, help="Only the first tasks of each suite.")] = None,
    out: Annotated[
        Path, typer.Option(callback=opt.at_home, help="Results and runs, a folder a suite; what is done is skipped.")
    ] = Path("evals"),
    model: Annotated[str | None, typer.Option(help="Checkpoint folder or hub name.")] = None,
    critic: Annotated[str | None, typer.Option(help="`local`, or the URL of an OpenAI-compatible server.")] = None,
    seed: Annotated[int, typer.Option(min=0)] = 0,
) -> None:
    """Measure a checkpoint on tasks of the shapes world that it was never trained on; print a Markdown table."""
    from omniagent.evals.__main__ import main

    options = {"--limit": limit, "--out": out, "--model": model, "--critic": critic, "--seed": seed}
    words = [word for name, value in options.items() if value is not None for word in (name, str(value))]
    raise typer.Exit(main([*suites, *words]))
