"""The phrases of changes as patterns: each of one clause, its slots named groups."""

from __future__ import annotations

import re
from functools import cache
from importlib.resources import files
from typing import Final

import yaml
from pydantic import BaseModel, ConfigDict, TypeAdapter

from omniagent.tools.dialects.listed.draws.parts import CORNER, LOOK, NOUN, SHAPES
from omniagent.tools.dialects.listed.draws.ways import ways
from omniagent.tools.dialects.listed.lexicon.entries import category

_LOOKS: Final = rf"{LOOK}(?:(?:,| and|, and)? {LOOK})*"
_SPOT: Final = (
    rf"(?:the |its )?(?:very |far )?(?:{CORNER}|centre|center|middle|(?:top|bottom)(?![ -](?:left|right))|left|right)"
    r"(?:[ -](?:corner|side|part|area|edge|half|end|hand side|hand corner|quarter))?"
    r"(?: of (?:the |this |my )?(?:picture|image|canvas|scene|frame|page|drawing|screen|it|everything))?\b(?! of)"
)
_PLACE: Final = (
    r"(?:(?:over|up|down|back|away|all the way|right|straight|further|more) )*"
    rf"(?:(?:in|at|to|into|on|onto|in to|near|by|towards?|over to) )?{_SPOT}"
)
_DETERMINER: Final = (
    r"(?:the|that|this|my|your|those|these|an?|one|both|all(?: of)?(?: the)?|every|each|any|one of the)"
)
_SIDE: Final = rf"(?:{CORNER}|centre|center|middle|central|(?:left|right|top|bottom|upper|lower)(?:[ -]?most| hand)?)"
TARGET: Final = (
    rf"(?:(?:{_DETERMINER} )?(?:(?:two|three|four|five|six|[2-6]) )?(?:{_SIDE} )?(?:{_LOOKS},? )?"
    rf"(?:{NOUN}|ones?|things?|stuff|items?)"
    r"(?: with (?:stripes|dots))?(?: (?:that|which) (?:is|are) " + _LOOKS + r")?"
    rf"(?: (?:(?:that|which) (?:is|are) )?(?:in|at|on|near|by) {_SPOT})?"
    rf"|(?:everything|anything|all)(?: of (?:it|them))?(?: (?:that is )?{_LOOKS})?"
    r"|it|them|that one|this one|that|this|they)"
)
_NUMBER: Final = r"(?:exactly )?(?:an?|one|two|three|four|five|six|[1-6])"
_NEW_NUMBER: Final = (
    r"(?:(?:an?|one|a single|another|two|three|four|five|six|[1-6]|a couple of|some)(?: new| more)?|the|some)"
)
_THING: Final = rf"(?:{_NEW_NUMBER} )?(?:{_LOOKS},? )?{NOUN}(?: with (?:stripes|dots))?(?: in {LOOK})?"
_WAS: Final = rf"{_LOOKS} (?:{NOUN}|ones?)"
_PATTERN: Final = r"(?:stripes|dots|spots|striped|dotted)(?: dots| pattern)?"
_SLOTS: Final = {
    "it": TARGET, "other": TARGET, "it2": TARGET, "other2": TARGET, "looks": _LOOKS, "old": rf"(?:an? )?{_LOOKS}",
    "a": rf"(?:an?|one) (?:{_LOOKS},? )?(?:{'|'.join(SHAPES)})", "thing": _THING,
    "place": _PLACE, "n": _NUMBER, "n0": _NUMBER,
    "things": rf"(?:{_LOOKS} )?{NOUN}", "things0": rf"(?:{_LOOKS} )?(?:{NOUN}|ones?)", "was": _WAS, "new": _WAS,
    "as": rf"(?:{_LOOKS},? )?(?:{'|'.join(SHAPES)})s", "wascolour": LOOK,
    "pattern": rf"(?:an? |some |the )?{_PATTERN}", "unpattern": _PATTERN,
    "several": rf"{TARGET}(?:, {TARGET})?,? and {TARGET}",
    "by": r"up|down|left|right|upwards?|downwards?|leftwards?|rightwards?|higher|lower",
    "rel": r"⇆|(?:(?:to|on|at) )?(?:the )?(?:left|right)(?: side)? of|above|over|below|under|underneath|beneath",
}  # fmt: skip


_PHRASES: Final = TypeAdapter(dict[str, tuple[str, ...]])
_AROUND: Final = ("openings", "closings", "joins")


class Patterns(BaseModel):
    """The phrases as regular expressions.

    Attributes:
        opening: One or more things that a clause may begin with.
        closing: One or more that it may end with.
        join: What stands between two clauses.
        kinds: The patterns of each kind, in their order.
        target: What names a thing, and `place` what names a place, as parts of patterns.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", arbitrary_types_allowed=True)

    opening: re.Pattern[str]
    closing: re.Pattern[str]
    join: re.Pattern[str]
    kinds: dict[str, tuple[re.Pattern[str], ...]]
    target: str = TARGET
    place: str = _PLACE


@cache
def patterns(*, held_out: bool = True) -> Patterns:
    """The shipped phrases; without `held_out`, the lexicon's verbs that suites keep for tests are left out."""
    text = files(__name__.rpartition(".")[0]).joinpath("phrases.yaml").read_text(encoding="utf-8")
    phrases = _PHRASES.validate_python(yaml.load(text, Loader=yaml.BaseLoader))
    opening, closing, join = ("|".join(phrases[key]) for key in _AROUND)
    kinds = {
        kind: tuple(re.compile(_filled(part, held_out)) for one in told for part in _alternatives(one))
        for kind, told in phrases.items()
        if kind not in _AROUND
    }
    return Patterns(
        opening=re.compile(rf"(?:(?:{opening})(?![\w'])[ ,.:;-]*)+"),
        closing=re.compile(rf"(?:[ ,.;-]*(?<![\w'])(?:{closing}))+$"),
        join=re.compile(join),
        kinds=kinds,
    )


def _alternatives(pattern: str) -> list[str]:
    """The outermost alternatives of a pattern, each a pattern of its own: a group's name may stand only once in one."""
    parts, depth = [""], 0
    for piece in re.findall(r"\\.|[^\\]", pattern):
        depth += (piece in "([{") - (piece in ")]}")
        if piece == "|" and depth == 0:
            parts.append("")
        else:
            parts[-1] += piece
    return parts


def _filled(pattern: str, held_out: bool) -> str:
    seen: set[str] = set()
    slots = {**_SLOTS, "ground": _ground(held_out), "oldground": _ground(held_out)}

    def slot(match: re.Match[str]) -> str:
        kind, _, key = match[1].partition(" ")
        if kind == "verb":
            return verbs(key, held_out=held_out)
        named = f"(?P<{kind}>{slots[kind]})" if kind not in seen else f"(?:{slots[kind]})"
        seen.add(kind)
        return named

    return re.sub(r"\{([a-z][a-z0-9 ]*)\}", slot, pattern)


def _ground(held_out: bool) -> str:
    known = ways(held_out=held_out)
    words = "|".join(re.escape(each) for each in sorted(known.grounds, key=len, reverse=True))
    return rf"(?:(?:{'|'.join(known.ground.plain)}),? )*(?:{words})"


def verbs(key: str, *, held_out: bool) -> str:
    """Any way to say a verb of the lexicon's changes, the longest first."""
    entry = category("edits")[key]
    ways = {*entry.known, *entry.ways, *(entry.test if held_out else ())}
    return f"(?:{'|'.join(re.escape(way) for way in sorted(ways, key=len, reverse=True))})"
