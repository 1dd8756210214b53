"""JSON schemas of pydantic classes as models are held to them: every text and list has an end."""

from __future__ import annotations

import json
from typing import Any

MAX_TEXT = 600
MAX_ITEMS = 32
_NAMES = frozenset({"properties", "$defs", "definitions", "patternProperties"})


def bounded(schema: Any) -> Any:
    """A JSON schema whose texts and lists all end: those without a limit get `MAX_TEXT` and `MAX_ITEMS`.

    Greedy decoding can go round in circles inside an unbounded text until the token limit cuts the JSON.
    """
    if isinstance(schema, list):
        return [bounded(each) for each in schema]
    if not isinstance(schema, dict):
        return schema
    made = {name: bounded(value) for name, value in schema.items()}
    if made.get("type") == "string" and not {"enum", "const", "pattern", "format"} & made.keys():
        made.setdefault("maxLength", MAX_TEXT)
    if made.get("type") == "array":
        made.setdefault("maxItems", MAX_ITEMS)
    return made


def fullest(schema: dict[str, Any]) -> str:
    """JSON text of the schema with every property, one item in each list and texts as short as may be."""
    return json.dumps(_instance(schema, schema, 8))


def _instance(schema: dict[str, Any], whole: dict[str, Any], depth: int) -> Any:
    if "$ref" in schema:
        name = str(schema["$ref"]).rsplit("/", 1)[-1]
        schema = whole.get("$defs", {}).get(name, {})
    if depth == 0:
        return None
    for key in ("anyOf", "oneOf", "allOf"):
        if schema.get(key):
            return max(
                (_instance(each, whole, depth - 1) for each in schema[key]), key=lambda made: len(json.dumps(made))
            )
    if "const" in schema:
        return schema["const"]
    if schema.get("enum"):
        return max(schema["enum"], key=lambda each: len(json.dumps(each)))
    match schema.get("type"):
        case "object":
            return {name: _instance(each, whole, depth - 1) for name, each in schema.get("properties", {}).items()}
        case "array":
            return [_instance(schema.get("items", {}), whole, depth - 1)] * max(1, int(schema.get("minItems", 0)))
        case "string":
            return "x" * int(schema.get("minLength", 0))
        case "integer" | "number":
            return schema.get("minimum", 0)
        case "boolean":
            return False
        case _:
            return None
