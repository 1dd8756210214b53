"""Wishes of one task that cannot both hold: one thing in two colours, in two numbers, or on two sides."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from omniagent.tools.dialects.plain.language.kept_words import kept_words
from omniagent.tools.dialects.plain.language.vocabulary import COLOURS, NUMBERS, canonical, without_quoted

_COLOUR: Final = rf"(?P<value>{'|'.join(sorted((*COLOURS, 'gray'), key=len, reverse=True))})"
_COUNT: Final = rf"(?P<value>[2-9]|1\d|{'|'.join(word for word, value in NUMBERS.items() if 1 < int(value) < 20)})"
_SIDE: Final = r"(?P<value>left|right|top|bottom)"
_NOUN: Final = r"(?P<noun>(?!(?:and|or|one|ones|is|are|on|in|at|to)\b)[a-z]{2,})"
_BE: Final = r"(?:is|are|should be|must be|has to be|have to be)"
_AT: Final = r"(?:on|at|to|in)\s+the\s+"

_NEW: Final = {
    "colour": re.compile(rf"\b(?:an?|one)\s+(?:(?!{_COLOUR[10:-1]})[a-z-]+\s+){{0,2}}{_COLOUR}\s+{_NOUN}\b"),
    "number": re.compile(rf"(?<!the )(?<!of )\b{_COUNT}\s+{_NOUN}\b"),
    "side": re.compile(rf"\b(?:an?|one)\s+(?:[a-z-]+\s+){{0,2}}?{_NOUN}\s+{_AT}{_SIDE}\b"),
}
_AGAIN: Final = {
    "colour": re.compile(rf"\bthe\s+{_NOUN}\s+{_BE}\s+(?:all\s+|completely\s+)?{_COLOUR}\b(?!\s+and\b)"),
    "number": re.compile(rf"\bthe\s+{_COUNT}\s+{_NOUN}\b"),
    "side": re.compile(rf"\bthe\s+{_NOUN}\s+(?:{_BE}|stands?|sits?|lies?)\s+{_AT}{_SIDE}\b"),
}
# What is taken back, or said of a change, contradicts nothing.
_TAKEN_BACK: Final = re.compile(
    r"\b(?:no|not|instead|actually|rather|sorry|turn\w*|becom\w+|chang\w+|repaint\w*|recolou?r\w*|other|another|second|half"
    r"|first|then|later|before|after|reflection|mirror\w*)\b"
)
_OPPOSITE: Final = {"left": "right", "right": "left", "top": "bottom", "bottom": "top"}
_HAN_COLOUR: Final = r"(?P<value>[红蓝绿黄黑白紫橙粉灰棕])色?"


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
            noun, value = later["noun"], canonical(later["value"])
            before = [one for one in _NEW[kind].finditer(text, 0, later.start()) if one["noun"] == noun]
            things = re.findall(rf"\b(?:an?|one|\d+|{'|'.join(NUMBERS)})\s+(?:[a-z-]+\s+){{0,3}}?{noun}\b", text)
            if len(before) != 1 or len(things) != (2 if kind == "number" else 1):
                continue
            first = canonical(before[0]["value"])
            excludes = {
                "colour": first != value,
                "number": first.isdigit() and value.isdigit() and int(first) < int(value),
                "side": _OPPOSITE[value] == first if value in _OPPOSITE else False,
            }
            if excludes[kind]:
                yield Contradiction(noun, before[0][0], later[0], (first, value))


def _chinese(text: str) -> Iterator[Contradiction]:
    for noun in kept_words().han:
        if text.count(noun) != 2:
            continue
        new = re.search(rf"{_HAN_COLOUR}的?(?:小|大)?{noun}", text)
        again = re.search(rf"{noun}(?:是|为|应该是|要是){_HAN_COLOUR}", text)
        if new is not None and again is not None and new.start() < again.start() and new["value"] != again["value"]:
            yield Contradiction(noun, new[0], again[0], (f"{new['value']}色", f"{again['value']}色"))
