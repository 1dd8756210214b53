"""Drawing from words alone."""

from omniagent.tools.drawing.draw import DrawIn, DrawOut, draw
from omniagent.tools.tool import ToolContext, tool


class GenerateIn(DrawIn):
    """Words, seeds and settings."""


def generate(arguments: GenerateIn, context: ToolContext) -> DrawOut:
    """Draw pictures from words, one for each seed."""
    return draw("generate", arguments, (), context)


GENERATE = tool(generate)
