"""`omniagent demo` and `omniagent mcp`: the other faces, started from the command line."""

import os
from pathlib import Path
from typing import Annotated

import typer

from omniagent.cli import options as opt

Host = Annotated[str, typer.Option(help="Address to listen on; other machines can reach it if it is not loopback.")]
Port = Annotated[int, typer.Option(min=0, max=65535, help="Port to listen on; 0 takes a free one.")]


def demo(
    context: typer.Context,
    host: Host = "127.0.0.1",
    port: Port = 7860,
    model: opt.Model = None,
    revision: opt.Revision = None,
    critic: opt.Critic = None,
    generator: opt.Generator = None,
    device: opt.Device = None,
    preset: opt.Preset = None,
    auth: Annotated[
        str | None,
        typer.Option(
            metavar="NAME:PASSWORD",
            help="Ask for a login; each has threads of its own. @FILE reads one NAME:PASSWORD a line.",
        ),
    ] = None,
    at_once: Annotated[int, typer.Option(min=1, help="Runs at work at the same time; others wait in turn.")] = 2,
) -> None:
    """Chat in the browser, with every step shown."""
    from omniagent.cli.guard import guarded

    with guarded():
        from omniagent.demo.page.access import logins_of

        # Before Gradio, which takes seconds to import.
        logins = logins_of(auth)
        from omniagent.demo.app import serve

        serve(
            opt.served_agent(
                context, opt.ModelOptions(model, revision, critic, device, preset=preset, generator=generator)
            ),
            host=host,
            port=port,
            logins=logins,
            at_once=at_once,
        )


def mcp(
    context: typer.Context,
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
) -> None:
    """Serve create_image and check_image over MCP on stdio."""
    from omniagent.cli.guard import guarded

    with guarded():
        from platformdirs import user_data_path

        from omniagent.integrations.mcp import build_server

        # Hosts start servers in folders of their own, often ones that nobody may write to.
        if runs_dir is None and "OMNIAGENT_RUNS_DIR" not in os.environ:
            runs_dir = user_data_path("omniagent") / "runs"
        agent = opt.served_agent(
            context,
            opt.ModelOptions(model, revision, critic, device, runs_dir=runs_dir, preset=preset, generator=generator),
        )
        build_server(agent).run("stdio")
