"""Wishes of one task that cannot both hold: one thing in two colours, in two numbers, or on two sides."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from omniagent.tools.dialects.plain.language.amounts import exact
from omniagent.tools.dialects.plain.language.kept_words import kept_words
from omniagent.tools.dialects.plain.language.vocabulary import COLOURS, NUMBERS, canonical, without_quoted

_COLOUR: Final = rf"(?P<value>{'|'.join(sorted((*COLOURS, 'gray'), key=len, reverse=True))})"
_COUNT: Final = rf"(?P<value>[2-9]|1\d|{'|'.join(word for word, value in NUMBERS.items() if 1 < int(value) < 20)})"
_SIDE: Final = r"(?P<value>left|right|top|bottom)"
_NOUN: Final = r"(?P<noun>(?!(?:and|or|one|ones|is|are|on|in|at|to)\b)[a-z]{2,})"
_BE: Final = r"(?:is|are|should be|must be|has to be|have to be)"
_AT: Final = r"(?:on|at|to|in)\s+the\s+"

# What ends a name: in "a white coffee cup" the coffee is not white.
_ENDS: Final = (
    r"(?=\s*(?:[,.;:!?\n]|$)|\s+(?:and|but|on|in|at|to|by|with|near|behind|beside|under|over|above|below|between|inside"
    r"|next|against|from|of|that|which|who|is|are|parked|standing|sitting|lying|hanging|wearing|holding|driving|running"
    r"|walking|flying|floating|sleeping|looking|playing)\b)"
)
# A colour of all of a thing ends what is said; "white around the nose" and "red-roofed" are of a part.
_WHOLLY: Final = r"(?=\s*(?:[,.;:!?\n]|$)|\s+in\s+colou?r\b)"
_STARTS: Final = r"(?:^|(?<=[,.;:!?\n])|\b(?:and|but|so|where|while)\b)\s*"
_BESIDE: Final = (
    r"(?=(?:[\s-]+hand)?(?:\s+side)?(?:\s+of\s+(?:(?:the|an?|his|her|its)\s+)?(?P<of>[a-z]+)|\s*(?:[,.;:!?\n]|$)"
    r"|\s+(?:and|but|with)\b))"
)
_WHOLE: Final = frozenset(["picture", "image", "photo", "frame", "scene", "canvas", "page"])

_NEW: Final = {
    "colour": re.compile(rf"\b(?:an?|one)\s+(?:(?!{_COLOUR[10:-1]})[a-z-]+\s+){{0,2}}{_COLOUR}\s+{_NOUN}\b{_ENDS}"),
    "number": re.compile(rf"(?<!the )(?<!of )\b{_COUNT}\s+{_NOUN}\b{_ENDS}"),
    "side": re.compile(rf"\b(?:an?|one)\s+(?:[a-z-]+\s+){{0,2}}?{_NOUN}\s+{_AT}{_SIDE}\b{_BESIDE}"),
}
_AGAIN: Final = {
    "colour": re.compile(rf"{_STARTS}(?P<said>the\s+{_NOUN}\s+{_BE}\s+(?:all\s+|completely\s+)?{_COLOUR}\b){_WHOLLY}"),
    "number": re.compile(rf"(?P<said>\bthe\s+{_COUNT}\s+{_NOUN}\b)(?!['’-])"),
    "side": re.compile(rf"{_STARTS}(?P<said>the\s+{_NOUN}\s+(?:{_BE}|stands?|sits?|lies?)\s+{_AT}{_SIDE}\b){_BESIDE}"),
}
# Shades and other names of one colour exclude each other in no picture.
_FAMILIES: Final = tuple(
    frozenset(family.split())
    for family in (
        "red crimson scarlet maroon magenta", "pink magenta lavender", "blue navy turquoise teal cyan indigo",
        "green teal turquoise olive khaki cyan", "purple violet indigo lavender magenta maroon", "grey silver",
        "yellow gold golden amber blond cream", "orange amber copper bronze gold golden", "white ivory cream beige",
        "brown bronze copper khaki beige maroon amber olive",
    )
)  # fmt: skip
# What is taken back, or said of a change, contradicts nothing.
_TAKEN_BACK: Final = re.compile(
    r"\b(?:no|not|instead|actually|rather|sorry|turn\w*|becom\w+|chang\w+|repaint\w*|recolou?r\w*|other|another|second|half"
    r"|first|then|later|before|after|reflection|mirror\w*)\b"
)
_OPPOSITE: Final = {"left": "right", "right": "left", "top": "bottom", "bottom": "top"}
_HAN_COLOUR: Final = r"(?P<value>[红蓝绿黄黑白紫橙粉灰棕])色?"
# "花" of "花盆" and "猫" of "熊猫" are no flower and no cat.
_HAN_ENDS: Final = r"(?=[，。；、！？,.;!?\s]|$|[在和与跟从停站坐躺放穿])"
_HAN_STARTS: Final = r"(?:^|(?<=[，。；、！？,.;!?\s但而])|[这那][个只条张位辆棵朵匹头座艘本杯把双片件])"


@dataclass(frozen=True, slots=True)
class Contradiction:
    """Two wishes of a task for one thing.

    Attributes:
        noun: The thing.
        first: What is said first, in the person's words.
        then: What is said later.
        values: Both colours, numbers or sides, in the order in which they are said.
    """

    noun: str
    first: str
    then: str
    values: tuple[str, str]


def contradictions(words: str) -> tuple[Contradiction, ...]:
    """The wishes of a task that exclude one another, in the order of the later ones; English and Chinese."""
    bare = without_quoted(words, " ")
    return (*_english(bare.lower()), *_chinese(bare))


def overruled(words: str, answer: str) -> tuple[tuple[Contradiction, str], ...]:
    """Each contradiction with the value that does not hold.

    An answer that names one of both values decides; else what is said later stands.
    """
    said = {canonical(word) for word in re.findall(r"[^\W_]+", answer.lower())}
    found: list[tuple[Contradiction, str]] = []
    for one in contradictions(words):
        first, then = one.values
        named = [value for value in one.values if canonical(value) in said or (not value.isascii() and value in answer)]
        found.append((one, then if named == [first] else first))
    return tuple(found)


def _english(text: str) -> Iterator[Contradiction]:
    if _TAKEN_BACK.search(text):
        return
    for kind, again in _AGAIN.items():
        for later in again.finditer(text):
            noun = later["noun"]
            before = [one for one in _NEW[kind].finditer(text, 0, later.start()) if one["noun"] == noun]
            things = re.findall(
                rf"\b(?:an?|one|\d+|{'|'.join(NUMBERS)})\s+(?:(?!(?:the|and)\b)[a-z-]+\s+){{0,3}}?{noun}\b", text
            )
            if len(before) != 1 or len(things) != (2 if kind == "number" else 1):
                continue
            values = canonical(before[0]["value"]), canonical(later["value"])
            if _excludes(kind, before[0], later, values):
                yield Contradiction(noun, before[0][0], later["said"], values)


def _excludes(kind: str, before: re.Match[str], later: re.Match[str], values: tuple[str, str]) -> bool:
    """Whether one thing cannot have both values."""
    first, then = values
    match kind:
        case "colour":
            return first != then and not any(first in family and then in family for family in _FAMILIES)
        case "number":
            if not exact(before.string, *before.span("value")) or not exact(later.string, *later.span("value")):
                return False
            return first.isdigit() and then.isdigit() and int(first) < int(then)
        case _:
            beside = later["of"] in (None, before["of"]) or {later["of"]} <= _WHOLE
            return beside and _OPPOSITE[then] == first


def _chinese(text: str) -> Iterator[Contradiction]:
    for noun in kept_words().han:
        if text.count(noun) != 2:
            continue
        new = re.search(rf"{_HAN_COLOUR}的?(?:小|大)?{noun}{_HAN_ENDS}", text)
        again = re.search(
            rf"{_HAN_STARTS}(?P<said>{noun}(?:是|为|应该是|要是){_HAN_COLOUR})的?(?=[，。；、！？,.;!?\s]|$)", text
        )
        if new is not None and again is not None and new.start() < again.start() and new["value"] != again["value"]:
            yield Contradiction(noun, new[0], again["said"], (f"{new['value']}色", f"{again['value']}色"))
