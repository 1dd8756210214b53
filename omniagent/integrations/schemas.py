"""JSON schemas as small as they can be: every conversation pays for the tools that it offers."""

from collections.abc import Mapping
from typing import Any, Final, cast

Schema = Mapping[str, Any]
_EXACT: Final = 2**53
"""Beyond this, programs that count in doubles read another number."""


def compact(schema: Schema, *, given: bool) -> dict[str, Any]:
    """The schema without titles, and what must be given first.

    Args:
        schema: As pydantic makes it.
        given: Of arguments: what may be null need not be given, and its schema does not say so. Else of answers:
            descriptions and defaults are left out.
    """
    kept: dict[str, Any] = {}
    for key, value in schema.items():
        if (
            key == "title"
            or (key == "default" and (value is None or not given))
            or (key == "description" and not given)
        ):
            continue
        if key == "maximum" and value > _EXACT:
            continue
        if key in ("properties", "$defs"):
            named = cast("Mapping[str, Schema]", value)
            first = cast("list[str]", schema.get("required", []))
            order = sorted(named, key=lambda name: name not in first)
            kept[key] = {name: compact(named[name], given=given) for name in order}
        elif isinstance(value, Mapping):
            kept[key] = compact(cast("Schema", value), given=given)
        elif isinstance(value, list):
            several = cast("list[Any]", value)
            kept[key] = [
                compact(cast("Schema", one), given=given) if isinstance(one, Mapping) else one for one in several
            ]
        else:
            kept[key] = value
    options = cast("list[dict[str, Any]]", kept.get("anyOf", []))
    if given:
        real = [one for one in options if one != {"type": "null"}]
        return real[0] | {key: value for key, value in kept.items() if key != "anyOf"} if len(real) == 1 else kept
    return _joined(options) or kept


def _joined(options: list[dict[str, Any]]) -> dict[str, Any] | None:
    """Plain types, or enumerations, of which one must fit, as one; None for others."""
    if options and all(set(one) == {"type"} for one in options):
        return {"type": [one["type"] for one in options]}
    if any("enum" in one for one in options) and all("enum" in one or one == {"type": "null"} for one in options):
        return {"enum": [value for one in options for value in one.get("enum", [None])]}
    return None
