"""The gate before the endpoints: an id for each request, its key, its rate, and what it counts in the metrics.

It is plain ASGI and stands before any body is read: without a key nothing is uploaded.
"""

import logging
import re
import secrets
import time
from typing import Final

from starlette.datastructures import Headers, MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from omniagent.http.guard.errors import ApiError, too_large
from omniagent.http.guard.keys import Keys
from omniagent.http.guard.limits import RateLimit
from omniagent.http.metrics import Metrics

GUARDED: Final = "/v1/"
LINKS: Final = "/v1/links/"
"""Signed links carry their own proof, since browsers send no key with a picture."""

_LOG = logging.getLogger("omniagent.http")
_METHODS: Final = ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS")
_REQUEST_ID = re.compile(r"[\w\-.]{1,64}")


class Gate:
    """Lets requests with a key through, and puts `owner` and `request_id` into their state."""

    def __init__(self, app: ASGIApp, *, keys: Keys, rate: RateLimit, metrics: Metrics, body_bytes: int) -> None:
        self._app = app
        self._keys = keys
        self._rate = rate
        self._metrics = metrics
        self._body_bytes = body_bytes

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """One connection."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        headers, began, status = Headers(scope=scope), time.perf_counter(), 500
        given = headers.get("x-request-id", "")
        request_id = given if _REQUEST_ID.fullmatch(given) else f"req_{secrets.token_hex(12)}"
        state = scope.setdefault("state", {})
        state["request_id"] = request_id

        async def stamped(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = int(message["status"])
                kept = MutableHeaders(scope=message)
                kept["x-request-id"] = request_id
                kept["x-content-type-options"] = "nosniff"
            await send(message)

        try:
            try:
                state["owner"] = self._owner(scope["path"], headers)
                self._check_length(headers.get("content-length", ""))
            except ApiError as refusal:
                await refusal.response()(scope, receive, stamped)
                return
            await self._app(scope, receive, stamped)
        finally:
            route = getattr(scope.get("route"), "path", "none")
            method = scope["method"] if scope["method"] in _METHODS else "other"
            self._metrics.answered(route, method, status, time.perf_counter() - began)
            _LOG.info("%s %s %s %d", request_id, method, route, status)

    def _check_length(self, length: str) -> None:
        """Refuse what says that it is too large; `RequestBodyLimitMiddleware` counts what does not say so."""
        if length.isdecimal() and int(length) > self._body_bytes:
            raise too_large()

    def _owner(self, path: str, headers: Headers) -> str:
        if not path.startswith(GUARDED) or path.startswith(LINKS):
            return ""
        owner = self._keys.owner(headers.get("authorization"))
        if owner is None:
            raise ApiError(
                401,
                "the request has no known API key; send one as Authorization: Bearer …",
                code="invalid_api_key",
                kind="authentication_error",
                headers={"WWW-Authenticate": "Bearer"},
            )
        self._rate.take(owner)
        return owner
