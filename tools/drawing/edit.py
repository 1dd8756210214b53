"""Changing one picture by instruction."""

from omniagent.tools.drawing.draw import DrawIn, DrawOut, draw
from omniagent.tools.tool import ToolContext, tool
from omniagent.tools.types import ImageRef


class EditIn(DrawIn):
    """The picture to change, and the change in words."""

    source: ImageRef


def edit(arguments: EditIn, context: ToolContext) -> DrawOut:
    """Change a picture as the instruction says and keep the rest, one picture for each seed."""
    return draw("edit", arguments, (arguments.source,), context)


EDIT = tool(edit)
