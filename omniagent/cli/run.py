"""`omniagent run`: one task."""

import io
import json
import sys
from collections.abc import Callable, Generator
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from omniagent.cli import options as opt

if TYPE_CHECKING:
    from omniagent.agent import Agent
    from omniagent.runs.options import Loading
    from omniagent.runs.result import Result
    from omniagent.tools.record.trace import Event


def run(
    context: typer.Context,
    task: Annotated[str, typer.Argument(help="What to draw, change or answer, in words.")],
    image: Annotated[
        list[str] | None, typer.Option(metavar="PATH", help="An input picture; give it again for image 2 to image 5.")
    ] = None,
    model: opt.Model = None,
    revision: opt.Revision = None,
    critic: opt.Critic = None,
    generator: opt.Generator = None,
    device: opt.Device = None,
    preset: opt.Preset = None,
    seed: opt.AnySeed = 0,
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
    mode: opt.Mode = None,
    out: Annotated[
        Path | None, typer.Option(callback=opt.at_home, help="Folder of this run. Default: runs/<id>.")
    ] = None,
    thread: Annotated[
        str | None, typer.Option(metavar="ID", help="Names the run; the same id goes on with it.")
    ] = None,
    as_json: Annotated[
        bool, typer.Option("--json", help="Print the result as JSON on stdout, and nothing else.")
    ] = False,
    open_it: Annotated[bool, typer.Option("--open", help="Open the report in the browser at the end.")] = False,
    allow_urls: opt.AllowUrls = False,
) -> None:
    """Draw TASK, look, and repair until it is right.

    Pictures given with --image are "image 1", "image 2", … in the task.

    Exit code: 0 accepted or answered, 1 best effort or refused, 2 bad usage, 3 failure, 4 everything that was checked
    holds, but not all of the task was checked, 130 cancelled by Ctrl-C or SIGTERM. With --json an error is JSON too:
    {"status": "error", "error": …, "message": …}. The run's folder holds the best picture as picture.png.

    \b
    Examples:
      omniagent run "two small blue circles above a large red square" --out drawn
      omniagent run "make the square green" --image drawn/picture.png --seed 7
      omniagent run "a small green triangle" --max-rounds 2 --time-limit 60 --json
      omniagent run "a red circle" --steps 30 --guidance 4 --negative "blurry, out of focus"
    """
    from omniagent.cli.guard import guarded

    with guarded(as_json=as_json):
        chosen = opt.ModelOptions(
            model, revision, critic, device, allow_urls or None, preset=preset, generator=generator
        )
        agent = opt.agent_of(context, chosen)
        caps = {
            "max_rounds": max_rounds,
            "max_images": max_images,
            "candidates": candidates,
            "time_limit": time_limit,
        }
        budget, settings = opt.budget_of(agent, **caps), opt.settings_of(size)
        watched = watch(
            agent,
            lambda on_loading: agent.stream(
                task,
                image or [],
                seed=opt.drawn_seed(seed),
                thread_id=thread,
                out=out,
                budget=budget,
                settings=settings,
                steps=steps,
                guidance=guidance,
                image_guidance=image_guidance,
                negative=negative,
                lora=opt.loras_in(lora),
                mode=opt.mode_of(mode),
                on_loading=on_loading,
            ),
        )
        from omniagent.runs.status import EXIT_CODES, status_of

        show(watched, as_json)
        if open_it:
            opt.open_page(watched.folder / "report.html")
        raise typer.Exit(EXIT_CODES[status_of(watched)])


def watch(agent: "Agent", begin: "Callable[[Callable[[Loading], None]], Generator[Event, None, Result]]") -> "Result":
    """Run to the end with the trace on stderr; Ctrl-C or SIGTERM stops the run and keeps its best picture."""
    from omniagent.cli.guard import CANCELLED, leave_at_once, say, stop_on_interrupt
    from omniagent.cli.progress.watcher import Watcher

    folder = ""

    def stop() -> bool:
        nonlocal folder
        # The run may be at work before its first event is read.
        folder = folder or next((str(each) for each in agent.folders if each.is_dir()), "")
        return agent.cancel() > 0

    with stop_on_interrupt(stop), Watcher() as watcher:
        events = begin(watcher.loads)
        while True:
            try:
                event = next(events)
                folder = event.folder if event.event == "run_started" else folder
                watcher.show(event)
            except StopIteration as end:
                return end.value
            except KeyboardInterrupt:
                if not folder:
                    raise
                say(f"left at once; what the run had kept is in {folder}")
                leave_at_once(CANCELLED)


def show(result: "Result", as_json: bool) -> None:
    """The result alone on stdout: JSON, or a few lines for people."""
    from omniagent.runs.status import as_json as to_json
    from omniagent.runs.status import describe

    plain = "utf" not in (sys.stdout.encoding or "").lower()
    if as_json:
        typer.echo(json.dumps(to_json(result), ensure_ascii=plain))
        return
    if plain and isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(errors="backslashreplace")
    typer.echo(describe(result))
    typer.echo(f"report: {result.folder / 'report.html'}")
