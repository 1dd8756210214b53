"""`omniagent train`: the bundled checkpoint's parts by hand or by a recipe, then put together."""

from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, cast

import typer

from omniagent.cli import options as opt

if TYPE_CHECKING:
    from omniagent.shapes.training.recipe import RunPart
    from omniagent.shapes.training.stages import Stage


class Part(StrEnum):
    """What to train; `paint` draws pictures for the MLLM's lessons, `export` writes the checkpoint.

    `recipe` does all that a recipe says; `merge` puts weights that one published into a checkpoint.
    """

    VAE = "vae"
    VISION = "vision"
    TEXT = "text"
    MLLM = "mllm"
    DIT = "dit"
    PAINT = "paint"
    EXPORT = "export"
    RECIPE = "recipe"
    MERGE = "merge"


def train(
    part: Annotated[Part, typer.Argument(help="In this order: vae, mllm (vision and text first), dit; then export.")],
    what: Annotated[
        str | None, typer.Argument(help="recipe: a shipped one's name or a YAML file. merge: a folder of --publish.")
    ] = None,
    work: Annotated[Path, typer.Option(callback=opt.at_home, help="Logs, resume states and weights go here.")] = Path(
        "training-runs"
    ),
    steps: Annotated[int | None, typer.Option(min=1, help="Length of the whole schedule.")] = None,
    batch: Annotated[int | None, typer.Option(min=1, help="Examples of a step. Default: the part's own.")] = None,
    lr: Annotated[float | None, typer.Option(min=0, help="Learning rate. Default: the part's own.")] = None,
    seed: Annotated[int, typer.Option(min=0, help="Of the examples and their order.")] = 0,
    time_limit: Annotated[float, typer.Option(min=1, help="Seconds after which this call saves and stops.")] = 1e12,
    finish_within: Annotated[
        float,
        typer.Option(
            min=1, help="Seconds of training, earlier calls counted, in which the schedule ends, its decay included."
        ),
    ] = 1e12,
    workers: Annotated[int, typer.Option(min=0, help="text, mllm, dit: processes that make batches beforehand.")] = 0,
    save_every: Annotated[int | None, typer.Option(min=1, help="Steps from one checkpoint to the next.")] = None,
    threads: Annotated[int | None, typer.Option(min=1, help="CPU threads of this process.")] = None,
    init: Annotated[
        Path | None, typer.Option(callback=opt.at_home, help="Start anew from this component's folder.")
    ] = None,
    anchor: Annotated[
        Path | None,
        typer.Option(
            callback=opt.at_home, help="mllm: keep the text states of this MLLM, which the generator was trained on."
        ),
    ] = None,
    vision_from: Annotated[
        int | None, typer.Option(min=0, help="mllm: the step from which its vision learns too.")
    ] = None,
    probes: Annotated[
        float,
        typer.Option(min=0, help="mllm: weight of its linear probes; they start afresh, so 0 with small batches."),
    ] = 1.0,
    said: Annotated[
        float, typer.Option(min=0, max=1, help="mllm: share of plans and answers in other people's words.")
    ] = 0.45,
    said_outside: Annotated[
        float, typer.Option(min=0, max=0.9, help="mllm: of these plans, requests outside the shapes world.")
    ] = 0.24,
    plans: Annotated[float, typer.Option(min=0, max=20, help="mllm: times the usual number of plans a step.")] = 1.0,
    ema: Annotated[float, typer.Option(min=0, max=0.99999, help="Decay of the running mean of the weights.")] = 0.999,
    objects: Annotated[int, typer.Option(min=1, max=6, help="dit: most objects in a scene.")] = 6,
    edits: Annotated[float, typer.Option(min=0, max=1, help="dit: share of edits and repairs.")] = 0.3,
    references: Annotated[float, typer.Option(min=0, max=1, help="dit: share of reference tasks.")] = 0.12,
    time_shift: Annotated[
        float, typer.Option(help="dit: below 0 more weight near the noise, where layout is decided.")
    ] = -0.8,
    out: Annotated[Path, typer.Option(callback=opt.at_home, help="export, merge: the checkpoint's folder.")] = Path(
        "checkpoint"
    ),
    seconds: Annotated[
        float | None, typer.Option(min=1, help="recipe: end after so long, in place of the recipe's.")
    ] = None,
    only: Annotated[
        list[str] | None, typer.Option(help="recipe: this run alone; merge: this part; may be given again.")
    ] = None,
    publish: Annotated[
        Path | None, typer.Option(callback=opt.at_home, help="recipe: weights and logs as small files, at each save.")
    ] = None,
    base: Annotated[
        Path | None,
        typer.Option(callback=opt.at_home, help="merge: into this checkpoint; the bundled one if not given."),
    ] = None,
    share: Annotated[float, typer.Option(min=0, max=1, help="merge: of the new weights; the rest is the base's.")] = 1,
) -> None:
    """Train a part of a small checkpoint on the shapes world, or resume it; works on CPU, CUDA, `accelerate launch`.

    With --data MIX.yml in place of PART, fine-tune any checkpoint on your own pictures, with options of its own:
    omniagent train --data MIX.yml --help.

    \b
    Examples:
      omniagent train vae --work training-runs
      omniagent train recipe language-cpu --publish weights
      omniagent train export --out checkpoint
    """
    from omniagent.cli.guard import guarded

    with guarded():
        if (part in (Part.RECIPE, Part.MERGE)) is not (what is not None):
            raise typer.BadParameter(f"{part.value} {'takes no' if what else 'needs a'} file or folder after it")
        if part is Part.RECIPE:
            _recipe(str(what), work, seconds, only or [], publish)
            return
        if part is Part.MERGE:
            from omniagent.shapes.training.publish import merge
            from omniagent.shapes.training.recipe import BUNDLED

            for name, count in merge(Path(str(what)), base or BUNDLED, out, share, only or ()).items():
                typer.echo(f"{out}: {count} tensors of the {name}", err=True)
            return
        if part is Part.EXPORT:
            from omniagent.shapes.training.export import export_checkpoint

            size = export_checkpoint(work, out)
            typer.echo(f"{out}: {size / 1e6:.1f} MB", err=True)
            return
        from omniagent.shapes.training.stages import Stage

        stage = Stage(
            work=work, steps=steps, batch=batch, lr=lr, seed=seed, time_limit=time_limit, threads=threads, init=init,
            anchor=anchor, vision_from=vision_from, probes=probes, ema=ema, objects=objects, edits=edits,
            references=references, time_shift=time_shift, finish_within=finish_within, workers=workers,
            save_every=save_every, said=said, said_outside=said_outside, plans=plans,
        )  # fmt: skip
        _one(part, stage)


def _one(part: Part, stage: "Stage") -> None:
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

    from omniagent.shapes.training.conduct import told, trainer_of

    console = Console(stderr=True)
    columns = (TextColumn(part.value), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    with Progress(*columns, console=console) as bar:
        task = bar.add_task(part.value, total=stage.steps)
        for line in trainer_of(cast("RunPart", part.value))(stage):
            bar.update(task, completed=int(line["step"]))
            console.print(told(line))


def _recipe(name: str, work: Path, seconds: float | None, only: list[str], publish: Path | None) -> None:
    from omniagent.cli.guard import stop_on_interrupt
    from omniagent.shapes.training.conduct import Conductor
    from omniagent.shapes.training.recipe import read_recipe

    recipe = read_recipe(name)
    typer.echo(recipe.about.strip(), err=True)
    conductor = Conductor(recipe, work, seconds=seconds, only=only, published=publish)
    with stop_on_interrupt(conductor.stop):
        conductor.run()
