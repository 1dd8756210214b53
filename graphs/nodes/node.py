"""What a node is: work on the state whose time is counted and whose errors become faults."""

import time
from collections.abc import Callable
from typing import Protocol

from langgraph.runtime import Runtime

from omniagent.graphs.context import GraphContext
from omniagent.graphs.state import AgentState, Fault, StateUpdate
from omniagent.model.errors import (
    CallerError,
    Cancelled,
    CriticBadOutput,
    CriticTimeout,
    CriticUnavailable,
    HardFailure,
    OutputUnwritable,
    RetryableError,
    StorageFull,
)
from omniagent.tools.types import Usage

Work = Callable[[AgentState, GraphContext], StateUpdate]


class Node(Protocol):
    """What LangGraph runs."""

    def __call__(self, state: AgentState, runtime: Runtime[GraphContext]) -> StateUpdate:
        """What changed."""
        ...


def node(work: Work) -> Node:
    """A node of some work: adds the time it took, and turns what ended it into a fault of the state.

    A full disk is no verdict on the picture: it leaves the graph, as does a request that is wrong
    before there is a picture.
    """

    def run(state: AgentState, runtime: Runtime[GraphContext]) -> StateUpdate:
        started, calls = time.perf_counter(), runtime.context.tools.calls
        before = calls.used
        try:
            update = work(state, runtime.context)
        except (StorageFull, OutputUnwritable):
            raise
        except (Cancelled, RetryableError, HardFailure, CallerError) as error:
            # Finished pictures outlive a request that turns out wrong later, as when a server refuses its key.
            if isinstance(error, CallerError) and not state.attempts:
                raise
            spent = Usage(critic_calls=calls.used - before)
            update: StateUpdate = {"fault": fault_of(error, runtime.context), "usage": spent}
        update["usage"] = update.get("usage", Usage()).plus(seconds=time.perf_counter() - started)
        return update

    return run


def fault_of(error: Exception, context: GraphContext) -> Fault:
    """The one stop reason of an error."""
    name, token = type(error).__name__, context.tools.token
    if isinstance(error, Cancelled):
        late = token.expired and not token.cancelled
        return Fault(stop="time_limit" if late else "cancelled", message=str(error), error=name)
    if isinstance(error, CriticUnavailable | CriticTimeout | CriticBadOutput):
        return Fault(stop="critic_unavailable", message=str(error), error=name)
    return Fault(stop="failed", message=str(error), error=name)
