"""`omniagent selfcheck`: twenty tasks on this machine, and what holds of them."""

import platform
from importlib.metadata import version
from pathlib import Path
from typing import Annotated

import typer

from omniagent.cli import options as opt


def selfcheck(
    context: typer.Context,
    out: Annotated[Path, typer.Option(callback=opt.at_home, help="Folder of page, JSON and runs.")] = Path("selfcheck"),
    model: opt.Model = None,
    revision: opt.Revision = None,
    critic: opt.Critic = None,
    generator: opt.Generator = None,
    device: opt.Device = None,
    preset: opt.Preset = None,
    max_images: Annotated[int, typer.Option(min=1, max=1000, help="Pictures drawn for one task.")] = 2,
    limit: Annotated[int | None, typer.Option(min=1, max=20, help="The first so many tasks only.")] = None,
    judged: Annotated[
        int, typer.Option(min=0, max=1000, help="Known pictures that the critic is shown; 0: none.")
    ] = 24,
    as_json: Annotated[bool, typer.Option("--json", help="Print the report as JSON on stdout.")] = False,
    open_it: Annotated[bool, typer.Option("--open", help="Open the page in the browser at the end.")] = False,
) -> None:
    """Run twenty tasks end to end on this machine: are plans read, words kept, and pictures made?

    Text, counts, edits, several pictures, questions and Chinese; of a generator with a domain, tasks of that. The
    critic is shown a few known pictures, too. Seconds, memory and every picture are on one page, selfcheck.html, with
    selfcheck.json beside it. Stopped, it goes on when run again with the same --out.

    Exit code: 0 everything holds, 1 something does not, 2 bad usage, 3 failure, 130 cancelled.

    \b
    Examples:
      omniagent selfcheck
      omniagent selfcheck --model OmniGen2/OmniGen2 --critic auto --out checked --open
    """
    from omniagent.cli.guard import CANCELLED, guarded, say, stop_on_interrupt

    with guarded(as_json=as_json):
        from omniagent.runs.options import budget_with
        from omniagent.selfcheck.check import check
        from omniagent.selfcheck.page import write_report
        from omniagent.selfcheck.tasks import tasks_for

        chosen = opt.ModelOptions(model, revision, critic, device, preset=preset, generator=generator)
        agent, stopped = opt.agent_of(context, chosen), False

        def stop() -> bool:
            nonlocal stopped
            stopped = True
            agent.cancel()
            return True

        say("loading the models…")
        with stop_on_interrupt(stop):
            report = check(
                agent,
                tasks_for(agent.runtime.generator.profile)[:limit],
                out,
                program=version("omniagent"),
                machine=_machine(),
                judged=judged,
                budget=budget_with(agent.config.budget, max_images=max_images),
                tell=say,
                should_stop=lambda: stopped,
            )
        page = write_report(out, report)
        for line in report.lines:
            say(f"{'holds' if line.right else 'DOES NOT HOLD'}: {line.name}, {line.held} of {line.of}")
        typer.echo(report.model_dump_json(indent=1) if as_json else str(page))
        if open_it:
            opt.open_page(page)
        if stopped:
            raise typer.Exit(CANCELLED)
        raise typer.Exit(0 if report.right else 1)


def _machine() -> str:
    """What the models run on."""
    import torch

    cards = [torch.cuda.get_device_name(number) for number in range(torch.cuda.device_count())]
    where = ", ".join(cards) if cards else f"no GPU, {torch.get_num_threads()} threads"
    return f"{platform.system()} {platform.machine()}, {where}, torch {torch.__version__}"
