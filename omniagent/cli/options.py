"""The options that several subcommands share, and the agent they describe."""

import logging
import os
import re
from collections.abc import Callable
from contextlib import nullcontext
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from typer.core import TyperCommand

from omniagent.model.wording import shown

if TYPE_CHECKING:
    from omniagent.agent import Agent
    from omniagent.config import Config
    from omniagent.tools.types import Budget, RenderSettings
    from omniagent.tools.types import Mode as ToolMode

Model = Annotated[
    str | None,
    typer.Option(help="Checkpoint folder or hub name, such as OmniGen2/OmniGen2. Default: the bundled shapes model."),
]
Revision = Annotated[str | None, typer.Option(help="Hub revision of the model.")]
Device = Annotated[str | None, typer.Option(help="cpu, cuda, cuda:1, …. Default: the best there is.")]
Preset = Annotated[
    str | None,
    typer.Option(
        metavar="quality|balanced|fast|edit",
        help="quality is exact; the others are faster, slightly less accurate; edit in edits only.",
    ),
]
Generator = Annotated[
    str | None,
    typer.Option(
        metavar="local|URL,…",
        help="The generator: the model here, or servers that speak the OpenAI images API (these need a --critic too).",
    ),
]
Critic = Annotated[
    str | None,
    typer.Option(
        metavar="local|auto|URL",
        help="The critic: the model's own, vLLM on this machine, or an OpenAI-compatible server.",
    ),
]
AllowUrls = Annotated[bool, typer.Option("--allow-urls", help="Fetch input pictures from http(s) URLs.")]
Seed = Annotated[int, typer.Option(min=0, max=2**63 - 1, help="The same seed gives the same attempts.")]
AnySeed = Annotated[
    int, typer.Option(min=-1, max=2**63 - 1, help="The same seed gives the same attempts; -1 takes a random one.")
]
MaxRounds = Annotated[int | None, typer.Option(min=1, max=100, help="Rounds of drawing and looking.")]
MaxImages = Annotated[int | None, typer.Option(min=1, max=1000, help="Pictures drawn in all.")]
Candidates = Annotated[int | None, typer.Option(min=1, max=16, help="Pictures drawn together in a round.")]
TimeLimit = Annotated[float | None, typer.Option(min=0.001, metavar="SECONDS", help="Stop with the best after this.")]
Mode = Annotated[
    str | None,
    typer.Option(
        metavar="generate|edit|compose|answer", help="What to do, in place of the agent's own reading of TASK."
    ),
]
Steps = Annotated[int | None, typer.Option(min=1, max=1000, help="Denoising steps. Default: what suits the model.")]
Guidance = Annotated[
    float | None,
    typer.Option(min=0, max=100, help="How strongly the words steer; up to 1 is off. Default: what suits the model."),
]
ImageGuidance = Annotated[
    float | None,
    typer.Option(min=0, max=100, help="How strongly given pictures steer; up to 1 is off. Default: as above."),
]
Negative = Annotated[
    str | None,
    typer.Option(metavar="WORDS", help='What the picture must not show. Default: what suits the model; "": nothing.'),
]
Lora = Annotated[
    list[str] | None,
    typer.Option(metavar="PATH[=STRENGTH]", help="Draw with this LoRA on; may be given again."),
]
Size = Annotated[str | None, typer.Option(metavar="WxH", help="Size of the picture in pixels, for example 512x512.")]


@dataclass(frozen=True, slots=True)
class ModelOptions:
    """Which models the agent uses; None leaves it to `OMNIAGENT_…` and the defaults."""

    model: str | None = None
    revision: str | None = None
    critic: str | None = None
    device: str | None = None
    allow_urls: bool | None = None
    runs_dir: Path | None = None
    preset: str | None = None
    generator: str | None = None


MakeAgent = Callable[[ModelOptions], "Agent"]


def make_agent(options: ModelOptions) -> "Agent":
    """An agent on real models; they load at its first run."""
    from omniagent.agent import Agent

    return Agent(
        model=options.model,
        revision=options.revision,
        critic=options.critic,
        generator=options.generator,
        device=options.device,
        preset=options.preset,
        allow_urls=options.allow_urls,
        runs_dir=options.runs_dir,
    )


def agent_of(context: typer.Context, options: ModelOptions) -> "Agent":
    """The agent that the maker given to `main` makes."""
    critic = options.critic
    if critic not in (None, "local", "auto") and not re.match(r"^https?://\S+$", critic or ""):
        raise typer.BadParameter(
            f"{shown(critic)} is neither 'local', 'auto' nor an http(s) URL", param_hint="--critic"
        )
    for url in (options.generator or "local").split(","):
        if url != "local" and not re.match(r"^https?://\S+$", url.strip()):
            raise typer.BadParameter(f"{shown(url)} is neither 'local' nor an http(s) URL", param_hint="--generator")
    tell_of_critic()
    _tell_of_variables()
    make: MakeAgent | None = context.obj
    return (make or make_agent)(options)


def maker_of(context: typer.Context, options: ModelOptions, config: "Config") -> "Callable[[], Agent]":
    """What makes the same agent in another process, where it must be importable: its maker, or its settings."""
    from omniagent.agent import Agent

    make: MakeAgent | None = context.obj
    return partial(Agent, config=config) if make in (None, make_agent) else partial(make, options)


def _tell_of_variables() -> None:
    from omniagent.cli.guard import say
    from omniagent.config import misspelt

    for variable, meant in misspelt(os.environ).items():
        say(f"warning: {shown(variable)} is no setting and has no effect; did you mean {meant}?")


def served_agent(context: typer.Context, options: ModelOptions) -> "Agent":
    """`agent_of` for a server, which loads its models with the first request: a missing model is an error now.

    Raises:
        UnknownModel, BadCheckpoint, HubUnreachable: as `check_model`.
    """
    agent = agent_of(context, options)
    config = agent.config
    own = config.generator == "local" or not config.critic.startswith(("http://", "https://"))
    # Where no model is named, the agent may have been made with models of its own.
    if own and (options.model is not None or "OMNIAGENT_MODEL" in os.environ):
        from omniagent.model.files.hub import check_model

        check_model(config.model, revision=config.revision)
    return agent


def tell_of_critic() -> None:
    """Show on stderr what becomes of a critic's server while it starts, and when it is started again."""
    log = logging.getLogger("omniagent.critic")
    if not log.handlers:
        handler = logging.StreamHandler()
        handler.setFormatter(logging.Formatter("%(message)s"))
        log.addHandler(handler)
        log.setLevel(logging.INFO)
        log.propagate = False


def budget_of(agent: "Agent", **caps: float | None) -> "Budget":
    """The agent's budget with the caps that were given in place of its own.

    Raises:
        BadSetting: a cap out of its range.
    """
    from omniagent.runs.options import budget_with

    return budget_with(agent.config.budget, **caps)


def drawn_seed(seed: int) -> int:
    """The seed itself, or a random one for -1."""
    from omniagent.runs.options import seed_of

    return seed_of(seed)


def at_home(path: Path | None) -> Path | None:
    """The path with `~` expanded, which a shell leaves alone within quotes and after `=`.

    Raises:
        typer.BadParameter: it begins with the home folder of an unknown user.
    """
    try:
        return None if path is None else path.expanduser()
    except RuntimeError as error:
        raise typer.BadParameter(f"{shown(str(path))} begins with the home folder of an unknown user") from error


def settings_of(size: str | None) -> "RenderSettings":
    """The render settings that `--size` asks for.

    Raises:
        typer.BadParameter: it is not WxH in pixels, or out of range.
    """
    from omniagent.model.errors import BadSetting
    from omniagent.runs.options import size_of

    try:
        return size_of(size)
    except BadSetting as error:
        raise typer.BadParameter(str(error), param_hint="--size") from error


class JsonErrors(TyperCommand):
    """A command with --json: words that it cannot read are an error as JSON on stdout too."""

    def make_context(self, info_name: Any, args: list[str], *more: Any, **extra: Any) -> Any:
        """As any command does; the arguments are the words after its name."""
        from omniagent.cli.guard import told_as_json

        with told_as_json() if "--json" in args else nullcontext():
            return super().make_context(info_name, args, *more, **extra)


def mode_of(mode: str | None) -> "ToolMode | None":
    """The mode that `--mode` asks for.

    Raises:
        typer.BadParameter: there is none of that name.
    """
    from omniagent.runs.request import MODES

    for one in MODES:
        if mode == one:
            return one
    if mode is not None:
        raise typer.BadParameter(f"{mode!r} is no mode; give {', '.join(MODES)}", param_hint="--mode")
    return None


def open_page(path: Path) -> None:
    """Show a page in the browser; where there is none, say where it lies."""
    from omniagent.cli.guard import say

    if typer.launch(path.resolve().as_uri()) != 0:
        say(f"no program opens it here; it is {path}")


def loras_in(given: list[str] | None) -> "list[tuple[str, float]] | None":
    """The LoRAs that `--lora PATH` or `--lora PATH=STRENGTH` asks for."""
    found: list[tuple[str, float]] = []
    for text in given or ():
        path, mark, strength = text.rpartition("=")
        try:
            found.append((path, float(strength)) if mark and not Path(text).exists() else (text, 1.0))
        except ValueError:
            found.append((text, 1.0))
    return found or None


def existing_file(path: Path, hint: str) -> Path:
    """The path of a readable file.

    Raises:
        typer.BadParameter: there is none.
    """
    if not path.is_file():
        raise typer.BadParameter(f"{shown(str(path))} is {'a folder' if path.is_dir() else 'missing'}", param_hint=hint)
    return path
