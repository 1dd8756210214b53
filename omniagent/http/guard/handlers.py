"""Every way in which a request can fail, as an answer in the shape of the OpenAI API."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException
from starlette.responses import Response

from omniagent.http.guard.errors import ApiError, refusal_of, too_large
from omniagent.model.errors import OmniAgentError
from omniagent.model.wording import cut, shown, unknown


def handle_errors(app: FastAPI) -> None:
    """Give every error of an app the API's shape."""

    async def told(request: Request, error: Exception) -> Response:
        return refusal_of(error).response()

    async def invalid(request: Request, error: Exception) -> Response:
        assert isinstance(error, RequestValidationError)
        return refusal_of_fields(error.errors()).response()

    async def plain(request: Request, error: Exception) -> Response:
        assert isinstance(error, HTTPException)
        return _of_status(error).response()

    app.add_exception_handler(ApiError, told)
    app.add_exception_handler(OmniAgentError, told)
    app.add_exception_handler(RequestValidationError, invalid)
    app.add_exception_handler(HTTPException, plain)
    app.add_exception_handler(Exception, told)


def refusal_of_fields(errors: Sequence[Mapping[str, Any]], known: Iterable[str] = ()) -> ApiError:
    """The first fault that pydantic found in a request."""
    first = errors[0]
    place = [str(part) for part in first["loc"] if part not in ("body", "query", "path", "header")]
    param = cut(".".join(place), 80) or None
    match first["type"]:
        case "extra_forbidden":
            names = list(known)
            what = unknown(place[-1], names) if names else f"{shown(place[-1])} is not known; leave it out"
            return ApiError(400, f"the parameter {what}", code="unknown_parameter", param=param)
        case "missing":
            message = f"{param} is missing" if param else "the request has no body; send JSON"
            return ApiError(400, message, code="missing_parameter", param=param)
        case "json_invalid":
            return ApiError(400, "the body is no JSON; send a JSON object", code="invalid_json")
        case _:
            said = cut(str(first["msg"]).removeprefix("Value error, "), 400)
            value = f"={shown(first['input'])}" if param and "input" in first else ""
            return ApiError(
                400, f"{param or 'the body'}{value} is not allowed: {said}", code="invalid_value", param=param
            )


def _of_status(error: HTTPException) -> ApiError:
    match error.status_code:
        case 404:
            return ApiError(404, "there is nothing at this address; see /openapi.json", code="not_found")
        case 405:
            headers = error.headers
            return ApiError(405, "this address takes other methods; see Allow", code="bad_method", headers=headers)
        case 413:
            return too_large()
        case status:
            kind = "server_error" if status >= 500 else "invalid_request_error"
            return ApiError(status, str(error.detail), code=f"http_{status}", kind=kind, headers=error.headers)
