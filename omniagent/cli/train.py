"""`omniagent train`: the bundled checkpoint's parts, one after the other, then put together."""

from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from omniagent.cli import options as opt


class Part(StrEnum):
    """What to train; `paint` draws pictures for the MLLM's lessons, `export` writes the checkpoint."""

    VAE = "vae"
    VISION = "vision"
    TEXT = "text"
    MLLM = "mllm"
    DIT = "dit"
    PAINT = "paint"
    EXPORT = "export"


def train(
    part: Annotated[Part, typer.Argument(help="In this order: vae, mllm (vision and text first), dit; then export.")],
    work: Annotated[Path, typer.Option(callback=opt.at_home, help="Logs, resume states and weights go here.")] = Path(
        "training-runs"
    ),
    steps: Annotated[int | None, typer.Option(min=1, help="Length of the whole schedule.")] = None,
    batch: Annotated[int | None, typer.Option(min=1)] = None,
    lr: Annotated[float | None, typer.Option(min=0)] = None,
    seed: Annotated[int, typer.Option(min=0)] = 0,
    time_limit: Annotated[float, typer.Option(min=1, help="Seconds after which this call saves and stops.")] = 1e12,
    finish_within: Annotated[
        float,
        typer.Option(
            min=1, help="Seconds of training, earlier calls counted, in which the schedule ends, its decay included."
        ),
    ] = 1e12,
    workers: Annotated[int, typer.Option(min=0, help="text, mllm, dit: processes that make batches beforehand.")] = 0,
    save_every: Annotated[int | None, typer.Option(min=1, help="Steps from one checkpoint to the next.")] = None,
    threads: Annotated[int | None, typer.Option(min=1)] = None,
    init: Annotated[
        Path | None, typer.Option(callback=opt.at_home, help="Start anew from this component's folder.")
    ] = None,
    anchor: Annotated[
        Path | None, typer.Option(callback=opt.at_home, help="mllm: keep the painter's text states of this MLLM.")
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
    ema: Annotated[float, typer.Option(min=0, max=0.99999)] = 0.999,
    objects: Annotated[int, typer.Option(min=1, max=6, help="dit: most objects in a scene.")] = 6,
    edits: Annotated[float, typer.Option(min=0, max=1, help="dit: share of edits and repairs.")] = 0.3,
    references: Annotated[float, typer.Option(min=0, max=1, help="dit: share of reference tasks.")] = 0.12,
    time_shift: Annotated[
        float, typer.Option(help="dit: below 0 more weight near the noise, where layout is decided.")
    ] = -0.8,
    out: Annotated[Path, typer.Option(callback=opt.at_home, help="export: the checkpoint's folder.")] = Path(
        "checkpoint"
    ),
) -> None:
    """Train a part of a small checkpoint on the shapes world, or resume it; works on CPU, CUDA, `accelerate launch`.

    With --data MIX.yml in place of PART, fine-tune any checkpoint on your own pictures, with options of its own:
    omniagent train --data MIX.yml --help.
    """
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

    from omniagent.cli.guard import guarded

    console = Console(stderr=True)
    with guarded():
        if part is Part.EXPORT:
            from omniagent.shapes.training.export import export_checkpoint

            size = export_checkpoint(work, out)
            console.print(f"{out}: {size / 1e6:.1f} MB")
            return
        from omniagent.shapes.training import paint as gallery
        from omniagent.shapes.training import parts as training
        from omniagent.shapes.training import stages

        stage = stages.Stage(
            work=work, steps=steps, batch=batch, lr=lr, seed=seed, time_limit=time_limit, threads=threads, init=init,
            anchor=anchor, vision_from=vision_from, probes=probes, ema=ema, objects=objects, edits=edits,
            references=references, time_shift=time_shift, finish_within=finish_within, workers=workers,
            save_every=save_every, said=said, said_outside=said_outside, plans=plans,
        )  # fmt: skip
        run = {
            Part.VAE: training.train_vae,
            Part.VISION: training.train_vision,
            Part.TEXT: training.train_text,
            Part.MLLM: training.train_mllm,
            Part.DIT: training.train_dit,
            Part.PAINT: gallery.paint_lessons,
        }[part]
        columns = (TextColumn(part.value), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
        with Progress(*columns, console=console) as bar:
            task = bar.add_task(part.value, total=steps)
            for line in run(stage):
                bar.update(task, completed=int(line["step"]))
                console.print(" ".join(f"{k}={v:.4g}" if isinstance(v, float) else f"{k}={v}" for k, v in line.items()))
