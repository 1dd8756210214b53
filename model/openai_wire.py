"""What goes over the wire to an OpenAI-compatible chat server and how its answers are read; no network here."""

from __future__ import annotations

import base64
import io
import time
from collections.abc import Iterable
from email.utils import parsedate_to_datetime
from typing import Any

from PIL import Image
from pydantic import BaseModel

from omniagent.model.requests import Prompt

MAX_TEXT = 600
MAX_ITEMS = 32


def data_url(image: Image.Image) -> str:
    """A picture as a base64 PNG data URL of its RGB pixels alone: text chunks, EXIF and colour profiles stay behind."""
    bare = Image.frombytes("RGB", image.size, image.convert("RGB").tobytes())
    buffer = io.BytesIO()
    bare.save(buffer, "PNG")
    return "data:image/png;base64," + base64.b64encode(buffer.getvalue()).decode("ascii")


def messages(prompt: Prompt, pictures: Iterable[dict[str, Any]]) -> list[dict[str, Any]]:
    """The system and user messages of a prompt; `pictures` are the content parts of its pictures in order."""
    ready = iter(pictures)
    content = [{"type": "text", "text": part} if isinstance(part, str) else next(ready) for part in prompt.parts]
    return [{"role": "system", "content": prompt.system}, {"role": "user", "content": content}]


def schema_format(name: str, schema: dict[str, Any]) -> dict[str, Any]:
    """A `response_format` that holds the answer to a JSON schema."""
    return {"type": "json_schema", "json_schema": {"name": name, "schema": schema}}


def format_of(schema: type[BaseModel]) -> dict[str, Any]:
    """The `response_format` of a pydantic class, with every text and list bounded."""
    return schema_format(schema.__name__, bounded(schema.model_json_schema()))


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


def retry_after(value: str | None) -> float | None:
    """Seconds that a `Retry-After` header asks to wait, from a number or an HTTP date; None when it says nothing."""
    if value is None:
        return None
    try:
        return max(0.0, float(value))
    except ValueError:
        pass
    try:
        return max(0.0, parsedate_to_datetime(value).timestamp() - time.time())
    except ValueError:
        return None
