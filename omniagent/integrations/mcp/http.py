"""The server by HTTP (streamable), for clients that do not start it themselves."""

import hmac
import ipaddress
import socket
from collections.abc import Callable, Sequence
from typing import Any, Final

from mcp.server.mcpserver import MCPServer
from mcp.server.transport_security import TransportSecuritySettings
from starlette.responses import PlainTextResponse
from starlette.types import ASGIApp, Receive, Scope, Send

from omniagent.model.errors import BadSetting
from omniagent.model.wording import shown

PATH: Final = "/mcp"
_BODY: Final = 32 * 1024 * 1024
"""Bytes of a request: five pictures in base64."""


def serve_http(
    server: MCPServer[Any],
    *,
    host: str = "127.0.0.1",
    port: int = 8765,
    names: Sequence[str] = (),
    key: str | None = None,
    tell: Callable[[str], None] = lambda line: None,
) -> None:
    """Serve until the process is asked to stop.

    Requests whose Host or Origin header names no address of this server are refused, so that no web page can reach it
    by a name of its own (DNS rebinding).

    Args:
        server: What `build_server` made.
        host: Address to listen on.
        port: Port to listen on; 0 takes a free one.
        names: Further host names, with or without a port, under which clients reach the server.
        key: What clients send as `Authorization: Bearer …`; None: no key is asked for.
        tell: Called with the server's address once it listens, and with a warning where no key is asked for beyond this
            machine.

    Raises:
        BadSetting: the address cannot be listened on.
    """
    import uvicorn

    listening = _listening(host, port)
    with listening:
        at = listening.getsockname()[1]
        open_to = host if not _is_any(host) else socket.gethostname()
        tell(f"MCP at http://{f'[{open_to}]' if ':' in open_to else open_to}:{at}{PATH}")
        if not is_loopback(host) and key is None:
            tell(
                f"warning: any client that reaches {host}:{at} can draw here and read all runs; set OMNIAGENT_MCP_KEY, "
                "or listen on 127.0.0.1"
            )
        app: ASGIApp = http_app(server, host=host, names=names, key=key)
        config = uvicorn.Config(app, log_level="warning", timeout_graceful_shutdown=5)
        try:
            uvicorn.Server(config).run(sockets=[listening])
        except KeyboardInterrupt:
            # uvicorn has ended in order and passes on the signal that asked for it.
            return


def http_app(
    server: MCPServer[Any], *, host: str = "127.0.0.1", names: Sequence[str] = (), key: str | None = None
) -> ASGIApp:
    """The server as an ASGI application under `/mcp`; arguments as of `serve_http`."""
    app = server.streamable_http_app(
        streamable_http_path=PATH,
        host=host,
        max_request_body_size=_BODY,
        transport_security=_security(host, names),
    )
    return app if key is None else _Keyed(app, key)


def is_loopback(host: str) -> bool:
    """Whether only this machine reaches an address."""
    if host.lower() == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


class _Keyed:
    """Passes on requests with the key, and refuses all others."""

    def __init__(self, app: ASGIApp, key: str) -> None:
        self._app, self._wanted = app, f"Bearer {key}".encode()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http":
            given = dict(scope["headers"]).get(b"authorization", b"")
            if not hmac.compare_digest(given, self._wanted):
                refused = PlainTextResponse(
                    "give the server's key as Authorization: Bearer …", 401, {"WWW-Authenticate": "Bearer"}
                )
                await refused(scope, receive, send)
                return
        await self._app(scope, receive, send)


def _security(host: str, names: Sequence[str]) -> TransportSecuritySettings:
    known = ["127.0.0.1", "localhost", "[::1]"]
    if not is_loopback(host):
        known.append(f"[{host}]" if ":" in host else host)
        known += _own_names() if _is_any(host) else []
    with_port = [name for name in names if ":" in name.rpartition("]")[2]]
    known += [name for name in names if name not in with_port]
    hosts = [*with_port, *(form for name in dict.fromkeys(known) for form in (name, f"{name}:*"))]
    origins = [f"{scheme}://{one}" for one in hosts for scheme in ("http", "https")]
    return TransportSecuritySettings(enable_dns_rebinding_protection=True, allowed_hosts=hosts, allowed_origins=origins)


def _own_names() -> list[str]:
    """What others may call this machine: its name and its addresses."""
    name = socket.gethostname()
    try:
        found = [str(each[4][0]) for each in socket.getaddrinfo(name, None)]
    except OSError:
        found = []
    return [name, socket.getfqdn(), *(f"[{one}]" if ":" in one else one for one in found)]


def _is_any(host: str) -> bool:
    return host in ("0.0.0.0", "::", "")


def _listening(host: str, port: int) -> socket.socket:
    try:
        family, _, _, _, address = socket.getaddrinfo(
            host or None, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
        )[0]
        made = socket.create_server(address[:2], family=family)
    except (OSError, OverflowError) as error:
        why = getattr(error, "strerror", None) or str(error)
        raise BadSetting(
            f"cannot listen on {shown(host)} port {port}: {why}; give a free port (--port 0 takes one), or another host"
        ) from error
    return made
