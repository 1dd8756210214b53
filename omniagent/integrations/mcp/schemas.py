"""Tools with the schemas of our own models, kept small: a host pays for them in every conversation."""

from collections.abc import Callable, Mapping
from typing import Any, cast

from mcp.server.mcpserver.tools import Tool
from mcp.server.mcpserver.utilities.func_metadata import ArgModelBase
from mcp_types import ToolAnnotations

Schema = Mapping[str, Any]


def tool(run: Callable[..., Any], takes: type[ArgModelBase], description: str, hints: ToolAnnotations) -> Tool:
    """A tool whose arguments are those of a model that knows them all, not those that a signature would give."""
    made = Tool.from_function(run, description=description, annotations=hints)
    made.fn_metadata.arg_model = takes
    made.parameters = _compact(takes.model_json_schema(), given=True)
    if made.fn_metadata.output_schema is not None:
        made.fn_metadata.output_schema = _compact(made.fn_metadata.output_schema, given=False)
    return made


def _compact(schema: Schema, *, given: bool) -> dict[str, Any]:
    """The schema without titles, and in what is answered without descriptions; what may be null need not be given."""
    kept: dict[str, Any] = {}
    for key, value in schema.items():
        if key in ("title", "default" if value is None else "title") or (key == "description" and not given):
            continue
        if key in ("properties", "$defs"):
            named = cast("Mapping[str, Schema]", value)
            kept[key] = {name: _compact(one, given=given) for name, one in named.items()}
        elif isinstance(value, Mapping):
            kept[key] = _compact(cast("Schema", value), given=given)
        elif isinstance(value, list):
            several = cast("list[Any]", value)
            kept[key] = [
                _compact(cast("Schema", one), given=given) if isinstance(one, Mapping) else one for one in several
            ]
        else:
            kept[key] = value
    options = kept.get("anyOf")
    if given and isinstance(options, list):
        real = [one for one in cast("list[dict[str, Any]]", options) if one != {"type": "null"}]
        if len(real) == 1:
            del kept["anyOf"]
            kept = real[0] | kept
    return kept
