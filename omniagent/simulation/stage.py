"""The stage of a simulated run: the agent's real graph over scripted models, with nothing written to disk."""

from pathlib import Path
from typing import Any, Final

from PIL import Image

from omniagent.graphs.build import Graph, step_limit
from omniagent.graphs.context import GraphContext
from omniagent.graphs.state import AgentState
from omniagent.model.errors import BadImage
from omniagent.model.requests import CancelToken, Critic, Generator
from omniagent.model.runtime import ModelRuntime
from omniagent.tools.config import ToolConfig
from omniagent.tools.meter import CallMeter
from omniagent.tools.record.store import ImageStore, ref_of
from omniagent.tools.record.trace import Event, Trace
from omniagent.tools.tool import ToolContext
from omniagent.tools.types import Attempt, Budget, ImageRef

_NOWHERE: Final = Path("nowhere")


class Memory(ImageStore):
    """Pictures and notes of one run, kept in memory."""

    def __init__(self) -> None:
        super().__init__(_NOWHERE)
        self._pictures: dict[str, Image.Image] = {}
        self._notes: dict[str, bytes] = {}

    def put(self, image: Image.Image) -> ImageRef:
        ref = ref_of(image)
        self._pictures[ref.sha256] = image
        return ref

    def get(self, ref: ImageRef) -> Image.Image:
        if ref.sha256 not in self._pictures:
            raise BadImage(f"no picture {ref.sha256} was drawn in this run")
        return self._pictures[ref.sha256]

    def remember(self, key: str, note: bytes) -> None:
        self._notes[key] = note

    def recall(self, key: str) -> bytes | None:
        return self._notes.get(key)


class _Silent(Trace):
    """A trace that keeps nothing."""

    def __init__(self) -> None:
        self.path, self.run_id = _NOWHERE, "simulated"

    def add(self, event: Event) -> Event:
        return event

    def tell(self, event: Event) -> None:
        return None


class _Kept(GraphContext):
    """A context that writes no attempts."""

    def keep(self, attempt: Attempt) -> None:
        return None


def play(
    graph: Graph,
    entry: dict[str, Any],
    generator: Generator,
    critic: Critic,
    *,
    store: Memory,
    budget: Budget,
    token: CancelToken | None = None,
) -> AgentState:
    """One run of the graph from the state `entry` to its end, by models of its own.

    There is no wait between tries of a critic that fails, and the pictures stay in `store`.
    """
    with ModelRuntime(generator, critic) as runtime:
        tools = ToolContext(
            runtime=runtime,
            store=store,
            trace=_Silent(),
            token=token or CancelToken(),
            calls=CallMeter(budget.max_critic_calls),
            config=ToolConfig(backoff=0.0),
        )
        begin: Any = {**entry, "budget": budget}
        context = _Kept(tools=tools, attempts=_NOWHERE)
        ended = graph.invoke(begin, {"recursion_limit": step_limit(budget)}, context=context)
    return AgentState.model_validate(ended)
