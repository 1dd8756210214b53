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


def data_url(image: Image.Image) -> str:
    """A picture as a base64 PNG data URL of its RGB pixels alone: text chunks, EXIF and colour profiles stay behind."""
    bare = Image.frombytes("RGB", image.size, image.convert("RGB").tobytes())
    buffer = io.BytesIO()
    bare.save(buffer, "PNG")
    return "data:image/png;base64," + base64.b64encode(buffer.getvalue()).decode("ascii")


def messages(prompt: Prompt, urls: Iterable[str]) -> list[dict[str, Any]]:
    """The system and user messages of a prompt; `urls` are its pictures in order."""
    pictures = iter(urls)
    content = [
        {"type": "text", "text": part}
        if isinstance(part, str)
        else {"type": "image_url", "image_url": {"url": next(pictures)}}
        for part in prompt.parts
    ]
    return [{"role": "system", "content": prompt.system}, {"role": "user", "content": content}]


def schema_format(name: str, schema: dict[str, Any]) -> dict[str, Any]:
    """A `response_format` that holds the answer to a JSON schema."""
    return {"type": "json_schema", "json_schema": {"name": name, "schema": schema}}


def format_of(schema: type[BaseModel]) -> dict[str, Any]:
    """The `response_format` of a pydantic class."""
    return schema_format(schema.__name__, schema.model_json_schema())


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
