"""The command line put together. To add a subcommand, write its function and name it in `COMMANDS`."""

from collections.abc import Callable, Sequence
from types import MappingProxyType
from typing import Annotated, Any, Final

import typer
from typer.core import TyperCommand

from omniagent.cli.batch import batch
from omniagent.cli.calibration.calibrate import calibrate
from omniagent.cli.chat import chat
from omniagent.cli.critic import CRITIC_COMMANDS
from omniagent.cli.doctor import doctor
from omniagent.cli.measuring.evaluate import evaluate
from omniagent.cli.measuring.simulate import simulate
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
        "simulate": simulate,
        "calibrate": calibrate,
        "doctor": doctor,
        "version": version,
    }
)
"""Subcommands in the order of the help. Their modules import nothing heavy before they are called."""

CLASSES: Final = MappingProxyType[str, type[TyperCommand]](
    {"run": JsonErrors, "check": JsonErrors, "describe": JsonErrors, "train": TrainingDoor}
)
"""Of those that read their words in a way of their own."""


def root(
    told: Annotated[
        bool, typer.Option("--version", help="Print the version.", is_eager=True, callback=print_version)
    ] = False,
) -> None:
    """Draw with OmniGen2, look at the picture, and repair it until your requirements hold."""


def _group() -> None:
    """Training data: records from sources."""


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
    critic = typer.Typer(
        help="vLLM as this machine's critic: start it, look at it, stop it.",
        no_args_is_help=True,
        rich_markup_mode=None,
    )
    for name, command in CRITIC_COMMANDS.items():
        critic.command(name)(command)
    app.add_typer(critic, name="critic")
    data = typer.Typer(help="Training data: records from sources.", no_args_is_help=True, rich_markup_mode=None)
    data.callback()(_group)
    for name, command in DATA_COMMANDS.items():
        data.command(name)(command)
    app.add_typer(data, name="data")
    runs = typer.Typer(help="Earlier runs: list, show, open, prune.", no_args_is_help=True, rich_markup_mode=None)
    for name, command in RUNS_COMMANDS.items():
        runs.command(name, cls=JsonErrors)(command)
    app.add_typer(runs, name="runs")
    return app


def main(arguments: Sequence[str] | None = None, make: MakeAgent = make_agent) -> None:
    """Run the command line and leave the process with its exit code.

    Args:
        arguments: Words after `omniagent`; the process's own by default.
        make: Makes the agent from the parsed options; tests and embedders put their own models in here.
    """
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
