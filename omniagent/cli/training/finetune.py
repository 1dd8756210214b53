"""`omniagent train --data MIX.yml`: any checkpoint, whole or by a LoRA, on pictures and instructions of your own."""

from pathlib import Path
from typing import Annotated, Any

import typer
from typer.core import TyperCommand

from omniagent.cli import options as opt


def finetune(
    data: Annotated[
        Path,
        typer.Option(
            callback=opt.at_home,
            metavar="MIX",
            help="A mix of sources (.yml), or one file of records (.jsonl). A source is drawn as often as its ratio "
            "says; OmniGen2's published loader ignores ratios.",
        ),
    ],
    out: Annotated[Path, typer.Option(callback=opt.at_home, help="Folder for the finished checkpoint or LoRA.")] = Path(
        "finetuned"
    ),
    work: Annotated[
        Path,
        typer.Option(callback=opt.at_home, help="Log, resume state and weights; the same command goes on with it."),
    ] = Path("training-runs/finetune"),
    model: opt.Model = None,
    revision: opt.Revision = None,
    pictures: Annotated[
        Path | None,
        typer.Option(callback=opt.at_home, help="Folder that paths of pictures start from. Default: that of MIX."),
    ] = None,
    lora: Annotated[
        int | None, typer.Option(min=1, metavar="RANK", help="Train a LoRA of this rank. Default: the whole network.")
    ] = None,
    alpha: Annotated[
        float | None, typer.Option(help="Of the LoRA, whose change is weighed with alpha / rank. Default: the rank.")
    ] = None,
    steps: Annotated[int, typer.Option(min=1, help="Length of the whole schedule.")] = 1000,
    batch: Annotated[int, typer.Option(min=1, help="Examples that are computed at once, on each process.")] = 1,
    accumulate: Annotated[int, typer.Option(min=1, help="Batches that make one step.")] = 1,
    lr: Annotated[float | None, typer.Option(help="Highest learning rate. Default: 1e-5, of a LoRA 1e-4.")] = None,
    ema: Annotated[
        float,
        typer.Option(min=0, max=0.99999, help="Decay of the mean of the weights, which is what is written; 0: none."),
    ] = 0.999,
    seed: Annotated[int, typer.Option(min=0, help="Of the draws, their noise and a LoRA's start.")] = 0,
    max_pixels: Annotated[
        int | None,
        typer.Option(min=256, help="Larger pictures are shrunk to this area. Default: what the checkpoint draws."),
    ] = None,
    prompt_dropout: Annotated[
        float, typer.Option(min=0, max=1, help="Share of examples whose instruction is left out.")
    ] = 0.0001,
    reference_dropout: Annotated[
        float, typer.Option(min=0, max=1, help="Share of those that lose their input pictures too.")
    ] = 0.5,
    checkpointing: Annotated[
        bool, typer.Option("--checkpointing", help="Compute activations twice: less memory, slower.")
    ] = False,
    workers: Annotated[int, typer.Option(min=0, help="Processes that read pictures beforehand.")] = 0,
    save_every: Annotated[int, typer.Option(min=1, help="Steps from one saved state to the next.")] = 500,
    time_limit: Annotated[float, typer.Option(min=1, help="Seconds after which this call saves and stops.")] = 1e12,
) -> None:
    """Fine-tune the transformer of an OmniGen2 checkpoint on your own records; its MLLM and VAE stay as they are.

    MIX lists sources (path, ratio), each a file of JSON lines with task_type, instruction, output_image and, for
    edits, input_images. Runs on CPU (float32), CUDA (bfloat16) and under `accelerate launch`. The folder of the result
    goes to stdout.

    \b
    Examples:
      omniagent train --data mix.yml --lora 16 --out style
    """
    from pydantic import ValidationError
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

    from omniagent.cli.guard import guarded

    with guarded():
        from omniagent.config import Config
        from omniagent.model.errors import BadSetting
        from omniagent.model.training import finetune as training
        from omniagent.model.wording import fault

        own = Config()
        try:
            settings = training.FinetuneSettings(
                data=data, out=out, work=work, model=model or own.model, revision=revision or own.revision,
                pictures=pictures, lora=lora, alpha=alpha, steps=steps, batch=batch, accumulate=accumulate, lr=lr,
                ema=ema, seed=seed, max_pixels=max_pixels, prompt_dropout=prompt_dropout,
                reference_dropout=reference_dropout, checkpointing=checkpointing, workers=workers,
                save_every=save_every, time_limit=time_limit,
            )  # fmt: skip
        except ValidationError as error:
            raise BadSetting(fault(error)) from error
        console = Console(stderr=True)
        columns = (TextColumn("train"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
        with Progress(*columns, console=console) as bar:
            task = bar.add_task("train", total=steps)
            for line in training.finetune(settings):
                bar.update(task, completed=int(line["step"]))
                console.print(" ".join(f"{k}={v:.4g}" if isinstance(v, float) else f"{k}={v}" for k, v in line.items()))
        typer.echo(str(out))


class TrainingDoor(TyperCommand):
    """`omniagent train`, which becomes `finetune` where --data is among its words."""

    def make_context(self, info_name: Any, args: list[str], *more: Any, **extra: Any) -> Any:
        """As any command does; the arguments are the words after its name."""
        if not any(word == "--data" or word.startswith("--data=") for word in args):
            return super().make_context(info_name, args, *more, **extra)
        app = typer.Typer(add_completion=False, pretty_exceptions_enable=False, rich_markup_mode=None)
        app.command(info_name)(finetune)
        return typer.main.get_command(app).make_context(info_name, args, *more, **extra)
