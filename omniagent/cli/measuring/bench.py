"""`omniagent bench`: public benchmarks, in two phases, with the agent's policies side by side."""

from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Final

import typer

from omniagent.cli import options as opt
from omniagent.cli.measuring import comparing
from omniagent.cli.options import ModelOptions, agent_of, at_home, maker_of

if TYPE_CHECKING:
    from omniagent.benchmarks.judgement import JudgeOptions
    from omniagent.benchmarks.running.draw import Drawn
    from omniagent.benchmarks.running.folder import RunFolder, Shard
    from omniagent.benchmarks.running.judge import Judged
    from omniagent.benchmarks.session import Session

ACTIONS: Final = ("generate", "judge", "report", "all", "merge")


def bench(
    context: typer.Context,
    name: Annotated[str, typer.Argument(metavar="NAME", help="A benchmark; `list` tells them.")],
    action: Annotated[
        str, typer.Argument(metavar="generate|judge|report|all|merge", help="What to do; `all` is the first three.")
    ] = "all",
    policies: comparing.Policies = None,
    pictures: Annotated[
        int, typer.Option(min=1, max=1000, help="Most pictures for each picture of the benchmark.")
    ] = 1,
    rules: comparing.Rules = None,
    out: Annotated[
        Path | None, typer.Option(callback=at_home, help="Folder of the results; what is done is skipped.")
    ] = None,
    label: Annotated[str, typer.Option(help="Goes before the names of the runs, such as a model's name.")] = "",
    limit: Annotated[int | None, typer.Option(min=1, help="At most so many items, from all groups in turn.")] = None,
    samples: Annotated[
        int | None, typer.Option(min=1, max=64, help="Pictures an item. Default: the run's, else the benchmark's.")
    ] = None,
    seed: Annotated[
        int | None,
        typer.Option(min=0, max=2**63 - 1, help="Of the first picture of each item. Default: the run's, else 0."),
    ] = None,
    shard: Annotated[str, typer.Option(metavar="I/N", help="Every n-th picture from the i-th on.")] = "1/1",
    data: Annotated[Path | None, typer.Option(callback=at_home, help="Folder of the benchmark's data.")] = None,
    fetch: Annotated[
        bool, typer.Option("--fetch", help="Fetch the data from the hub; the revision is pinned.")
    ] = False,
    data_revision: Annotated[str | None, typer.Option(help="Revision of the data at the hub.")] = None,
    images: Annotated[
        Path | None,
        typer.Option(callback=at_home, help="Judge pictures made elsewhere, a folder in the official layout."),
    ] = None,
    model: opt.Model = None,
    revision: opt.Revision = None,
    critic: opt.Critic = None,
    generator: opt.Generator = None,
    device: opt.Device = None,
    preset: opt.Preset = None,
    size: opt.Size = None,
    steps: opt.Steps = None,
    executor: Annotated[
        str, typer.Option(metavar="local|ray", help="Where pictures are drawn (ray: extra ray).")
    ] = "local",
    workers: Annotated[int, typer.Option(min=1, help="Processes that draw.")] = 1,
    gpus: Annotated[float, typer.Option(min=0, help="GPUs that each Ray worker takes.")] = 1.0,
    judge: Annotated[str | None, typer.Option(metavar="URL", help="OpenAI-compatible server of the judge.")] = None,
    judge_model: Annotated[str | None, typer.Option(help="Model there, or weights of a judge on this machine.")] = None,
    judge_key: Annotated[str | None, typer.Option(envvar="OMNIAGENT_JUDGE_KEY", help="Key of that server.")] = None,
    judge_name: Annotated[str | None, typer.Option(help="Report judgements by this one, of several.")] = None,
    temperature: Annotated[
        float | None, typer.Option(min=0, max=2, help="Of the judge; none is sent otherwise.")
    ] = None,
    concurrency: Annotated[int, typer.Option(min=1, max=256, help="Requests to the judge at once.")] = 8,
    judge_retries: Annotated[int, typer.Option(min=0, max=20, help="Sent again after passing faults.")] = 4,
    judge_timeout: Annotated[float, typer.Option(min=1, help="Seconds that one request may take.")] = 120.0,
    wording: Annotated[
        Path | None, typer.Option(callback=at_home, help="Checkout with the judge's official words, where not shipped.")
    ] = None,
    again: Annotated[bool, typer.Option("--again", help="Judge those anew that have no score.")] = False,
    as_published: Annotated[
        bool, typer.Option("--as-published", help="Reproduce known faults of the official script.")
    ] = False,
    against: Annotated[
        Path | None, typer.Option(callback=at_home, help="Another run's folder to compare with, picture by picture.")
    ] = None,
    merged: Annotated[
        list[Path] | None, typer.Option("--from", help="With merge: a folder of results of other shards; repeats.")
    ] = None,
) -> None:
    """Run a benchmark: draw, judge, report. Run again to go on.

    Each policy has a folder of its own in OUT with pictures in the official layout, a line for each picture and each
    judgement, and a report as Markdown, JSON and one HTML page.

    Exit code: 0 done, 2 bad usage, 3 failure, 130 cancelled.

    \b
    Examples:
      omniagent bench list
      omniagent bench shapes all --policy single,best-of-n,agent --pictures 4
      omniagent bench geneval generate --model OmniGen2/OmniGen2 --shard 1/8
      omniagent bench omnicontext judge --images results/OmniGen2 --fetch --wording OmniGen2 --judge URL
    """
    from omniagent.cli.guard import guarded, say, told_when_stopped

    with guarded(), told_when_stopped():
        from omniagent.benchmarks.catalogue import BENCHMARKS, benchmark_named
        from omniagent.benchmarks.judgement import JudgeOptions
        from omniagent.benchmarks.running.merge import merge
        from omniagent.benchmarks.session import Chosen, Session, in_processes, on_ray
        from omniagent.comparison import variants_of
        from omniagent.config import folder_of
        from omniagent.data.executors.named import executor_named
        from omniagent.model.errors import BadSetting
        from omniagent.model.wording import counted, unknown
        from omniagent.runs.options import settings_in

        if name == "list":
            for each in BENCHMARKS:
                found = benchmark_named(each)
                words = f"; --wording {found.needs_wording}" if found.needs_wording else ""
                typer.echo(f"{each}: {found.title} ({found.source}){words}")
            return
        benchmark = benchmark_named(name)
        if action not in ACTIONS:
            raise typer.BadParameter(unknown(action, ACTIONS), param_hint="ACTION")
        part = shard_of(shard)
        variants = variants_of(comparing.listed(policies) or ["single"], rules or ())
        home = folder_of(out or Path("bench") / name)
        session = Session(benchmark, home, Chosen(data, fetch, data_revision, limit, samples, seed))
        asked = JudgeOptions(
            url=judge,
            model=judge_model,
            key=judge_key,
            temperature=temperature,
            concurrency=concurrency,
            timeout=judge_timeout,
            retries=judge_retries,
            wording=None if wording is None else str(wording),
            device=device,
            as_published=as_published,
        )
        if images is not None:
            folders = [session.elsewhere(images, label)]
        elif policies or action in ("generate", "all"):
            folders = [session.run_folder(variant, pictures, label) for variant in variants]
        else:
            folders = [folder for folder in session.runs if folder.label.startswith(label)]
        if action == "merge":
            if not merged:
                raise typer.BadParameter("merge needs the folders of the other shards", param_hint="--from")
            new = merge(home, [folder_of(path) for path in merged])
            session.finish()
            folders = [folder for folder in session.runs if folder.label.startswith(label)]
            typer.echo(f"{counted(new.drawn, 'picture')} and {counted(new.judged, 'judgement')} came in", err=True)
        if not folders:
            raise BadSetting(f"{home} holds no run of {benchmark.title}; generate pictures, or name some with --images")
        if action in ("generate", "all") and images is None:
            executor_named(executor, workers)
            if action == "all" and any(session.undrawn(folder, part) for folder in folders):
                _tried(session, asked)
            models = ModelOptions(model, revision, critic, device, None, None, preset, generator)
            agent = agent_of(context, models)
            alone = executor == "local" and workers == 1
            make = (lambda: agent) if alone else maker_of(context, models, agent.config)
            settings = settings_in({"size": size, "steps": steps})
            for variant, folder in zip(variants, folders, strict=True):
                spread = in_processes(workers) if executor == "local" else on_ray(workers, gpus, folder.path / "marks")
                session.generate(
                    make,
                    agent.config,
                    variant,
                    pictures,
                    folder,
                    spread=spread,
                    settings=settings,
                    shard=part,
                    tell=_drawn(folder),
                )
        if action in ("judge", "all"):
            with closing(session.judge_of(asked)) as by:
                left = [
                    session.judge(folder, by, shard=part, again=again, tell=_judged(folder)).faults
                    for folder in folders
                ]
            if sum(left):
                say(f"warning: {counted(sum(left), 'picture')} could not be judged now; run the same again")
        if action in ("report", "all", "merge") and part.of == 1:
            _report(session, folders, judge_name, against)


def _tried(session: "Session", asked: "JudgeOptions") -> None:
    """What is wrong with the judge is told before hours of drawing, for which its memory is free again."""
    with closing(session.judge_of(asked)) as judge:
        judge.connect()


def _report(session: "Session", folders: "list[RunFolder]", judge: str | None, against: Path | None) -> None:
    """Write each run's report, and one of all of them beside each other where there are several; print the tables."""
    from omniagent.benchmarks.reports.write import write_comparison
    from omniagent.benchmarks.running.folder import RunFolder
    from omniagent.cli.guard import say

    for folder in folders:
        report = session.report(folder, judge)
        for warning in report.warnings:
            say(f"warning: {folder.label}: {warning}")
    others = [] if against is None else [RunFolder(against)]
    runs = [session.run(folder, judge) for folder in (*folders, *others)]
    if len(runs) == 1:
        typer.echo((folders[0].path / "report.md").read_text(encoding="utf-8"))
        say(f"the page is {folders[0].path / 'report.html'}")
        return
    order = ("best-of-n", "agent", runs[0].about.policy)
    base = next(run for policy in order for run in runs if run.about.policy == policy)
    base = runs[-1] if others else base
    typer.echo(write_comparison(runs, base, session.out))
    say(f"the page is {session.out / 'comparison.html'}")


def _drawn(folder: "RunFolder") -> "Callable[[int, int, Drawn], None]":
    def tell(done: int, total: int, drawn: "Drawn") -> None:
        became = drawn.stop if drawn.outcome == "drawn" else f"not drawn, {drawn.stop}: {drawn.message}"
        typer.echo(f"{folder.label} {done}/{total} {drawn.key}: {became} ({drawn.seconds:.1f} s)", err=True)

    return tell


def _judged(folder: "RunFolder") -> "Callable[[int, int, Judged], None]":
    def tell(done: int, total: int, judged: "Judged") -> None:
        made = judged.judgement
        scores = ", ".join(f"{name} {value:.3g}" for name, value in made.scores.items())
        typer.echo(f"{folder.label} judged {done}/{total} {judged.key}: {scores or made.outcome}", err=True)

    return tell


def shard_of(text: str) -> "Shard":
    """The part that `i/n` names.

    Raises:
        BadSetting: it names none.
    """
    from omniagent.benchmarks.running.folder import Shard
    from omniagent.model.errors import BadSetting
    from omniagent.model.wording import shown

    first, _, second = text.partition("/")
    if not (first.isdecimal() and second.isdecimal() and 1 <= int(first) <= int(second)):
        raise BadSetting(f"--shard {shown(text)} is not allowed; give i/n with i from 1 to n, for example 1/4")
    return Shard(int(first), int(second))
