"""The word lists of the audit, read once from their YAML files."""

from __future__ import annotations

from functools import cache
from importlib.resources import files
from typing import Final

import yaml
from pydantic import BaseModel, ConfigDict, TypeAdapter

_WORDS: Final = "kept_words.yaml"
_HAN: Final = "han_words.yaml"


class KeptWords(BaseModel):
    """Words that need no line, verbs of changes, other names of one thing, units, and Chinese things in English."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    unasked: frozenset[str]
    changing: frozenset[str]
    same: dict[str, frozenset[str]]
    units: frozenset[str]
    han: dict[str, tuple[str, ...]]


class _Lists(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")

    unasked: str
    changing: str
    same: tuple[tuple[str, ...], ...]
    also: dict[str, tuple[str, ...]]
    units: str


@cache
def kept_words() -> KeptWords:
    """The shipped lists."""
    home = files(__name__.rpartition(".")[0])
    lists = _Lists.model_validate(yaml.safe_load(home.joinpath(_WORDS).read_text(encoding="utf-8")))
    han = yaml.safe_load(home.joinpath(_HAN).read_text(encoding="utf-8"))
    same: dict[str, set[str]] = {}
    for names in lists.same:
        for name in names:
            same.setdefault(name, set()).update(names)
    for name, others in lists.also.items():
        same.setdefault(name, set()).update(others)
    return KeptWords(
        unasked=frozenset(lists.unasked.split()),
        changing=frozenset(lists.changing.split()),
        same={name: frozenset(others) for name, others in same.items()},
        units=frozenset(lists.units.split()),
        han=TypeAdapter(dict[str, tuple[str, ...]]).validate_python(han),
    )
