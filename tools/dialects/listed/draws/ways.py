"""The lexicon's phrases as this reader uses them: what each means, in both numbers, and what may be passed over."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from functools import cache
from importlib.resources import files
from types import MappingProxyType
from typing import Final, NamedTuple

import yaml
from pydantic import BaseModel, ConfigDict, TypeAdapter

from omniagent.tools.dialects.listed.draws.parts import GROUNDS
from omniagent.tools.dialects.listed.lexicon.entries import Entry, category

_NO_SIZE: Final = "any size"
_FOREIGN_PLURAL: Final = re.compile(r"(?:los|las|dos|ulos|elas|llos|cles|rés|les|eaux|eise|eisen|rate|raten|rne|rnen)$")
"""Endings of the lexicon's foreign words for several things, which are there beside those for one."""
_CATEGORIES: Final = ("shapes", "colours", "fills", "sizes", "places", "relations", "numbers")


class Way(NamedTuple):
    """What a phrase means: the model's own word, of which category, and whether only nearly that."""

    category: str
    own: str
    near: bool


class Grounds(BaseModel):
    """How backgrounds are said: `before` and `plain` stand before the word, `nouns` behind it; `said` are patterns."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    nouns: tuple[str, ...]
    before: tuple[str, ...]
    plain: tuple[str, ...]
    said: tuple[str, ...]


class Fillers(BaseModel):
    """What asks, praises or hedges: whole `frames`, single `words`; `vague` ones say what cannot be drawn.

    `binding` words mean nothing alone, but decide how the rest is read.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    frames: tuple[str, ...]
    words: str
    binding: str
    vague: tuple[str, ...]


class Ways(NamedTuple):
    """All that is known of how people ask for pictures.

    Attributes:
        phrases: What a row of words means.
        grounds: Words for backgrounds, with the model's own and whether only nearly that.
        frames: Phrases that may be passed over, the longest first, as a pattern.
        fillers: Single words of that kind.
        binding: Words that only bind.
        vague: Words that may be passed over if that is said, as a pattern.
        ground: How backgrounds are said.
    """

    phrases: Mapping[tuple[str, ...], Way]
    grounds: Mapping[str, tuple[str, bool]]
    frames: re.Pattern[str]
    fillers: frozenset[str]
    binding: frozenset[str]
    vague: re.Pattern[str]
    ground: Grounds


@cache
def ways(*, held_out: bool = True) -> Ways:
    """The shipped phrases; without `held_out`, those that suites and lessons keep for tests are left out."""
    fillers = Fillers.model_validate(_read("fillers"))
    asked = category("requests")
    frames = {*fillers.frames}
    for name in ("draw", "dropped"):
        frames |= {way.lower() for way in (*asked[name].ways, *(asked[name].test if held_out else ())) if " " in way}
    return Ways(
        MappingProxyType(dict(_phrases(held_out))),
        MappingProxyType(dict(_grounds(held_out))),
        _any_of(frames),
        frozenset(fillers.words.split()),
        frozenset(fillers.binding.split()),
        _any_of(fillers.vague),
        Grounds.model_validate(_read("grounds")),
    )


def _read(name: str) -> object:
    text = files(__name__.rpartition(".")[0]).joinpath(f"{name}.yaml").read_text(encoding="utf-8")
    return yaml.load(text, Loader=yaml.BaseLoader)


def _any_of(phrases: set[str] | tuple[str, ...]) -> re.Pattern[str]:
    told = sorted(phrases, key=len, reverse=True)
    return re.compile(rf"(?<![\w'-])(?:{'|'.join(map(re.escape, told))})(?![\w'-])")


@cache
def _more() -> Mapping[str, Mapping[str, Entry]]:
    return TypeAdapter(dict[str, dict[str, Entry]]).validate_python(_read("phrases"))


def _exact(entry: Entry, held_out: bool) -> tuple[str, ...]:
    return (*entry.ways, *entry.es, *entry.fr, *entry.de, *(entry.test if held_out else ()))


def _phrases(held_out: bool) -> Iterator[tuple[tuple[str, ...], Way]]:
    seen: set[tuple[str, ...]] = set()
    for name in _CATEGORIES:
        own_words = {word for own, entry in category(name).items() for word in (own, f"{own}s", *entry.known)}
        for near in (False, True):
            for own, text in _said(name, held_out, near=near):
                for way, meant in _in_both_numbers(name, text.lower(), own):
                    phrase = tuple(way.split())
                    if phrase not in seen and way not in own_words:
                        seen.add(phrase)
                        yield phrase, Way(name, "" if meant == _NO_SIZE else meant, near)


def _said(name: str, held_out: bool, *, near: bool) -> Iterator[tuple[str, str]]:
    """(own word, phrase) of a category, of this reader's own phrases too."""
    for own, entry in category(name).items():
        # Numbers beyond what can be drawn are read by the grammar, to be named.
        if not own.startswith("too "):
            yield from ((own, way) for way in (entry.near if near else _exact(entry, held_out)))
    for own, entry in _more().get(name, {}).items():
        yield from ((own, way) for way in (entry.near if near else entry.ways))


def _in_both_numbers(name: str, way: str, own: str) -> Iterator[tuple[str, str]]:
    if name != "shapes":
        yield way, own
    elif own.endswith("s") or _FOREIGN_PLURAL.search(way):
        yield way, f"{own}s"
    else:
        yield way, own
        yield plural(way), f"{own}s"


def _grounds(held_out: bool) -> Iterator[tuple[str, tuple[str, bool]]]:
    for own in ("white", "black", "gray"):
        for near in (True, False):
            yield from ((way, (own, near)) for each, way in _said("backgrounds", held_out, near=near) if each == own)
    yield from ((word, (own, False)) for word, own in GROUNDS.items())


def plural(noun: str) -> str:
    """A noun phrase in the plural, its head before a "with" or "of"."""
    head, *tail = re.split(r"(?= (?:with|of) )", noun, maxsplit=1)
    if re.search(r"(?:s|x|z|ch|sh)$", head):
        head += "es"
    elif re.search(r"[^aeiou]y$", head):
        head = f"{head[:-1]}ies"
    else:
        head += "s"
    return "".join((head, *tail))
