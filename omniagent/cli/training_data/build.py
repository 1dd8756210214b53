"""`omniagent data`: training data from sources."""

from collections.abc import Callable
from pathlib import Path
from types import MappingProxyType
from typing import Annotated, Any, Final

import typer

from omniagent.cli import options as opt
from omniagent.cli.training_data.look import check, export, films, read, recipes, show, tasks


def build(
    recipe: Annotated[str, typer.Argument(help="A shipped recipe (omniagent data recipes) or a YAML file.")],
    source: Annotated[Path, typer.Option("--in", callback=opt.at_home, help="Folder of videos, pictures or runs.")],
    out: Annotated[Path, typer.Option(callback=opt.at_home, help="Folder for the records.")],
    change: Annotated[
        list[str] | None,
        typer.Option("--set", metavar="STAGE.SETTING=VALUE", help="Change a threshold, prompt or model."),
    ] = None,
    preset: Annotated[
        str | None, typer.Option(metavar="NAME|FILE", help="Models and settings for any recipe, such as shapes.")
    ] = None,
    shard: Annotated[str, typer.Option(metavar="I/N", help="Every n-th item from the i-th on.")] = "1/1",
    limit: Annotated[int | None, typer.Option(min=1, help="At most so many items.")] = None,
    cache: Annotated[
        Path | None,
        typer.Option(callback=opt.at_home, help="Folder of finished stages, which recipes may share. Default: in OUT."),
    ] = None,
    executor: Annotated[str, typer.Option(metavar="local|ray", help="Who works (ray: extra ray).")] = "local",
    workers: Annotated[int, typer.Option(min=1, help="Processes of the local executor.")] = 1,
) -> None:
    """Build training records; run again to go on.

    Exit code: 0 built, 2 bad usage, 3 failure, 130 cancelled.

    \b
    Examples:
      omniagent data build reflection --in runs --out data
    """
    from omniagent.cli.guard import guarded

    with guarded():
        from omniagent.cli.training_data.progress import Bar
        from omniagent.data.build import build as run
        from omniagent.data.executors.named import executor_named
        from omniagent.data.recipe import load_recipe
        from omniagent.model.errors import BadSetting

        first, _, second = shard.partition("/")
        if not (first.isdecimal() and second.isdecimal()):
            raise BadSetting(f"--shard {shard!r} is not allowed; give i/n, for example 1/4")
        chosen = load_recipe(recipe, change or (), preset)
        works = executor_named(executor, workers)
        with Bar() as bar:
            built = run(
                chosen,
                source,
                out,
                shard=(int(first), int(second)),
                limit=limit,
                cache=cache,
                executor=works,
                tell=bar.show,
            )
        typer.echo(built.model_dump_json())


DATA_COMMANDS: Final = MappingProxyType[str, Callable[..., Any]](
    {
        "build": build,
        "recipes": recipes,
        "check": check,
        "show": show,
        "export": export,
        "import": read,
        "films": films,
        "tasks": tasks,
    }
)
