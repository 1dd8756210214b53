"""`omniagent demo`: the chat in the browser."""

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
    """Chat in the browser, with every step shown.

    \b
    Examples:
      omniagent demo
      omniagent demo --port 0 --preset fast
    """
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
