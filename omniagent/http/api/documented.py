"""How refusals stand in the OpenAPI document."""

from typing import Any, Final

from omniagent.http.guard.errors import ErrorReply

_WHAT: Final = {
    400: "The request is wrong",
    401: "No known API key",
    403: "The link is wrong or has expired",
    404: "There is no such thing, or not for this key",
    409: "The run was cancelled, or is in a state that does not allow this",
    413: "The request is too large",
    429: "Too many requests or runs; see Retry-After",
    500: "The run failed",
    503: "Not now; see Retry-After",
    507: "The server's disk is full",
}

EVENTS: Final[dict[str, Any]] = {
    "text/event-stream": {
        "schema": {
            "type": "object",
            "properties": {
                "event": {"type": "string"},
                "data": {"type": "string", "description": "JSON"},
                "id": {"type": "string", "description": "what a client sends back as Last-Event-ID"},
            },
            "required": ["event", "data"],
        }
    }
}
"""One event of a stream."""


def refusals(*statuses: int) -> dict[int | str, dict[str, Any]]:
    """The answers of these statuses, all of one shape."""
    return {status: {"model": ErrorReply, "description": _WHAT[status]} for status in statuses}
