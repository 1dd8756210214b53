"""Drawing a new picture out of several given ones."""

from pydantic import Field

from omniagent.tools.drawing.draw import DrawIn, DrawOut, draw
from omniagent.tools.tool import ToolContext, tool
from omniagent.tools.types import ImageRef


class ComposeIn(DrawIn):
    """The pictures that the words call image 1, image 2, …."""

    sources: tuple[ImageRef, ...] = Field(min_length=1, max_length=5)


def compose(arguments: ComposeIn, context: ToolContext) -> DrawOut:
    """Draw a new picture with things from the given ones, one picture for each seed."""
    return draw("compose", arguments, arguments.sources, context)


COMPOSE = tool(compose)
