"""What a server and its worker process tell each other, one line each.

To the worker: first the pickled maker of its agent, then `Ask`s as JSON. From the worker: a number and a line; number 0
speaks of the models (an empty line: loaded), others of the run that was begun under it (an empty line: over).
"""

import base64
import pickle
from collections.abc import Callable
from typing import Literal

from pydantic import BaseModel, ConfigDict

from omniagent.agent import Agent
from omniagent.model.errors import BadSetting

LOADED = 0
Make = Callable[[], Agent]


class Ask(BaseModel):
    """What the worker is to do: `begin` a run, `stop` it with its best picture, or `leave` it.

    Attributes:
        number: Of the run, from 1.
        order: With `begin`: the `RunOrder` as JSON.
        folder: With `begin`: where it lies.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    what: Literal["begin", "stop", "leave"]
    number: int
    order: str = ""
    folder: str = ""

    @property
    def line(self) -> bytes:
        """As it is sent."""
        return self.model_dump_json().encode() + b"\n"


def packed(make: Make) -> bytes:
    """A maker of agents as one line.

    Raises:
        BadSetting: it cannot be sent to another process.
    """
    try:
        return base64.b64encode(pickle.dumps(make)) + b"\n"
    except (pickle.PicklingError, AttributeError, TypeError) as error:
        raise BadSetting(
            f"the agent cannot be made in a process of its own ({error}); give a function of a module, "
            "or set OMNIAGENT_SERVE_SEPARATE=0"
        ) from error


def unpacked(line: bytes) -> Make:
    """The maker in a line that this program's own server sent."""
    return pickle.loads(base64.b64decode(line))


def said(number: int, line: str = "") -> bytes:
    """A line of the worker."""
    return f"{number} {line}\n".encode()


def heard(data: bytes) -> tuple[int, str]:
    """The number and the line that the worker said."""
    number, _, line = data.decode().rstrip("\n").partition(" ")
    return int(number), line
