"""`omniagent data check`, `show`, `export`, `import` and `recipes`: what was built, and its other forms."""

from pathlib import Path
from typing import Annotated

import typer

from omniagent.cli import options as opt

Folder = Annotated[Path, typer.Argument(callback=opt.at_home, help="A build's output.")]


def check(
    folder: Folder,
    critic: Annotated[
        str | None,
        typer.Option(metavar="URL|shapes|bundled", help="Also ask whether words fit and named things are seen."),
    ] = None,
) -> None:
    """Check every record: paths, sizes, image numbers in the words, near duplicates. One line of JSON a finding.

    Exit code: 0 nothing found, 1 findings, 2 bad usage, 3 failure.

    \b
    Examples:
      omniagent data check data
      omniagent data check data --critic bundled
    """
    from omniagent.cli.guard import guarded, say

    with guarded():
        from omniagent.data.inspection.check import check as run
        from omniagent.data.models.kinds import describer_named

        count = 0
        for finding in run(folder, None if critic is None else describer_named(critic)):
            typer.echo(finding.model_dump_json())
            count += 1
        say(f"{count} findings" if count else "nothing found")
        if count:
            raise typer.Exit(1)


def show(
    folder: Folder,
    most: Annotated[int, typer.Option(min=1, help="Records of each kind on the contact sheet.")] = 24,
) -> None:
    """Write one HTML page: a contact sheet by kind, what each filter dropped, histograms. Its path goes to stdout.

    \b
    Examples:
      omniagent data show data
    """
    from omniagent.cli.guard import guarded

    with guarded():
        from omniagent.data.inspection.page import show as run

        typer.echo(str(run(folder, most=most)))


def export(
    folder: Folder,
    out: Annotated[str, typer.Option(help="A folder, or an fsspec address for webdataset and parquet.")],
    form: Annotated[
        str, typer.Option("--to", metavar="jsonl|x2i2|webdataset|parquet", help="The form of the files.")
    ] = "webdataset",
    shard: Annotated[int, typer.Option(min=1, help="Records of a shard.")] = 1000,
) -> None:
    """Write the train split in another form.

    \b
    Examples:
      omniagent data export data --out shards --to webdataset
    """
    from omniagent.cli.guard import guarded

    with guarded():
        from omniagent.data.formats.export import export as run

        typer.echo(run(folder, out, form, shard=shard).model_dump_json())


def read(
    folder: Annotated[Path, typer.Argument(callback=opt.at_home, help="A copy of OmniGen2/X2I2.")],
    out: Annotated[Path, typer.Option(callback=opt.at_home, help="Folder for the records.")],
) -> None:
    """Read the published set X2I2 (its archives are joined and unpacked) into records for the trainer.

    \b
    Examples:
      omniagent data import X2I2 --out data
    """
    from omniagent.cli.guard import guarded

    with guarded():
        from omniagent.data.formats.published import read_published

        typer.echo(read_published(folder, out).model_dump_json())


def recipes(name: Annotated[str | None, typer.Argument(help="A recipe to print whole.")] = None) -> None:
    """List the shipped recipes, or print one with its models, their licences, thresholds and prompts.

    \b
    Examples:
      omniagent data recipes
      omniagent data recipes reflection
    """
    from omniagent.cli.guard import guarded

    with guarded():
        import yaml

        from omniagent.data.recipe import load_recipe, shipped
        from omniagent.model.perception.weights import known_licence

        if name is None:
            typer.echo("\n".join(shipped()))
            return
        recipe = load_recipe(name)
        for role, choice in recipe.models.items():
            if weights := choice.settings.get("weights"):
                typer.echo(f"# {role}: {weights}, licence {known_licence(str(weights))}")
        typer.echo(yaml.safe_dump(recipe.model_dump(mode="json"), sort_keys=False, width=110), nl=False)


def films(
    out: Annotated[Path, typer.Option(callback=opt.at_home, help="Folder for the videos.")],
    count: Annotated[int, typer.Option(min=1, help="Videos to write.")] = 20,
    stills: Annotated[int, typer.Option(min=0, help="Pictures beside them, for recipes of pictures.")] = 0,
    seed: Annotated[int, typer.Option(min=0, help="The same seed gives the same videos and pictures.")] = 0,
) -> None:
    """Write synthetic videos of the shapes world with their truth, to try recipes on.

    \b
    Examples:
      omniagent data films --out films --count 20
    """
    from omniagent.cli.guard import guarded

    with guarded():
        from omniagent.shapes.videos.write import write_films, write_stills

        write_stills(out, stills, seed=seed)
        write_films(out, count, seed=seed)
        typer.echo(str(out))


def tasks(
    out: Annotated[Path, typer.Option(callback=opt.at_home, help="A .jsonl file for omniagent batch.")],
    count: Annotated[int, typer.Option(min=1, help="Requests in the file.")] = 40,
    objects: Annotated[int, typer.Option(min=1, max=6, help="Things in each picture that is asked for.")] = 4,
    seed: Annotated[int, typer.Option(min=0, help="The same seed gives the same requests.")] = 0,
) -> None:
    """Write requests for pictures of the shapes world, whose runs the recipe reflection is made from.

    \b
    Examples:
      omniagent data tasks --out tasks.jsonl --count 40
      omniagent data tasks --out tasks.jsonl --objects 2 --seed 7
    """
    from omniagent.cli.guard import guarded

    with guarded():
        from omniagent.shapes.tasks.file import write_tasks

        write_tasks(out, count, objects=objects, seed=seed)
        typer.echo(str(out))
