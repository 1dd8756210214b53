"""`omniagent simulate`: policies of the loop on models of stated quality, through the real graph."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from omniagent.cli.measuring import comparing as opt
from omniagent.cli.options import at_home

if TYPE_CHECKING:
    from omniagent.simulation.running import Ended


def simulate(
    generator: Annotated[str, typer.Option(metavar="NAME,…", help="What draws; --list tells the names.")] = "stated",
    critic: Annotated[str, typer.Option(metavar="NAME,…", help="What judges; --list tells the names.")] = "stated",
    policies: opt.Policies = None,
    budget: opt.Budgets = "8",
    rules: opt.Rules = None,
    tasks: Annotated[int, typer.Option(min=1, max=100_000, help="Simulated tasks.")] = 500,
    lines: Annotated[int, typer.Option(min=1, max=16, help="Requirements of a task.")] = 4,
    edits: Annotated[
        bool, typer.Option("--edits", help="Changes of a given picture, not pictures from words.")
    ] = False,
    seed: Annotated[int, typer.Option(min=0, help="Other tasks by another one.")] = 0,
    ablation: Annotated[bool, typer.Option("--ablation", help="Turn every rule of the loop over by itself.")] = False,
    out: Annotated[
        Path | None, typer.Option(callback=at_home, help="Write JSON, and SVG plots, into this folder.")
    ] = None,
    names: Annotated[bool, typer.Option("--list", help="Tell the generators and critics there are.")] = False,
) -> None:
    """Compare ways to spend pictures on generators and critics whose errors are known; print Markdown tables.

    No model is loaded: pictures are tiles that carry the truth, and all between generator and critic is the agent's
    own graph.

    Exit code: 0 when all ran, 2 bad usage, 3 failure, 130 cancelled.

    \b
    Examples:
      omniagent simulate
      omniagent simulate --critic 3b,7b,good --budget 1,2,4,8,16 --out curves
      omniagent simulate --policy agent --set forced_choice=false
      omniagent simulate --ablation --tasks 1000
    """
    from omniagent.cli.guard import guarded

    with guarded():
        from omniagent.comparison import POLICIES, variants_of
        from omniagent.simulation.comparing import Suite, ablation_of, compare
        from omniagent.simulation.qualities import critic_of, generator_of, known

        if names:
            lists = ("generator", known("generators"), generator_of), ("critic", known("critics"), critic_of)
            for role, every, made in lists:
                for name in every:
                    typer.echo(f"{role} {name}: {made(name).about}")
            return
        variants = variants_of(opt.listed(policies) or POLICIES, rules or ())
        budgets = opt.budgets_of(budget or "8")
        suites = [
            Suite(one, other, tasks, lines, "edit" if edits else "generate", seed)
            for one in opt.listed([generator])
            for other in opt.listed([critic])
        ]
        for suite in suites:
            # A wrong name is told before the first run, not after an hour of others.
            _ = generator_of(suite.generator), critic_of(suite.critic)
        for suite in suites:
            name = f"{suite.generator}-{suite.critic}" + ("-edits" if edits else "")
            with opt.counting(f"{suite.generator} by {suite.critic}") as count:

                def tell(label: str, pictures: int, ended: "Ended", count: opt.Count = count) -> None:
                    count(f"{label}, {pictures} pictures")

                if ablation:
                    turned = [ablation_of(suite, number, tell) for number in budgets]
                    for one in turned:
                        opt.tell_table(f"{one.about}, at most {one.budget} pictures", one.table())
                        opt.keep(out, f"{name}-ablation-{one.budget}.json", one.model_dump_json(indent=1))
                else:
                    found = compare(suite, variants, budgets, on_run=tell)
                    opt.tell_table(found.about, found.table())
                    opt.keep_comparison(out, name, found)
