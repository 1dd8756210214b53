"""Errors in the shape of the OpenAI API, from which its clients raise their own exception types."""

from collections.abc import Mapping
from typing import Final, Literal

from pydantic import BaseModel, ConfigDict, Field
from starlette.responses import JSONResponse

from omniagent.model.errors import (
    BadCheckpoint,
    BadImage,
    BadSetting,
    BadTask,
    CallerError,
    Cancelled,
    HardFailure,
    OmniAgentError,
    OutOfMemory,
    OutputUnwritable,
    QueueFull,
    RetryableError,
    StorageFull,
    UnknownModel,
)

Kind = Literal["invalid_request_error", "authentication_error", "rate_limit_error", "server_error"]
_NO_RETRY: Final = {"x-should-retry": "false"}


class ErrorDetail(BaseModel):
    """What was wrong. `param` names the parameter, `code` the case, for programs."""

    model_config = ConfigDict(frozen=True)

    message: str
    type: Kind
    param: str | None = None
    code: str | None = None


class ErrorReply(BaseModel):
    """The body of every refusal."""

    model_config = ConfigDict(frozen=True)

    error: ErrorDetail = Field(description="what was wrong, and what to do about it")


class ApiError(Exception):
    """A refusal: its status, and its body in the API's shape."""

    def __init__(
        self,
        status: int,
        message: str,
        *,
        code: str,
        kind: Kind = "invalid_request_error",
        param: str | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> None:
        super().__init__(message)
        self.status = status
        self.headers = dict(headers or {})
        self.detail = ErrorDetail(message=message, type=kind, param=param, code=code)

    @property
    def body(self) -> ErrorReply:
        """As JSON has it."""
        return ErrorReply(error=self.detail)

    def response(self) -> JSONResponse:
        """The whole answer."""
        return JSONResponse(self.body.model_dump(), status_code=self.status, headers=self.headers)


def missing(what: str) -> ApiError:
    """There is nothing of that name, or not for this key, which is told in the same words."""
    return ApiError(404, what, code="not_found")


def too_large() -> ApiError:
    """There is more in the request than the server reads."""
    return ApiError(413, "the request is too large; send smaller pictures, or fewer", code="too_large")


def too_busy(message: str, code: str, seconds: float) -> ApiError:
    """Later there is room: the client is told when to ask again, in whole seconds from 1 to 60."""
    after = str(min(60, max(1, round(seconds))))
    return ApiError(429, message, code=code, kind="rate_limit_error", headers={"Retry-After": after})


def leaving() -> ApiError:
    """The server is about to end and takes no more work."""
    return ApiError(
        503,
        "the server is shutting down and takes no more runs; try again in a moment",
        code="shutting_down",
        kind="server_error",
        headers={"Retry-After": "5"},
    )


def refusal_of(error: BaseException, param: str | None = None) -> ApiError:
    """What a client is told of an error; where files of the server lie is not among it."""
    match error:
        case ApiError():
            return error
        case BadImage():
            return ApiError(400, str(error), code="invalid_image", param=param or "image")
        case BadTask():
            return ApiError(400, str(error), code="invalid_prompt", param=param or "prompt")
        case BadSetting():
            return ApiError(400, str(error), code="invalid_value", param=param)
        case StorageFull():
            return _broken(507, "the server's disk has no room for this run; free some space there", "storage_full")
        case OutputUnwritable():
            return _broken(500, "the server cannot write this run to its disk", "storage_failed")
        case UnknownModel() | BadCheckpoint():
            return _broken(500, "the server's model cannot be loaded; see its log", "model_not_loaded")
        case CallerError():
            return ApiError(400, str(error), code="invalid_value", param=param)
        case QueueFull():
            return too_busy(str(error), "queue_full", 5)
        case RetryableError():
            after = {"Retry-After": "5"}
            return ApiError(503, str(error), code=type(error).__name__, kind="server_error", headers=after)
        case Cancelled():
            return ApiError(409, str(error), code="cancelled", headers=_NO_RETRY)
        case OutOfMemory():
            return _broken(500, str(error), "out_of_memory")
        case HardFailure() | OmniAgentError():
            return _broken(500, str(error), type(error).__name__)
        case _:
            return _broken(500, "the server failed unexpectedly; see its log", "internal_error")


def _broken(status: int, message: str, code: str) -> ApiError:
    """A failure that asking again will not mend: the client is told not to retry by itself."""
    return ApiError(status, message, code=code, kind="server_error", headers=_NO_RETRY)
