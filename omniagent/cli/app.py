"""The command line put together. To add a subcommand, write its function and name it in `COMMANDS`."""

import atexit
import gc
import inspect
from collections.abc import Callable, Mapping, Sequence
from types import MappingProxyType
from typing import Annotated, Any, Final

import typer
from typer.core import TyperCommand

from omniagent.cli.batch import batch
from omniagent.cli.calibration.calibrate import calibrate
from omniagent.cli.calibration.selfcheck import selfcheck
from omniagent.cli.chat import chat
from omniagent.cli.critic import CRITIC_COMMANDS
from omniagent.cli.doctor import doctor
from omniagent.cli.measuring.bench import bench
from omniagent.cli.measuring.evaluate import evaluate
from omniagent.cli.measuring.simulate import simulate
from omniagent.cli.measuring.understanding import UNDERSTANDING_COMMANDS
from omniagent.cli.options import JsonErrors, MakeAgent, make_agent
from omniagent.cli.pictures.look import check, describe
from omniagent.cli.run import run
from omniagent.cli.serving.demo import demo
from omniagent.cli.serving.http import serve
from omniagent.cli.serving.mcp import mcp
from omniagent.cli.show import print_version, report, version
from omniagent.cli.stored import RUNS_COMMANDS
from omniagent.cli.streams import patient_streams
from omniagent.cli.train import train
from omniagent.cli.training.finetune import TrainingDoor
from omniagent.cli.training_data import DATA_COMMANDS

COMMANDS: Final = MappingProxyType[str, Callable[..., Any]](
    {
        "run": run,
        "batch": batch,
        "check": check,
        "describe": describe,
        "chat": chat,
        "demo": demo,
        "mcp": mcp,
        "serve": serve,
        "report": report,
        "train": train,
        "eval": evaluate,
        "bench": bench,
        "simulate": simulate,
        "calibrate": calibrate,
        "selfcheck": selfcheck,
        "doctor": doctor,
        "version": version,
    }
)
"""Subcommands in the order of the help. Their modules import nothing heavy before they are called."""

CLASSES: Final = MappingProxyType[str, type[TyperCommand]](
    {
        "run": JsonErrors,
        "batch": JsonErrors,
        "check": JsonErrors,
        "describe": JsonErrors,
        "calibrate": JsonErrors,
        "train": TrainingDoor,
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


def _add_group(app: typer.Typer, about: Callable[[], None], commands: Mapping[str, Callable[..., Any]]) -> None:
    """A group named after the function whose docstring is its help."""
    group = typer.Typer(no_args_is_help=True, rich_markup_mode=None)
    group.callback()(about)
    for name, command in commands.items():
        with_json = "as_json" in inspect.signature(command).parameters
        group.command(name, cls=JsonErrors if with_json else None)(command)
    app.add_typer(group, name=about.__name__.strip("_"))


def build_app() -> typer.Typer:
    """The command line as a Typer app; pass the maker of agents as `obj`, as `main` does."""
    app = typer.Typer(
        name="omniagent",
        no_args_is_help=True,
        add_completion=False,
        pretty_exceptions_enable=False,
        rich_markup_mode=None,
        context_settings={"help_option_names": ["-h", "--help"]},
    )
    app.callback()(root)
    for name, command in COMMANDS.items():
        app.command(name, cls=CLASSES.get(name))(command)
    _add_group(app, _critic, CRITIC_COMMANDS)
    _add_group(app, _data, DATA_COMMANDS)
    _add_group(app, _runs, RUNS_COMMANDS)
    _add_group(app, _understanding, UNDERSTANDING_COMMANDS)
    return app


def main(arguments: Sequence[str] | None = None, make: MakeAgent = make_agent) -> None:
    """Run the command line and leave the process with its exit code.

    Args:
        arguments: Words after `omniagent`; the process's own by default.
        make: Makes the agent from the parsed options; tests and embedders put their own models in here.
    """
    # What is left when the process ends goes with it; without this it would be looked through for a second.
    atexit.register(gc.freeze)
    with patient_streams():
        try:
            build_app()(args=None if arguments is None else list(arguments), obj=make, prog_name="omniagent")
        except SystemExit as leaving:
            _leave_if_stopped(leaving.code)
            raise


def _leave_if_stopped(code: object) -> None:
    """After Ctrl-C or SIGTERM wait for runs alone: other threads may read from a stdin on which nothing comes."""
    if not code:
        return
    from omniagent.cli.guard import leave_at_once
    from omniagent.model import lifetime
    from omniagent.runs.status import CANCELLED

    if code == CANCELLED:
        lifetime.end_runs()
        leave_at_once(CANCELLED)
