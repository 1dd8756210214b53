"""`omniagent eval`: the test split's suites, judged by the oracle."""

from pathlib import Path
from typing import Annotated

import typer

from omniagent.cli import options as opt


def evaluate(
    context: typer.Context,
    suites: Annotated[
        list[str], typer.Argument(help="draw, edit, reference, questions, outside, or all; or SUITE-said …, or said.")
    ],
    limit: Annotated[int | None, typer.Option(min=1, help="Only the first tasks of each suite.")] = None,
    out: Annotated[
        Path, typer.Option(callback=opt.at_home, help="Results and runs, a folder a suite; what is done is skipped.")
    ] = Path("evals"),
    model: Annotated[str | None, typer.Option(help="Checkpoint folder or hub name.")] = None,
    critic: Annotated[str | None, typer.Option(help="`local`, or the URL of an OpenAI-compatible server.")] = None,
    seed: Annotated[int, typer.Option(min=0)] = 0,
) -> None:
    """Measure a checkpoint on tasks of the shapes world that it was never trained on; print a Markdown table.

    Exit code: 0 when the suites ran, 2 bad usage, 3 failure, 130 cancelled.

    \b
    Examples:
      omniagent eval draw --limit 20
      omniagent eval all --out evals
    """
    from omniagent.cli.guard import guarded

    with guarded():
        from omniagent.model.wording import unknown
        from omniagent.shapes.evaluation.figures import table
        from omniagent.shapes.evaluation.records import Record
        from omniagent.shapes.evaluation.runner import run_suite
        from omniagent.shapes.evaluation.suites import SAID_SUITES, SUITES, tasks_of

        groups = {"all": tuple(SUITES), "said": tuple(SAID_SUITES)}
        known = [*SUITES, *SAID_SUITES, *groups]
        if wrong := [suite for suite in suites if suite not in known]:
            raise typer.BadParameter(unknown(wrong[0], known), param_hint="SUITES...")
        agent = opt.agent_of(context, opt.ModelOptions(model=model, critic=critic))

        def tell(suite: str, record: Record) -> None:
            word = "error" if record.error else "right" if record.right else "wrong"
            went = record.stop_reason if record.right else f"{record.stage}, {record.stop_reason}"
            line = f"{suite} {record.index + 1}: {word} ({went}, {record.seconds:.1f} s)"
            typer.echo(f"{line}: {record.instruction}", err=True)

        figures = [
            run_suite(
                agent,
                tasks_of(suite, limit=limit, seed=seed),
                out / suite,
                seed=seed,
                on_record=lambda record, suite=suite: tell(suite, record),
            )
            for suite in dict.fromkeys(one for name in suites for one in groups.get(name, (name,)))
        ]
        typer.echo(table(figures))
