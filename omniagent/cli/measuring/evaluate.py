"""`omniagent eval`: the test split's suites, judged by the oracle."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from omniagent.cli.measuring import comparing as opt
from omniagent.cli.options import ModelOptions, agent_of, at_home

if TYPE_CHECKING:
    from omniagent.agent import Agent
    from omniagent.comparison import Variant
    from omniagent.shapes.evaluation.records import Record


def evaluate(
    context: typer.Context,
    suites: Annotated[
        list[str], typer.Argument(help="draw, edit, reference, questions, outside, or all; or SUITE-said …, or said.")
    ],
    policies: opt.Policies = None,
    budget: opt.Budgets = None,
    rules: opt.Rules = None,
    limit: Annotated[int | None, typer.Option(min=1, help="Only the first tasks of each suite.")] = None,
    out: Annotated[
        Path, typer.Option(callback=at_home, help="Results and runs, a folder a suite; what is done is skipped.")
    ] = Path("evals"),
    model: Annotated[str | None, typer.Option(help="Checkpoint folder or hub name.")] = None,
    critic: Annotated[str | None, typer.Option(help="`local`, or the URL of an OpenAI-compatible server.")] = None,
    seed: Annotated[int, typer.Option(min=0, help="The same seed gives the same tasks and pictures.")] = 0,
) -> None:
    """Measure a checkpoint on tasks of the shapes world that it was never trained on; print a Markdown table.

    With --policy, --budget or --set the suites run once by each policy within that number of pictures (4 by default),
    each in a folder of its own, and a table, JSON and a plot compare them over the same tasks.

    Exit code: 0 when the suites ran, 2 bad usage, 3 failure, 130 cancelled.

    \b
    Examples:
      omniagent eval draw --limit 20
      omniagent eval all --out evals
      omniagent eval edit --policy single,best-of-n,agent --budget 4
      omniagent eval draw --policy agent --budget 1,2,4,8 --set forced_choice=false
    """
    from omniagent.cli.guard import guarded, told_when_stopped

    with guarded(), told_when_stopped():
        from omniagent.comparison import POLICIES, variants_of
        from omniagent.model.wording import unknown
        from omniagent.shapes.evaluation.figures import table
        from omniagent.shapes.evaluation.runner import run_suite
        from omniagent.shapes.evaluation.suites import SAID_SUITES, SUITES, tasks_of

        groups = {"all": tuple(SUITES), "said": tuple(SAID_SUITES)}
        known = [*SUITES, *SAID_SUITES, *groups]
        if wrong := [suite for suite in suites if suite not in known]:
            raise typer.BadParameter(unknown(wrong[0], known), param_hint="SUITES...")
        chosen = list(dict.fromkeys(one for name in suites for one in groups.get(name, (name,))))
        variants = variants_of(opt.listed(policies) or POLICIES, rules or ())
        budgets = opt.budgets_of(budget or "4")
        agent = agent_of(context, ModelOptions(model=model, critic=critic))
        if policies or budget or rules:
            for suite in chosen:
                _compare(agent, suite, variants, budgets, out=out, limit=limit, seed=seed)
            return
        figures = [
            run_suite(
                agent,
                tasks_of(suite, limit=limit, seed=seed),
                out / suite,
                seed=seed,
                on_record=lambda record, suite=suite: _tell(suite, record),
            )
            for suite in chosen
        ]
        typer.echo(table(figures))


def _tell(suite: str, record: "Record") -> None:
    word = "error" if record.error else "right" if record.right else "wrong"
    went = record.stop_reason if record.right else f"{record.stage}, {record.stop_reason}"
    line = f"{suite} {record.index + 1}: {word} ({went}, {record.seconds:.1f} s)"
    typer.echo(f"{line}: {record.instruction}", err=True)


def _compare(
    agent: "Agent",
    suite: str,
    variants: "tuple[Variant, ...]",
    budgets: list[int],
    *,
    out: Path,
    limit: int | None,
    seed: int,
) -> None:
    """One suite by every policy at every budget: the suite's table with a column each, and what compares them."""
    from omniagent.shapes.evaluation.by_policy import suite_by_policy
    from omniagent.shapes.evaluation.figures import table
    from omniagent.shapes.evaluation.suites import tasks_of

    tasks = tasks_of(suite, limit=limit, seed=seed)
    figures, found = suite_by_policy(
        agent,
        tasks,
        out / suite,
        variants,
        budgets,
        title=suite,
        seed=seed,
        on_record=lambda label, record: _tell(f"{suite}, {label}", record),
    )
    opt.tell_table(found.about, table(figures))
    opt.tell_table("At equal pictures, over the same tasks", found.table())
    opt.keep_comparison(out / suite, "comparison", found)
