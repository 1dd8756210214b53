"""`omniagent mcp`: the agent's tools for MCP hosts."""

import os
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from omniagent.cli import options as opt

KEY_VARIABLE = "OMNIAGENT_MCP_KEY"


class Transport(StrEnum):
    """How hosts reach the server."""

    STDIO = "stdio"
    HTTP = "http"


def mcp(
    context: typer.Context,
    transport: Annotated[
        Transport, typer.Option(help="stdio: the host starts this command; http: it reaches a running one.")
    ] = Transport.STDIO,
    host: Annotated[
        str, typer.Option(help="http: address to listen on; other machines can reach it if it is not loopback.")
    ] = "127.0.0.1",
    port: Annotated[int, typer.Option(min=0, max=65535, help="http: port to listen on; 0 takes a free one.")] = 8765,
    allow_host: Annotated[
        list[str] | None,
        typer.Option(metavar="NAME[:PORT]", help="http: a further name under which clients reach it; may be repeated."),
    ] = None,
    root: Annotated[
        list[Path] | None,
        typer.Option(
            help="A folder whose files may be given as pictures; may be repeated. Default: with stdio the host's own "
            "roots, or the working folder; with http none but earlier runs."
        ),
    ] = None,
    answer_within: Annotated[
        float, typer.Option(min=0.1, metavar="SECONDS", help="A run that takes longer is answered by a handle.")
    ] = 40.0,
    model: opt.Model = None,
    revision: opt.Revision = None,
    critic: opt.Critic = None,
    generator: opt.Generator = None,
    device: opt.Device = None,
    preset: opt.Preset = None,
    runs_dir: Annotated[
        Path | None,
        typer.Option(
            callback=opt.at_home, help="Folder for the runs. Default: OMNIAGENT_RUNS_DIR, or the user's data folder."
        ),
    ] = None,
    allow_urls: opt.AllowUrls = False,
) -> None:
    """Serve tools that draw, edit, check and describe pictures to MCP hosts.

    Clients of --transport http send OMNIAGENT_MCP_KEY as "Authorization: Bearer …", where it is set.

    Exit code: 0 the host has gone, 2 bad usage, 3 failure.

    \b
    Examples:
      omniagent mcp
      omniagent mcp --root ~/Pictures
      omniagent mcp --transport http --port 8765
    """
    from omniagent.cli.guard import guarded, say

    with guarded():
        from platformdirs import user_data_path

        from omniagent.integrations.mcp import build_server, serve_http

        # Hosts start servers in folders of their own, often ones that cannot be written to.
        if runs_dir is None and "OMNIAGENT_RUNS_DIR" not in os.environ:
            runs_dir = user_data_path("omniagent") / "runs"
        local = transport is Transport.STDIO
        folders = [_folder(path) for path in root or ()]
        agent = opt.served_agent(
            context,
            opt.ModelOptions(
                model,
                revision,
                critic,
                device,
                allow_urls or None,
                runs_dir=runs_dir,
                preset=preset,
                generator=generator,
            ),
        )
        with agent:
            server = build_server(agent, roots=folders or None, local=local, patience=answer_within)
            if local:
                server.run("stdio")
            else:
                key = os.environ.get(KEY_VARIABLE) or None
                serve_http(server, host=host, port=port, names=allow_host or (), key=key, tell=say)


def _folder(path: Path) -> Path:
    place = opt.at_home(path) or path
    if not place.is_dir():
        raise typer.BadParameter(f"{str(path)!r} is no folder", param_hint="--root")
    return place
