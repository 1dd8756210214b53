"""Drawing ahead: while the critic looks at a round, the generator already draws what a redraw would ask for.

The pictures are kept under what was asked for (`tools.drawing`), so a redraw finds them done and is the same picture as
without. A decision for anything else frees the generator again.
"""

import threading
import time
from collections.abc import Callable
from dataclasses import replace
from typing import Any

from omniagent.model.errors import OmniAgentError
from omniagent.model.requests import CancelToken
from omniagent.tools.drawing.draw import DrawIn, DrawOut
from omniagent.tools.tool import Tool, ToolContext
from omniagent.tools.types import Usage

Drawing = Tool[Any, DrawOut]


class DrawAhead:
    """At most one batch under way, in a thread of its own. Called from one thread at a time."""

    def __init__(self, context: ToolContext) -> None:
        """`context` is the run's; its token also ends what is drawn ahead."""
        self._context = context
        self._work: _Work | None = None

    def begin(self, tool: Drawing, arguments: DrawIn) -> None:
        """Draw this batch ahead, unless it is under way already. Another one under way is dropped first."""
        if self._work is not None and self._work.is_for(tool, arguments):
            return
        self.free()
        self._work = _Work(tool, arguments, self._context)

    def settle(self, tool: Drawing, arguments: DrawIn) -> Usage:
        """Wait for this batch if it is the one under way, else drop what is; what was drawn in vain.

        Raises:
            Cancelled: the run was cancelled or expired while it waited.
        """
        work = self._work
        if work is None or not work.is_for(tool, arguments):
            return self.free()
        try:
            while not work.over.wait(0.05):
                self._context.token.check()
        except OmniAgentError:
            self.free()
            raise
        self._work = None
        return Usage()

    def free(self) -> Usage:
        """Drop what is under way and wait until the generator has let go of it; what was drawn in vain."""
        work, self._work = self._work, None
        return Usage() if work is None else work.drop()


class _Work:
    """One batch in a thread. Whatever fails here will fail again, and be told, when the batch is really wanted."""

    def __init__(self, tool: Drawing, arguments: DrawIn, context: ToolContext) -> None:
        self._tool = tool
        self._arguments = arguments
        self._token = _Both(context.token)
        self._made: DrawOut | None = None
        self._seconds = 0.0
        self.over = threading.Event()
        run: Callable[[], None] = lambda: self._run(replace(context, token=self._token))  # noqa: E731
        threading.Thread(target=run, name="draw-ahead", daemon=True).start()

    def is_for(self, tool: Drawing, arguments: DrawIn) -> bool:
        return self._tool.name == tool.name and self._arguments == arguments

    def drop(self) -> Usage:
        self._token.cancel()
        self.over.wait()
        made = self._made
        return made.usage if made is not None else Usage(generator_seconds=self._seconds)

    def _run(self, context: ToolContext) -> None:
        started = time.perf_counter()
        try:
            context.token.check()
            self._made = self._tool.fn(self._arguments, context)
        except OmniAgentError:
            self._made = None
        finally:
            self._seconds = time.perf_counter() - started
            self.over.set()


class _Both(CancelToken):
    """A token of its own that also obeys another one."""

    def __init__(self, other: CancelToken) -> None:
        super().__init__(other.deadline)
        self._other = other

    @property
    def cancelled(self) -> bool:
        return super().cancelled or self._other.cancelled
