"""JSON schemas as small as they can be said: whoever offers a tool to a model pays for them in every conversation."""

from collections.abc import Mapping
from typing import Any, cast

Schema = Mapping[str, Any]


def compact(schema: Schema, *, given: bool) -> dict[str, Any]:
    """The schema without titles, and in what is answered without descriptions; what may be null need not be given."""
    kept: dict[str, Any] = {}
    for key, value in schema.items():
        if key in ("title", "default" if value is None else "title") or (key == "description" and not given):
            continue
        if key in ("properties", "$defs"):
            named = cast("Mapping[str, Schema]", value)
            kept[key] = {name: compact(one, given=given) for name, one in named.items()}
        elif isinstance(value, Mapping):
            kept[key] = compact(cast("Schema", value), given=given)
        elif isinstance(value, list):
            several = cast("list[Any]", value)
            kept[key] = [
                compact(cast("Schema", one), given=given) if isinstance(one, Mapping) else one for one in several
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
