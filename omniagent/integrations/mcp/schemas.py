"""Tools with the schemas of our own models, kept small: a host pays for them in every conversation."""

from collections.abc import Callable
from typing import Any

from mcp.server.mcpserver.tools import Tool
from mcp.server.mcpserver.utilities.func_metadata import ArgModelBase
from mcp_types import ToolAnnotations

from omniagent.integrations.schemas import compact


def tool(run: Callable[..., Any], takes: type[ArgModelBase], description: str, hints: ToolAnnotations) -> Tool:
    """A tool whose arguments are those of a model that knows them all, not those that a signature would give."""
    made = Tool.from_function(run, description=description, annotations=hints)
    made.fn_metadata.arg_model = takes
    made.parameters = compact(takes.model_json_schema(), given=True)
    if made.fn_metadata.output_schema is not None:
        made.fn_metadata.output_schema = compact(made.fn_metadata.output_schema, given=False)
    return made
