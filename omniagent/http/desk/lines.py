"""A run's events and its error as lines of JSON, for engines whose runs are at work in another process."""

import json

from omniagent.model import errors
from omniagent.model.errors import HardFailure, OmniAgentError
from omniagent.tools.record.trace import Event, parse_event

_ERROR = '{"error": '


def line_of(event: Event) -> str:
    """An event as one line."""
    return event.model_dump_json()


def error_line(error: BaseException) -> str:
    """What ended a run in place of a result, as one line; what is no error of ours is told as a failure."""
    if isinstance(error, OmniAgentError):
        return json.dumps({"error": type(error).__name__, "message": str(error)})
    return json.dumps({"error": HardFailure.__name__, "message": f"{type(error).__name__}: {error}"})


def event_in(line: str) -> Event:
    """The event of a line.

    Raises:
        OmniAgentError: the line tells one.
    """
    if line.startswith(_ERROR):
        told = json.loads(line)
        known = getattr(errors, told["error"], None)
        kind = known if isinstance(known, type) and issubclass(known, OmniAgentError) else HardFailure
        raise kind(told["message"])
    return parse_event(line)
