"""The command line put together. To add a subcommand, write its function and name it in `COMMANDS`."""

import atexit
import gc
import inspect
import sys
from collections.abc import Callable, Mapping, Sequence
from pkgutil import resolve_name
from types import MappingProxyType
from typing import Annotated, Any, Final

import typer

from omniagent.cli.options import MakeAgent, make_agent
from omniagent.cli.show import print_version
from omniagent.cli.streams import patient_streams

COMMANDS: Final = MappingProxyType[str, str](
    {
        "run": "run:run",
        "batch": "batch:batch",
        "check": "pictures.look:check",
        "describe": "pictures.look:describe",
        "chat": "chat:chat",
        "demo": "serving.demo:demo",
        "mcp": "serving.mcp:mcp",
        "serve": "serving.http:serve",
        "report": "show:report",
        "train": "train:train",
        "eval": "measuring.evaluate:evaluate",
        "bench": "measuring.bench:bench",
        "simulate": "measuring.simulate:simulate",
        "calibrate": "calibration.calibrate:calibrate",
        "selfcheck": "calibration.selfcheck:selfcheck",
        "doctor": "doctor:doctor",
        "version": "show:version",
    }
)
"""Subcommands in the order of the help: module and function in this folder, imported when they are asked for."""

CLASSES: Final = MappingProxyType[str, str](
    {
        **dict.fromkeys(("run", "batch", "check", "describe", "calibrate"), "options:JsonErrors"),
        "train": "training.finetune:TrainingDoor",
    }
)
"""Of those that read their words in a way of their own."""


def root(
    told: Annotated[
        bool, typer.Option("--version", help="Print the version.", is_eager=True, callback=print_version)
    ] = False,
) -> None:
    """Draw with OmniGen2, look at the picture, and repair it until your requirements hold.

    \b
    Examples:
      omniagent run "two small blue circles above a large red square" --open
      omniagent demo
      omniagent doctor --model OmniGen2/OmniGen2
    """


def _data() -> None:
    """Training data: records from videos, pictures and finished runs.

    \b
    Examples:
      omniagent data recipes
      omniagent data build in-context --in videos --out records
      omniagent data check records
    """


def _critic() -> None:
    """vLLM as this machine's critic: start it, look at it, stop it.

    \b
    Examples:
      omniagent critic serve --detach
      omniagent critic status
    """


def _understanding() -> None:
    """MMBench, MMMU and MM-Vet of the checkpoint's MLLM, by lmms-eval in its own environment.

    \b
    Examples:
      omniagent understanding run --model OmniGen2/OmniGen2 --harness harness/bin/python
      omniagent understanding report understanding
    """


def _runs() -> None:
    """Earlier runs: list, show, open, prune.

    \b
    Examples:
      omniagent runs list
      omniagent runs open last
    """


GROUPS: Final = MappingProxyType[Callable[[], None], str](
    {
        _critic: "critic:CRITIC_COMMANDS",
        _data: "training_data.build:DATA_COMMANDS",
        _runs: "stored.runs:RUNS_COMMANDS",
        _understanding: "measuring.understanding:UNDERSTANDING_COMMANDS",
    }
)
"""Groups of subcommands by the function whose docstring is their help and whose name they bear."""


def _found(home: str) -> Any:
    return resolve_name(f"omniagent.cli.{home}")


def _add_group(app: typer.Typer, about: Callable[[], None], commands: Mapping[str, Callable[..., Any]]) -> None:
    group = typer.Typer(no_args_is_help=True, rich_markup_mode=None)
    group.callback()(about)
    for name, command in commands.items():
        with_json = "as_json" in inspect.signature(command).parameters
        group.command(name, cls=_found("options:JsonErrors") if with_json else None)(command)
    app.add_typer(group, name=_name(about))


def _name(about: Callable[[], None]) -> str:
    return about.__name__.strip("_")


def build_app(only: str | None = None) -> typer.Typer:
    """The command line as a Typer app; pass the maker of agents as `obj`, as `main` does.

    Args:
        only: The subcommand or group that will be called, as the import of all others takes time. What is neither
            gives all of them, as does None.
    """
    app = typer.Typer(
        name="omniagent",
        no_args_is_help=True,
        add_completion=False,
        pretty_exceptions_enable=False,
        rich_markup_mode=None,
        context_settings={"help_option_names": ["-h", "--help"]},
    )
    app.callback()(root)
    every = only not in (*COMMANDS, *map(_name, GROUPS))
    for name, home in COMMANDS.items():
        if every or name == only:
            app.command(name, cls=_found(CLASSES[name]) if name in CLASSES else None)(_found(home))
    for about, home in GROUPS.items():
        if every or _name(about) == only:
            _add_group(app, about, _found(home))
    return app


def main(arguments: Sequence[str] | None = None, make: MakeAgent = make_agent) -> None:
    """Run the command line and leave the process with its exit code.

    Args:
        arguments: Words after `omniagent`; the process's own by default.
        make: Makes the agent from the parsed options; tests and embedders put their own models in here.
    """
    # What is left when the process ends goes with it; without this it would be looked through for a second.
    atexit.register(gc.freeze)
    words = sys.argv[1:] if arguments is None else list(arguments)
    with patient_streams():
        try:
            build_app(words[0] if words else None)(args=words, obj=make, prog_name="omniagent")
        except SystemExit as leaving:
            _leave_if_stopped(leaving.code)
            raise


def _leave_if_stopped(code: object) -> None:
    """After Ctrl-C or SIGTERM wait for runs alone: other threads may read from a stdin on which nothing comes."""
    if not code:
        return
    from omniagent.cli.guard import CANCELLED, leave_at_once
    from omniagent.model import lifetime

    if code == CANCELLED:
        lifetime.end_runs()
        leave_at_once(CANCELLED)
