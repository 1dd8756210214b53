"""`omniagent batch`: many tasks from one file."""

from pathlib import Path
from typing import Annotated

import typer

from omniagent.cli import options as opt


def batch(
    context: typer.Context,
    tasks: Annotated[
        Path, typer.Argument(metavar="TASKS.jsonl", callback=opt.at_home, help='Lines of {"id", "task", "images"}.')
    ],
    out: Annotated[Path, typer.Option(callback=opt.at_home, help="Folder for results.jsonl, index.html and the runs.")],
    model: opt.Model = None,
    revision: opt.Revision = None,
    critic: opt.Critic = None,
    generator: opt.Generator = None,
    device: opt.Device = None,
    preset: opt.Preset = None,
    seed: opt.Seed = 0,
    max_rounds: opt.MaxRounds = None,
    max_images: opt.MaxImages = None,
    candidates: opt.Candidates = None,
    time_limit: opt.TimeLimit = None,
    size: opt.Size = None,
    steps: opt.Steps = None,
    guidance: opt.Guidance = None,
    image_guidance: opt.ImageGuidance = None,
    negative: opt.Negative = None,
    lora: opt.Lora = None,
    allow_urls: opt.AllowUrls = False,
    as_json: Annotated[
        bool, typer.Option("--json", help="Print each line of results.jsonl on stdout, errors as JSON too.")
    ] = False,
) -> None:
    """Run a file of tasks; run again to go on.

    Finished tasks are skipped, failed and bad ones are tried again. index.html shows all pictures on one page.

    Exit code: 0 when every line was run, 1 when some line was bad or failed, 2 bad usage, 3 failure, 130 cancelled.

    \b
    Examples:
      omniagent batch tasks.jsonl --out results
      omniagent batch tasks.jsonl --out results --preset fast --time-limit 120
      omniagent batch tasks.jsonl --out results --json
    """
    from omniagent.cli.guard import CANCELLED, guarded, stop_on_interrupt

    with guarded(as_json=as_json):
        from collections import Counter

        from omniagent.batch import Progress, run_batch
        from omniagent.cli.progress.watcher import Watcher
        from omniagent.runs.options import settings_in

        opt.existing_file(tasks, "TASKS.jsonl")
        agent = opt.agent_of(
            context,
            opt.ModelOptions(model, revision, critic, device, allow_urls or None, preset=preset, generator=generator),
        )
        budget = opt.budget_of(
            agent, max_rounds=max_rounds, max_images=max_images, candidates=candidates, time_limit=time_limit
        )
        settings = settings_in(
            {
                "settings": opt.settings_of(size),
                "steps": steps,
                "guidance": guidance,
                "image_guidance": image_guidance,
                "negative": negative,
                "lora": opt.loras_in(lora),
            }
        )
        stopped = False

        def stop() -> bool:
            nonlocal stopped
            stopped = True
            agent.cancel()
            return True

        with stop_on_interrupt(stop), Watcher(quiet=True) as watcher:
            watcher.loading(agent)

            def tell(progress: Progress) -> None:
                line = progress.line
                note = "done before" if progress.skipped else line.message
                words = f"{progress.done}/{progress.total} {line.id}: {line.status.replace('_', ' ')}"
                watcher.console.print(f"{words} ({note})" if note else words, markup=False, highlight=False)
                if as_json:
                    typer.echo(line.model_dump_json())

            lines = run_batch(
                agent,
                tasks,
                out,
                seed=seed,
                budget=budget,
                settings=settings,
                on_progress=tell,
                on_event=watcher.show,
                should_stop=lambda: stopped,
            )
        counts = Counter(line.status.replace("_", " ") for line in lines)
        told = ", ".join(f"{count} {status}" for status, count in counts.most_common())
        typer.echo(f"{len(lines)} tasks ({told or 'none'}): {out / 'index.html'}", err=True)
        if stopped:
            raise typer.Exit(CANCELLED)
        raise typer.Exit(1 if any(line.status in ("error", "failed") for line in lines) else 0)
