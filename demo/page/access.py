"""Who asks: logins where the server wants them, else a cookie for each browser. Pure ASGI, before everything else."""

import base64
import binascii
import secrets
from collections.abc import Mapping
from http.cookies import CookieError, SimpleCookie
from pathlib import Path
from typing import Final

from starlette.datastructures import Headers, MutableHeaders
from starlette.responses import PlainTextResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from omniagent.demo.state.threads import visitor_of
from omniagent.model.errors import BadSetting

COOKIE: Final = "omniagent_visitor"
_AGE: Final = 365 * 24 * 3600


def logins_of(given: str | None) -> dict[str, str]:
    """Names with passwords: `NAME:PASSWORD`, or `@FILE` with one such pair a line.

    Raises:
        BadSetting: there is no colon, name or password, or the file cannot be read.
    """
    if given is None:
        return {}
    lines = [given]
    if given.startswith("@"):
        try:
            lines = Path(given[1:]).expanduser().read_text().splitlines()
        except (OSError, ValueError, RuntimeError) as error:
            raise BadSetting(f"the logins in {given[1:]} cannot be read: {error}") from error
    found: dict[str, str] = {}
    for line in filter(None, map(str.strip, lines)):
        name, colon, password = line.partition(":")
        if not (name and colon and password):
            raise BadSetting("a login is not NAME:PASSWORD; give both, or @FILE with one pair a line")
        found[name] = password
    if not found:
        raise BadSetting(f"there is no login in {given[1:]}; write NAME:PASSWORD, one pair a line")
    return found


def visitor_in(headers: Mapping[str, str], *, logins: bool) -> str | None:
    """The visitor of a request by its headers: by the login, which was checked, or by the cookie; None without."""
    if logins:
        name, _ = _credentials(headers.get("authorization", ""))
        return visitor_of(f"login {name}") if name else None
    try:
        held = SimpleCookie(headers.get("cookie", "")).get(COOKIE)
    except CookieError:
        return None
    return visitor_of(f"cookie {held.value}") if held is not None and len(held.value) >= 32 else None


class Door:
    """Asks for a login where there are some; gives browsers a cookie else. A cookie is a secret of its browser."""

    def __init__(self, app: ASGIApp, logins: Mapping[str, str]) -> None:
        self._app = app
        self._logins = logins

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Let a request through, or refuse it."""
        if scope["type"] != "http":
            # Nothing of the chat uses websockets, which would come past the login.
            if scope["type"] == "lifespan":
                await self._app(scope, receive, send)
            return
        headers = Headers(scope=scope)
        if self._logins:
            if not self._known(headers.get("authorization", "")):
                refused = PlainTextResponse(
                    "log in to use this chat", 401, {"WWW-Authenticate": 'Basic realm="OmniAgent", charset="UTF-8"'}
                )
                await refused(scope, receive, send)
                return
            await self._app(scope, receive, send)
            return
        new = scope["path"] == "/" and visitor_in(headers, logins=False) is None

        async def sent(message: Message) -> None:
            if new and message["type"] == "http.response.start":
                value = f"{COOKIE}={secrets.token_hex(24)}; Path=/; Max-Age={_AGE}; HttpOnly; SameSite=Lax"
                if scope.get("scheme") == "https":
                    value += "; Secure"
                MutableHeaders(scope=message).append("set-cookie", value)
            await send(message)

        await self._app(scope, receive, sent)

    def _known(self, header: str) -> bool:
        name, password = _credentials(header)
        held = self._logins.get(name, "")
        same = secrets.compare_digest(held.encode(), password.encode())
        return same and bool(held)


def _credentials(header: str) -> tuple[str, str]:
    kind, _, value = header.partition(" ")
    if kind.lower() != "basic":
        return "", ""
    try:
        name, _, password = base64.b64decode(value, validate=True).decode().partition(":")
    except (binascii.Error, UnicodeDecodeError):
        return "", ""
    return name, password
