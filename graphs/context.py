"""What the graph is run with but does not remember."""

from dataclasses import dataclass
from pathlib import Path

from omniagent.graphs.speculate import DrawAhead
from omniagent.tools.record.attempt_files import keep_attempt
from omniagent.tools.tool import ToolContext
from omniagent.tools.types import Attempt


@dataclass(frozen=True, slots=True)
class GraphContext:
    """Tools' context, the folder where attempts are kept for people, and who draws ahead, if anybody does.

    LangGraph's `context_schema`.
    """

    tools: ToolContext
    attempts: Path
    ahead: DrawAhead | None = None

    def keep(self, attempt: Attempt) -> None:
        """Write the attempt's PNG with its lineage."""
        trace, model = self.tools.trace, self.tools.runtime.generator.model
        keep_attempt(self.attempts, trace.run_id, model, attempt, self.tools.store.get(attempt.image))
