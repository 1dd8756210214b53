"""What a tool is: a named function from one frozen model to another, over the models and stores of a run."""

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from inspect import cleandoc
from typing import TYPE_CHECKING, Any, Generic, TypeVar, get_type_hints

from pydantic import ValidationError

from omniagent.model.errors import BadSetting, HardFailure, OmniAgentError, OutOfMemory
from omniagent.model.requests import CancelToken
from omniagent.model.wording import fault
from omniagent.tools.config import ToolConfig
from omniagent.tools.intake.region import Region
from omniagent.tools.meter import CallMeter
from omniagent.tools.record.progress import Progress
from omniagent.tools.record.store import ImageStore
from omniagent.tools.record.trace import ToolCalled, ToolErrored, ToolStarted, Trace
from omniagent.tools.types import Usage, Word

if TYPE_CHECKING:
    from omniagent.model.runtime import ModelRuntime


@dataclass(frozen=True, slots=True)
class ToolContext:
    """All that a tool may touch."""

    runtime: "ModelRuntime"
    store: ImageStore
    trace: Trace
    token: CancelToken
    calls: CallMeter
    config: ToolConfig = field(default_factory=ToolConfig)
    pause: Callable[[float], None] = time.sleep
    region: Region | None = None
    previews: bool = False

    def progress(self, tool: str) -> Progress:
        """A step callback that tells the trace's listener."""
        return Progress(self.trace, tool, previews=self.previews)


class Outcome(Word):
    """Base of what tools return: what it cost, and one line for people."""

    usage: Usage = Usage()
    summary: str = ""


A = TypeVar("A", bound=Word)
R = TypeVar("R", bound=Outcome)


@dataclass(frozen=True, slots=True)
class Tool(Generic[A, R]):
    """A typed tool. `In` and `Out` hold image refs, never pixels; their JSON schemas are the tool's schemas."""

    name: str
    description: str
    In: type[A]
    Out: type[R]
    fn: Callable[[A, ToolContext], R]

    def __call__(self, arguments: A | Mapping[str, Any], context: ToolContext) -> R:
        """Check the arguments, run, and record one event.

        Raises:
            BadSetting: the arguments do not fit the tool's schema.
            OmniAgentError: whatever the tool raises; a foreign exception comes as HardFailure or OutOfMemory.
        """
        if not isinstance(arguments, self.In):
            try:
                arguments = self.In.model_validate(arguments)
            except ValidationError as error:
                raise BadSetting(
                    f"invalid arguments for the tool {self.name}: {fault(error, self.In.model_fields)}"
                ) from error
        context.trace.add(ToolStarted(tool=self.name))
        started = time.perf_counter()
        try:
            context.token.check()
            outcome = self.fn(arguments, context)
        except OmniAgentError as error:
            self._errored(context, error, started)
            raise
        except MemoryError as error:
            mapped = OutOfMemory(f"the tool {self.name} ran out of memory; ask for a smaller picture")
            self._errored(context, mapped, started)
            raise mapped from error
        except Exception as error:
            mapped = HardFailure(f"the tool {self.name} failed unexpectedly: {type(error).__name__}: {error}")
            self._errored(context, mapped, started)
            raise mapped from error
        context.trace.add(
            ToolCalled(
                tool=self.name,
                seconds=time.perf_counter() - started,
                prompt_tokens=outcome.usage.prompt_tokens,
                completion_tokens=outcome.usage.completion_tokens,
                summary=outcome.summary,
            )
        )
        return outcome

    def _errored(self, context: ToolContext, error: OmniAgentError, started: float) -> None:
        context.trace.add(
            ToolErrored(
                tool=self.name,
                seconds=time.perf_counter() - started,
                error=type(error).__name__,
                message=str(error),
            )
        )


def tool(fn: Callable[[A, ToolContext], R]) -> Tool[A, R]:
    """Makes a tool of a function: its name, the first paragraph of its docstring, and the types it takes and gives."""
    hints = get_type_hints(fn)
    arguments, outcome = next(hint for name, hint in hints.items() if name != "return"), hints["return"]
    return Tool(fn.__name__, cleandoc(fn.__doc__ or "").split("\n\n")[0], arguments, outcome, fn)
