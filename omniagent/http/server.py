"""Serving the application with uvicorn: signals, draining, and a warning where anybody may draw."""

import asyncio
import ipaddress
import logging
import signal
import socket
import sys
import threading
from collections.abc import Callable, Generator, Sequence
from contextlib import contextmanager
from types import FrameType

import uvicorn
from fastapi import FastAPI

from omniagent.http.api.service import Service
from omniagent.http.guard.keys import Keys
from omniagent.http.settings import HttpSettings
from omniagent.model.errors import BadSetting

_SIGNALS = ("SIGINT", "SIGTERM", "SIGHUP")
_AFTER_DRAIN = 25.0
_TURN = 0.0005
"""Seconds after which a thread that waits for Python's lock gets it."""


class Server(uvicorn.Server):
    """A server that ends in good order: no new runs, those at work are seen through for a while, then stopped."""

    def __init__(self, config: uvicorn.Config, service: Service) -> None:
        super().__init__(config)
        self._service = service

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """Drain while open answers are still sent."""
        draining = asyncio.create_task(self._service.desk.drain(self._service.settings.drain_seconds))
        await super().shutdown(sockets)
        await draining

    @contextmanager
    def capture_signals(self) -> Generator[None]:
        """The first signal drains, another Ctrl-C ends at once; unlike uvicorn's own, none is raised again after."""
        if threading.current_thread() is not threading.main_thread():
            yield
            return
        before = {
            number: signal.signal(number, self._stop)
            for name in _SIGNALS
            if (number := getattr(signal, name, None)) is not None
            and signal.getsignal(number) not in (signal.SIG_IGN, None)
        }
        try:
            yield
        finally:
            for number, handler in before.items():
                signal.signal(number, handler)

    def _stop(self, number: int, frame: FrameType | None) -> None:
        self.handle_exit(number, frame)


def listen(host: str, port: int) -> socket.socket:
    """A socket that listens there; port 0 takes a free one.

    Raises:
        BadSetting: the address is taken, or none of this machine.
    """
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    made = socket.socket(family, socket.SOCK_STREAM)
    try:
        made.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        made.bind((host, port))
        made.listen(2048)
    except OSError as error:
        made.close()
        reason = error.strerror or str(error)
        raise BadSetting(f"cannot listen on {host} port {port}: {reason}; give another --port or --host") from error
    return made


def is_loopback(host: str) -> bool:
    """Whether only this machine reaches a host of that name."""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def warning_for(host: str, keys: Keys) -> str | None:
    """The warning at the start of a server that others reach without a key."""
    if is_loopback(host) or keys.asked_for:
        return None
    return f"warning: anybody who reaches {host} may draw and see all runs; set OMNIAGENT_SERVE_KEYS or --keys-file"


def serve(
    app: FastAPI,
    *,
    host: str,
    port: int,
    say: Callable[[str], None],
    sockets: Sequence[socket.socket] = (),
) -> None:
    """Serve until SIGTERM, SIGHUP or Ctrl-C, and until the runs at work are over or `drain_seconds` have passed.

    Args:
        app: What `build_app` made.
        host: Where to listen.
        port: 0 takes a free one.
        say: Tells the address, and warnings, in one line each.
        sockets: Ones that listen already, in place of host and port.
    """
    service: Service = app.state.service
    settings: HttpSettings = service.settings
    listening = list(sockets) or [listen(host, port)]
    address = listening[0].getsockname()
    if (warning := warning_for(host, Keys.read(settings))) is not None:
        say(warning)
    logging.getLogger("omniagent.http").setLevel(logging.WARNING)
    # Runs keep Python busy in their threads; the event loop gets its turn sooner.
    sys.setswitchinterval(_TURN)
    config = uvicorn.Config(
        app,
        log_level="warning",
        access_log=False,
        timeout_graceful_shutdown=int(settings.drain_seconds + _AFTER_DRAIN),
        timeout_keep_alive=15,
        server_header=False,
        h11_max_incomplete_event_size=64 * 1024,
    )
    shown = f"[{host}]" if ":" in host else host
    say(f"serving on http://{shown}:{address[1]}/v1 (documented by /openapi.json); Ctrl-C ends it")
    Server(config, service).run(sockets=listening)
