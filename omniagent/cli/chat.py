"""`omniagent chat`: a checkpoint's own conversation, in words or pictures, without the loop."""

import io
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from omniagent.cli import options as opt

if TYPE_CHECKING:
    from PIL import Image

    from omniagent.model.pipeline.chat import OmniGen2ChatOutput, OmniGen2ChatPipeline
    from omniagent.tools.types import RenderSettings

CONVERSATION = "conversation"
"""How a generator's profile names this ability among those it lacks."""


def chat(
    context: typer.Context,
    message: Annotated[
        str | None, typer.Argument(help="What to say. Left out: each line of stdin is a message, until its end.")
    ] = None,
    image: Annotated[
        list[str] | None,
        typer.Option(metavar="PATH", help="A picture that every message may speak of; again for image 2 to image 5."),
    ] = None,
    model: opt.Model = None,
    revision: opt.Revision = None,
    device: opt.Device = None,
    seed: opt.AnySeed = 0,
    size: opt.Size = None,
    most_words: Annotated[
        int, typer.Option("--max-new-tokens", min=1, max=4096, help="Longest answer in words, in tokens.")
    ] = 256,
    out: Annotated[
        Path | None, typer.Option(callback=opt.at_home, help="Folder for its pictures. Default: runs/chat-<time>.")
    ] = None,
    allow_urls: opt.AllowUrls = False,
) -> None:
    """Talk to an OmniGen2 checkpoint: it answers MESSAGE in words, or draws.

    Nothing is planned, checked or repaired here; `omniagent run` does that. Each message stands alone, as the model
    keeps no memory of earlier ones. Answers and the paths of pictures go to stdout.

    Exit code: 0 every message was answered, 1 a message of stdin was wrong, 2 bad usage, 3 failure, 130 cancelled.

    \b
    Examples:
      omniagent chat --model OmniGen2/OmniGen2 "What is in image 1?" --image photo.png
      omniagent chat --model OmniGen2/OmniGen2 --out drawn
    """
    from omniagent.cli.guard import guarded, say

    with guarded():
        from omniagent.model.errors import BadSetting, CallerError
        from omniagent.tools.intake.task import read_images, read_instruction

        wanted = opt.settings_of(size)
        agent = opt.agent_of(
            context, opt.ModelOptions(model=model, revision=revision, device=device, allow_urls=allow_urls or None)
        )
        config, profile = agent.config, agent.generator_profile
        if CONVERSATION in profile.lacks:
            other = f"; talk to --model {profile.instead}, or use omniagent run" if profile.instead else ""
            raise BadSetting(f"the model {profile.label} was not trained to hold a conversation{other}")
        pictures = read_images(image or (), allow_urls=config.allow_urls)
        texts = _lines() if message is None else iter([read_instruction(message)])
        pipeline = _loaded(config.model, config.revision, config.device)
        folder = out or Path(config.runs_dir) / time.strftime("chat-%Y%m%d-%H%M%S")
        number, failed = opt.drawn_seed(seed), False
        for turn, text in enumerate(texts, start=1):
            try:
                _answer(pipeline, read_instruction(text), pictures, number, wanted, most_words, folder / f"{turn}.png")
            except CallerError as error:
                if message is not None:
                    raise
                failed = True
                say(f"error: {error}")
        if failed:
            raise typer.Exit(1)


def _loaded(model: str, revision: str | None, device: str | None) -> "OmniGen2ChatPipeline":
    from omniagent.model.loading import load_generator
    from omniagent.model.pipeline.chat import OmniGen2ChatPipeline

    return OmniGen2ChatPipeline.over(load_generator(model, revision=revision, device=device).pipeline)


def _lines() -> Iterator[str]:
    shown = sys.stdin is not None and sys.stdin.isatty()
    while True:
        if shown:
            typer.echo("> ", nl=False, err=True)
        line = sys.stdin.readline() if sys.stdin is not None else ""
        if not line:
            return
        if line.strip():
            yield line


def _answer(
    pipeline: "OmniGen2ChatPipeline",
    text: str,
    pictures: "list[Image.Image]",
    seed: int,
    wanted: "RenderSettings",
    most_words: int,
    path: Path,
) -> None:
    import torch
    from PIL import Image

    from omniagent.model.device import with_memory_fault
    from omniagent.tools.record.files import write_whole

    def talk() -> "OmniGen2ChatOutput":
        return pipeline(
            text,
            pictures,
            max_new_tokens=most_words,
            width=wanted.width,
            height=wanted.height,
            output_type="pil",
            generator=torch.Generator().manual_seed(seed),
        )

    said = with_memory_fault(pipeline.computes_on, "an answer", talk)
    if said.images is None:
        typer.echo(said.text.strip())
        return
    picture = said.images[0]
    if not isinstance(picture, Image.Image):
        raise TypeError(f"the pipeline gave {type(picture).__name__} for output_type='pil'")
    drawn = io.BytesIO()
    picture.save(drawn, format="PNG")
    write_whole(path, drawn.getvalue())
    typer.echo(str(path))
