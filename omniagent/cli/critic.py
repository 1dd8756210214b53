"""`omniagent critic`: vLLM as a service of this machine."""

import json
import os
import shlex
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path
from types import FrameType, MappingProxyType
from typing import TYPE_CHECKING, Annotated, Any, Final

import typer

from omniagent.cli import options as opt

if TYPE_CHECKING:
    from omniagent.model.critic.service.record import Record

StateDir = Annotated[
    Path | None,
    typer.Option(
        callback=opt.at_home, help="Folder of the service's record and log. Default: OMNIAGENT_CRITIC_DIR or your own."
    ),
]
USE = "use it with --critic auto"
AsJson = Annotated[bool, typer.Option("--json", help="Print JSON, with the key, on stdout.")]


def serve(
    model: opt.Model = None,
    revision: opt.Revision = None,
    python: Annotated[
        Path | None,
        typer.Option(
            callback=opt.at_home,
            help="Python of the environment with vLLM. Default: OMNIAGENT_CRITIC_PYTHON or .venv-vllm.",
        ),
    ] = None,
    port: Annotated[int | None, typer.Option(min=0, max=65535, help="Port of 127.0.0.1; 0: any free one.")] = None,
    name: Annotated[str | None, typer.Option(help="What the model is called in requests.")] = None,
    device: opt.Device = None,
    alone: Annotated[bool, typer.Option("--alone", help="The generator does not need this machine's card.")] = False,
    beside: Annotated[
        str | None,
        typer.Option(metavar="MODEL", help="The generator on the same card, where it is not --model."),
    ] = None,
    chats: Annotated[int, typer.Option(min=1, max=256, help="Chats of full length to keep memory for.")] = 16,
    threads: Annotated[int | None, typer.Option(min=1, help="CPU threads.")] = None,
    restarts: Annotated[int, typer.Option(min=0, help="Restarts within ten minutes before it is given up.")] = 5,
    start_limit: Annotated[float, typer.Option(min=1, metavar="SECONDS", help="How long a start may take.")] = 600.0,
    detach: Annotated[bool, typer.Option("--detach", help="Return when it answers, and leave it running.")] = False,
    state_dir: StateDir = None,
    vllm: Annotated[list[str] | None, typer.Argument(help="Further arguments for vLLM, after --.")] = None,
) -> None:
    """Serve a checkpoint's critic with vLLM on 127.0.0.1, and keep it up.

    Stays in the foreground until Ctrl-C or `omniagent critic stop`. The key is OMNIAGENT_CRITIC_KEY, or made up;
    `omniagent run --critic auto` finds URL and key by itself.

    Exit code: 0 stopped as asked, 2 bad usage, 3 it did not start or was given up.

    \b
    Examples:
      omniagent critic serve --model OmniGen2/OmniGen2 --detach
    """
    from omniagent.cli.guard import guarded, say

    with guarded():
        from omniagent.config import bundled_checkpoint
        from omniagent.model.critic.service.record import state_folder
        from omniagent.model.critic.service.service import card_of, plan_service, run_service
        from omniagent.model.files.hub import find_model
        from omniagent.model.pipeline.memory import machine_memory

        opt.tell_of_critic()
        folder = state_folder(state_dir)
        if detach:
            _detach(folder, start_limit)
            return
        settings = plan_service(
            find_model(model or os.environ.get("OMNIAGENT_MODEL") or bundled_checkpoint(), revision=revision),
            python=python,
            name=name,
            port=port,
            key=os.environ.get("OMNIAGENT_CRITIC_KEY"),
            card=card_of(device),
            shared=not alone,
            threads=threads,
            more=tuple(vllm or ()),
            generator=None if beside is None else find_model(beside),
            chats=chats,
            host=machine_memory(),
        )
        stop = threading.Event()

        def handle(number: int, frame: FrameType | None) -> None:
            stop.set()

        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, handle)

        def ready(record: "Record") -> None:
            say(f"critic: {record.name} at {record.url}; {USE}; log {record.log}")

        run_service(settings, folder, ready=ready, stop=stop, restarts=restarts, start_limit=start_limit)


def status(
    url: Annotated[str | None, typer.Option(help="Look at this OpenAI-compatible server instead.")] = None,
    state_dir: StateDir = None,
    as_json: AsJson = False,
) -> None:
    """Say whether a critic's server is up, and what it cannot do.

    The key for --url is taken from OMNIAGENT_CRITIC_KEY.

    Exit code: 0 it answers, 1 it does not or there is none, 2 bad usage.

    \b
    Examples:
      omniagent critic status
      omniagent critic status --url http://localhost:8000/v1 --json
    """
    from omniagent.cli.guard import guarded

    with guarded(as_json=as_json):
        from omniagent.model.critic.openai.critic import OpenAICritic
        from omniagent.model.critic.service.record import read_record, state_folder
        from omniagent.model.errors import RetryableError
        from omniagent.model.requests import CancelToken

        record = None if url is not None else read_record(state_folder(state_dir))
        if url is None and record is None:
            typer.echo(json.dumps({"running": False}) if as_json else "no service is at work; omniagent critic serve")
            raise typer.Exit(1)
        key = os.environ.get("OMNIAGENT_CRITIC_KEY") if record is None else record.key
        told: dict[str, Any] = {"running": True} | ({"url": url} if record is None else record.model_dump())
        critic = OpenAICritic(url if record is None else record.url, None, key, retries=0)  # pyright: ignore[reportArgumentType]
        try:
            abilities = critic.probe(token=CancelToken(time.monotonic() + 30))
            told |= {"answers": True, "backend": critic.backend, "model": critic.model, "lacks": abilities.lacking}
        except RetryableError as error:
            told |= {"answers": False, "error": str(error)}
        finally:
            critic.close()
        typer.echo(json.dumps(told) if as_json else _described(told, record))
        raise typer.Exit(0 if told["answers"] else 1)


def stop(state_dir: StateDir = None) -> None:
    """Stop the service of this machine, and wait until it is gone.

    \b
    Examples:
      omniagent critic stop
    """
    from omniagent.cli.guard import guarded

    with guarded():
        from omniagent.model.critic.service.record import state_folder
        from omniagent.model.critic.service.service import stop_service

        record = stop_service(state_folder(state_dir))
        typer.echo("no service is at work" if record is None else f"stopped {record.name} at {record.url}")


def install(
    into: Annotated[
        Path | None,
        typer.Option(callback=opt.at_home, help="Folder of the environment. Default: vllm in your state folder."),
    ] = None,
    python: Annotated[
        Path | None, typer.Option(callback=opt.at_home, help="Python that makes it. Default: the one that runs this.")
    ] = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Print the commands, and do nothing.")] = False,
    pip: Annotated[list[str] | None, typer.Argument(help="Further arguments for pip, after --.")] = None,
) -> None:
    """Make an environment with vLLM, in which `--critic auto` and `critic serve` find it.

    vLLM's wheels are for NVIDIA GPUs; name another index of wheels after -- for other machines.

    Exit code: 0 installed, 2 bad usage, 3 it failed.

    \b
    Examples:
      omniagent critic install
      omniagent critic install --dry-run
    """
    from omniagent.cli.guard import guarded, say

    with guarded():
        from omniagent.model.critic.service.install import install as make
        from omniagent.model.critic.service.install import install_commands
        from omniagent.model.critic.service.settings import installed_folder

        folder = (into or installed_folder()).absolute()
        if dry_run:
            for command in install_commands(folder, python, pip or ()):
                typer.echo(shlex.join(command))
            return
        made = make(folder, python=python, more=pip or (), tell=say)
        known = folder == installed_folder().absolute()
        typer.echo(f"vLLM is in {folder}; " + (USE if known else f"set OMNIAGENT_CRITIC_PYTHON={made}"))


def _described(told: dict[str, Any], record: "Record | None") -> str:
    lines = [f"{told['url']}: {'answers' if told['answers'] else 'does not answer: ' + told['error']}"]
    if told["answers"]:
        lines.append(f"{told['backend']} {told['model']}")
        lines += [f"lacks: {line}" for line in told["lacks"]] or ["lacks nothing"]
    if record is not None:
        lines.append(f"process {record.pid}, up {time.time() - record.started:.0f} s, log {record.log}")
    return "\n".join(lines)


def _detach(folder: Path, limit: float) -> None:
    """Start this very command without --detach in a session of its own, and wait until its server answers."""
    from omniagent.cli.guard import say
    from omniagent.model.critic.service.record import LOG_FILE, read_record
    from omniagent.model.errors import BadSetting, CriticUnavailable

    if (running := read_record(folder)) is not None:
        raise BadSetting(f"a service is at work already at {running.url}; stop it first: omniagent critic stop")
    folder.mkdir(parents=True, exist_ok=True)
    words = [word for word in sys.argv[1:] if word != "--detach"]
    log = folder / "service.log"
    with log.open("wb") as output:
        child = subprocess.Popen(
            [sys.executable, "-m", "omniagent.cli", *words],
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
    shown, until = 0, time.monotonic() + limit
    while True:
        lines = log.read_text(encoding="utf-8", errors="replace").splitlines()
        for line in lines[shown:]:
            say(line)
        shown = len(lines)
        if child.poll() is not None:
            raise CriticUnavailable(f"the critic's service ended with code {child.returncode}; see {log}")
        if any(USE in line for line in lines):
            return
        if time.monotonic() > until:
            child.terminate()
            raise CriticUnavailable(f"the critic did not answer within {limit:.0f} s; see {folder / LOG_FILE}")
        time.sleep(0.3)


CRITIC_COMMANDS: Final = MappingProxyType[str, Callable[..., Any]](
    {"serve": serve, "status": status, "stop": stop, "install": install}
)
