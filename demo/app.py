"""The chat: words and pictures in, the reflection as it happens, the picture out. Needs `omniagent[demo]`."""

import asyncio
import sys
import threading
from collections.abc import AsyncGenerator, Mapping
from contextlib import asynccontextmanager

import uvicorn
from fastapi import FastAPI
from starlette.types import ASGIApp

from omniagent.agent import Agent
from omniagent.demo.address import address_of, listening, open_to_others
from omniagent.demo.events.handlers import Handlers
from omniagent.demo.page.access import Door
from omniagent.demo.page.files import add_files
from omniagent.demo.page.layout import asset, build_page
from omniagent.demo.state.desk import Desk
from omniagent.demo.state.threads import Shelves
from omniagent.demo.widgets import Soft, gr
from omniagent.model.http.proxies import no_proxies


def build_app(agent: Agent, *, logins: Mapping[str, str] | None = None, at_once: int = 2) -> ASGIApp:
    """The chat over an agent as an ASGI application, with telemetry off.

    Args:
        agent: What draws; its runs folder holds the threads too.
        logins: Names with passwords; without any, all who can reach the server can use it.
        at_once: Runs at work at the same time; others wait in turn.
    """
    desk = Desk(agent, at_once=at_once)

    @asynccontextmanager
    async def loading(_: FastAPI) -> AsyncGenerator[None]:
        # The first message need not wait for all of it then.
        task = asyncio.create_task(desk.load())
        yield
        task.cancel()

    app = FastAPI(docs_url=None, redoc_url=None, openapi_url=None, lifespan=loading)
    shelves = Shelves(agent.config.runs_dir.resolve())
    handlers = Handlers(agent, desk, shelves, logins=bool(logins))
    add_files(app, agent.config.runs_dir.resolve(), shelves, logins=bool(logins))
    with no_proxies():
        gr.mount_gradio_app(
            app,
            build_page(handlers),
            "/",
            footer_links=[],
            run_history=False,
            show_error=False,
            ssr_mode=False,
            max_file_size="64mb",
            css=asset("page.css"),
            theme=Soft(font=["system-ui", "sans-serif"], font_mono=["ui-monospace", "monospace"]),
        )
    return Door(app, logins or {})


def serve(
    agent: Agent,
    *,
    host: str = "127.0.0.1",
    port: int = 7860,
    logins: Mapping[str, str] | None = None,
    at_once: int = 2,
    block: bool = True,
) -> str:
    """Serve the chat until Ctrl-C; returns its address at once with `block=False`.

    Args:
        agent: What draws; its runs folder holds the threads too.
        host: Address to listen on.
        port: Port to listen on; 0 takes a free one.
        logins: Names with passwords; without any, all who can reach the server can use it.
        at_once: Runs at work at the same time; others wait in turn.
        block: Whether to wait for Ctrl-C.

    Raises:
        BadSetting: the host is not of this machine, or the port is taken.
    """
    taken = listening(host, port)
    config = uvicorn.Config(
        build_app(agent, logins=logins, at_once=at_once),
        log_level="warning",
        access_log=False,
        timeout_graceful_shutdown=2,
        # Nothing of the chat uses them.
        ws="none",
    )
    server = uvicorn.Server(config)
    thread = threading.Thread(target=server.run, args=([taken],), name="omniagent-chat", daemon=True)
    address = address_of(host, taken.getsockname()[1])
    print(f"OmniAgent is at {address}", flush=True)
    if open_to_others(host):
        print(warning_of(host, logins=bool(logins)), file=sys.stderr, flush=True)
    thread.start()
    if block:
        try:
            while thread.is_alive():
                thread.join(0.5)
        except KeyboardInterrupt:
            print("ending the chat", file=sys.stderr, flush=True)
        finally:
            server.should_exit = True
            thread.join(5)
    return address


def warning_of(host: str, *, logins: bool) -> str:
    """What is told of a server that other machines can reach."""
    if logins:
        return (
            f"warning: {host} is open to other machines, and this server speaks plain HTTP: those who can listen in on "
            "the network can read pictures and passwords; put an HTTPS proxy before it"
        )
    return (
        "warning: all who can reach this machine can use this chat; each browser sees its own threads alone. "
        "--auth NAME:PASSWORD asks for a login, --host 127.0.0.1 keeps it to this machine"
    )
