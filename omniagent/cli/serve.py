"""`omniagent demo` and `omniagent mcp`: the other faces, started from the command line."""

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
    device: opt.Device = None,
) -> None:
    """Chat in the browser, with every step of the reflection shown."""
    from omniagent.cli.guard import guarded

    with guarded():
        from omniagent.demo.app import serve

        serve(opt.agent_of(context, opt.ModelOptions(model, revision, critic, device)), host=host, port=port)


def mcp(
    context: typer.Context,
    model: opt.Model = None,
    revision: opt.Revision = None,
    critic: opt.Critic = None,
    device: opt.Device = None,
) -> None:
    """Serve the tools create_image and check_image over MCP on stdin and stdout."""
    from omniagent.cli.guard import guarded

    with guarded():
        from omniagent.mcp import build_server

        agent = opt.agent_of(context, opt.ModelOptions(model, revision, critic, device, allow_urls=False))
        build_server(agent).run("stdio")
