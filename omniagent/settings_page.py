"""The page of all settings, made of their own descriptions: `python -m omniagent.settings_page > docs/settings.md`."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from pydantic import BaseModel, SecretStr
from pydantic.fields import FieldInfo

from omniagent.config import PREFIX, Config
from omniagent.http.settings import PREFIX as SERVE_PREFIX
from omniagent.http.settings import HttpSettings
from omniagent.model.profile import CriticProfile, GeneratorProfile

INTRODUCTION = """# Settings

Defaults, then environment variables, then what a caller passes (`Config`, `Agent`, options of the command line).
What none of them sets is taken from the profile of the model in use. This page is made of the settings' own
descriptions by `python -m omniagent.settings_page`; a test keeps it in step.
"""
PROFILES = """
## Profiles

What a checkpoint's `omniagent.json` may say in its sections `generator` and `critic`: `{"format": 2, "generator": {},
"critic": {}}`. What a section leaves out is as below; a section that is missing is the family's.
"""


def page() -> str:
    """The page in Markdown."""
    parts = [INTRODUCTION, _table("## Environment", _variables(Config, PREFIX))]
    parts.append(_table("## HTTP server", _variables(HttpSettings, SERVE_PREFIX)))
    parts.append(PROFILES)
    parts += [_table("### generator", _fields(GeneratorProfile)), _table("### critic", _fields(CriticProfile))]
    return "\n".join(parts)


Row = tuple[str, str, str]


def _table(title: str, rows: Iterator[Row]) -> str:
    lines = [title, "", "| setting | default | what it says |", "| --- | --- | --- |"]
    return "\n".join([*lines, *(f"| `{name}` | {default} | {text} |" for name, default, text in rows), ""])


def _variables(kind: type[BaseModel], prefix: str) -> Iterator[Row]:
    for name, field in kind.model_fields.items():
        inner = field.annotation
        if isinstance(inner, type) and issubclass(inner, BaseModel):
            yield from _variables(inner, f"{prefix}{name.upper()}__")
        else:
            yield f"{prefix}{name.upper()}", _default(field), _text(field)


def _fields(kind: type[BaseModel]) -> Iterator[Row]:
    for name, field in kind.model_fields.items():
        if not field.exclude:
            yield name, _default(field), _text(field)


def _default(field: FieldInfo) -> str:
    value: Any = field.get_default(call_default_factory=True, validated_data={})
    if isinstance(value, BaseModel):
        value = value.model_dump(exclude_none=True)
    if isinstance(value, SecretStr):
        value = value.get_secret_value()
    if isinstance(value, str) and Path(value).is_absolute():
        return "the bundled checkpoint"
    return "" if value is None or value in ("", (), {}) else f"`{value}`"


def _text(field: FieldInfo) -> str:
    return (field.description or "").replace("|", "\\|")


if __name__ == "__main__":
    print(page(), end="")
