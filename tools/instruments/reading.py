"""Text by reading it: what a picture shows is compared letter by letter with what it must say."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator, Sequence
from typing import Final, NamedTuple

from rapidfuzz import fuzz
from rapidfuzz.distance import Levenshtein

from omniagent.tools.types import Answer, Box, Evidence

_ALIKE: Final = (frozenset("Oo0"), frozenset("Il1"))
"""Signs that fonts draw alike, so that readers take them for one another; a small i has its dot."""

_FOLDED: Final = str.maketrans({"0": "o", "1": "l", "i": "l"})
# Joiners and what chooses between forms of a sign, and points of Arabic and Hebrew, which writers may leave out.
_UNSEEN: Final = re.compile(
    "[\u00ad\u200b-\u200f\u2060\ufe00-\ufe0f\u20e3\u0640\u064b-\u0652\u0670\u0591-\u05bd\u05bf\u05c1\u05c2]"
)
_HAN: Final = re.compile(r"[\u3040-\u30ff\u3400-\u9fff\uf900-\ufaff]")
_PROBABILITY: Final[dict[Answer, float]] = {"yes": 0.97, "no": 0.03, "unsure": 0.5}
_SHOWN: Final = 60
_ONE_WORD: Final = 2
"""Most letters that, joined to a word on one side, are a slip of it; more are another word whose space was dropped."""


class _Letters(NamedTuple):
    """The letters and digits of a text as written, and before which of them (or at the end) a word begins or ends."""

    text: str
    bounds: frozenset[int]

    @property
    def plain(self) -> str:
        """In one case; as long as `text`."""
        return "".join(sign.lower() if len(sign.lower()) == 1 else sign for sign in self.text)


class _Compared(NamedTuple):
    """What a comparison says, and how many letters are other than they must be."""

    answer: Answer
    apart: int = 0


def reading_evidence(wanted: str, lines: Sequence[str], boxes: Sequence[Box] = ()) -> Evidence:
    """Whether read lines say a text: yes only when every letter and digit of it stands there in order, and no more.

    Case, width, spaces and punctuation do not count, since readers drop them; vowel signs and other marks do. A text
    may go over several lines. Where other words stand between its words, or run into it without a space, it is unsure
    whether the text stands there.
    """
    compared = _compared(_letters([wanted]), _letters(lines), wanted)
    shown = " / ".join(lines)
    note = f"reads “{shown[:_SHOWN]}”" if lines else "reads no text"
    if compared.apart:
        note += f", {compared.apart} letters apart" if compared.apart > 1 else ", 1 letter apart"
    return Evidence(
        instrument="reading",
        answer=compared.answer,
        probability=_PROBABILITY[compared.answer],
        note=note,
        boxes=tuple(boxes),
    )


def _compared(want: _Letters, read: _Letters, wanted: str) -> _Compared:
    if not want.text:
        return _Compared("yes")
    if not read.text:
        return _Compared("no")
    places = [_standing(want, read, start) for start in _starts(want, read)]
    if (best := min(places, key=lambda one: ("yes", "unsure", "no").index(one.answer), default=None)) is not None:
        return best
    if _scattered(wanted, read):
        return _Compared("unsure")
    return _Compared("no", _apart(want, read))


def _starts(want: _Letters, read: _Letters) -> Iterator[int]:
    """Where the text stands in what was read, but for letters that look alike."""
    folded, sought = read.plain.translate(_FOLDED), want.plain.translate(_FOLDED)
    start = folded.find(sought)
    while start >= 0:
        if all(_same(*pair) for pair in zip(want.text, read.text[start : start + len(want.text)], strict=True)):
            yield start
        start = folded.find(sought, start + 1)


def _standing(want: _Letters, read: _Letters, start: int) -> _Compared:
    """Whether the text at a place stands there by itself, or is part of something longer."""
    end = start + len(want.text)
    before = max(bound for bound in read.bounds if bound <= start)
    after = min(bound for bound in read.bounds if bound >= end)
    joined = [
        _joined(read.text[before:start][::-1], want.text[0]),
        _joined(read.text[end:after], want.text[-1]),
    ]
    if "no" in joined:
        return _Compared("no", start - before + after - end)
    return _Compared("unsure" if "unsure" in joined else "yes")


def _joined(more: str, edge: str) -> Answer:
    """What letters say that follow the edge of a text without a space, the nearest first."""
    if not more:
        return "yes"
    if _same(more[0], edge) and len(more) <= _ONE_WORD:
        return "no"
    if _script(edge) != "han":
        return "no" if len(more) <= _ONE_WORD else "unsure"
    # Chinese has no spaces: what goes on is another word, unless it is one character.
    return "unsure" if len(more) == 1 else "yes"


def _scattered(wanted: str, read: _Letters) -> bool:
    """Whether all words of a text of several stand by themselves in their order, with others between them."""
    words = [word for part in wanted.split() if (word := _letters([part])).text]
    place = 0
    for word in words:
        starts = [at for at in _starts(word, read) if at >= place and _standing(word, read, at).answer == "yes"]
        if not starts:
            return False
        place = starts[0] + len(word.text)
    return len(words) > 1


def _apart(want: _Letters, read: _Letters) -> int:
    """By how many letters the likeliest passage differs."""
    found = fuzz.partial_ratio_alignment(want.plain, read.plain)
    if found is None or found.score == 0:
        return len(want.text)
    # The alignment has the length of the text; one letter more or less on either side may fit better.
    passages = {
        (max(0, start), end)
        for start in range(found.dest_start - 1, found.dest_start + 2)
        for end in range(found.dest_end - 1, found.dest_end + 2)
    }
    return max(1, min(Levenshtein.distance(want.plain, read.plain[start:end]) for start, end in passages))


def _same(one: str, other: str) -> bool:
    return one.lower() == other.lower() or any(one in group and other in group for group in _ALIKE)


def _letters(lines: Sequence[str]) -> _Letters:
    made: list[str] = []
    bounds = {0}
    for line in lines:
        for sign in unicodedata.normalize("NFKC", line).replace("|", "l"):
            if _UNSEEN.match(sign):
                continue
            mark = unicodedata.category(sign).startswith("M")
            if re.match(r"[\W_]", sign) and not mark:
                bounds.add(len(made))
                continue
            if made and not mark and _script(made[-1]) != _script(sign):
                bounds.add(len(made))
            made.append(sign)
        bounds.add(len(made))
    return _Letters("".join(made), frozenset(bounds))


def _script(sign: str) -> str:
    """Digits, Chinese or Japanese characters, and all other letters: where one follows another, a word ends."""
    return "digit" if sign.isdigit() else "han" if _HAN.match(sign) else "letter"
