"""JSON as models write it: with prose around it, single quotes, trailing commas, quotes inside strings, or cut short.

Text that is JSON reads as `json.loads` reads it. What is cut short gives what was complete.
"""

import json
import math
import re
from typing import Final

from pydantic import JsonValue

_DEEPEST: Final = 24
_LONGEST: Final = 60_000
_QUOTES: Final = {'"': '"', "'": "'", "“": "”", "”": "”", "‘": "’"}
_SPACE: Final = re.compile(r"(?:\s|//[^\n]*)*")
# An unescaped quote ends a string only where JSON goes on; else it stands inside ("the sign says "OPEN"?").
_AFTER_STRING: Final = re.compile(r"\s*(?:[,:}\]]|$)|\s*\n\s*[\"'}\]]")
_BARE: Final = re.compile(r"[^,:{}\[\]\"\n]+")
_ESCAPES: Final = {"n": "\n", "t": "\t", "r": "\r", "b": "\b", "f": "\f"}
_WORDS: Final[dict[str, JsonValue]] = {"true": True, "false": False, "null": None, "none": None, "nan": None}


class _CutShort(Exception):
    """The text ended inside a value that is nothing without its end."""


def values_in(text: str) -> list[JsonValue]:
    """Each outermost object or list of a text, in order; what was cut short holds what was complete."""
    found: list[JsonValue] = []
    text = text[:_LONGEST]
    place = 0
    while (start := _opening(text, place)) >= 0:
        reader = _Reader(text, start)
        try:
            found.append(reader.value(0))
        except _CutShort:
            break
        place = max(reader.place, start + 1)
    return found


def _opening(text: str, place: int) -> int:
    starts = [start for start in (text.find("{", place), text.find("[", place)) if start >= 0]
    return min(starts, default=-1)


class _Reader:
    """Reads one value from a place on."""

    def __init__(self, text: str, place: int) -> None:
        self.text = text
        self.place = place

    def value(self, depth: int) -> JsonValue:
        self._skip()
        letter = self._letter()
        if not letter:
            raise _CutShort
        if letter == "{" and depth < _DEEPEST:
            return self._object(depth)
        if letter == "[" and depth < _DEEPEST:
            return self._list(depth)
        if letter in _QUOTES:
            return self._string()
        return self._bare()

    def _object(self, depth: int) -> JsonValue:
        self.place += 1
        made: dict[str, JsonValue] = {}
        while not self._ended("}"):
            try:
                key = self._string() if self._letter() in _QUOTES else str(self._bare())
                made.setdefault(key, None)
                self._skip()
                if self._letter() == ":":
                    self.place += 1
                    made[key] = self.value(depth + 1)
            except _CutShort:
                break
        return made

    def _list(self, depth: int) -> JsonValue:
        self.place += 1
        made: list[JsonValue] = []
        while not self._ended("]"):
            try:
                made.append(self.value(depth + 1))
            except _CutShort:
                break
        return made

    def _ended(self, closing: str) -> bool:
        """Whether a list or object is over. A wrong bracket belongs to what stands around: this one was not closed."""
        while True:
            self._skip()
            letter = self._letter()
            if letter == closing:
                self.place += 1
            if not letter or letter in "]}":
                return True
            if letter not in ",:;":
                return False
            self.place += 1

    def _string(self) -> str:
        closing = _QUOTES[self.text[self.place]]
        self.place += 1
        made: list[str] = []
        while True:
            letter = self._letter()
            if not letter:
                raise _CutShort
            self.place += 1
            if letter == "\\":
                made.append(self._escaped())
            elif letter == closing and _AFTER_STRING.match(self.text, self.place):
                return _whole("".join(made))
            else:
                made.append(letter)

    def _escaped(self) -> str:
        letter = self._letter()
        if not letter:
            raise _CutShort
        self.place += 1
        code = re.compile(r"[0-9a-fA-F]{4}").match(self.text, self.place) if letter == "u" else None
        if code is None:
            return _ESCAPES.get(letter, letter)
        self.place = code.end()
        return chr(int(code[0], 16))

    def _bare(self) -> JsonValue:
        found = _BARE.match(self.text, self.place)
        if found is None:
            self.place += 1
            return None
        self.place = found.end()
        if self.place == len(self.text):
            raise _CutShort
        word = found[0].strip()
        if word.lower() in _WORDS:
            return _WORDS[word.lower()]
        try:
            number: JsonValue = json.loads(word)
        except ValueError:
            return word
        return word if isinstance(number, float) and not math.isfinite(number) else number

    def _skip(self) -> None:
        found = _SPACE.match(self.text, self.place)
        self.place = found.end() if found else self.place

    def _letter(self) -> str:
        return self.text[self.place : self.place + 1]


def _whole(text: str) -> str:
    """The text with surrogate pairs joined, as escapes spell letters beyond the basic plane, and lone ones replaced."""
    return text.encode("utf-16", "surrogatepass").decode("utf-16", "replace")
