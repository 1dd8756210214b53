"""Whether other words still say what a task said: every quoted text, number, colour, negation and named thing.

A fixed check, pure code. Where it is unsure it finds something missing, so that the person's own words stand.
"""

import re
from collections import Counter
from collections.abc import Iterator
from itertools import pairwise
from typing import Final

from omniagent.tools.dialects.plain.language.vocabulary import (
    COLOURS,
    NUMBERS,
    bases,
    canonical,
    each_word,
    english,
    has_han,
    quoted,
    without_quoted,
    words_of,
)

_NEGATIONS: Final = frozenset(each_word("no not without never none nobody nothing neither nor free"))
_ONE: Final = frozenset(["1", "a", "an", "single"])
SMALL: Final = frozenset(
    each_word(
        "a an the of to for with as at by in on into onto from and or but if so than too also only some any very "
        "really just "
        "it its this that these those there here then now is are be being been was were am do does did has have had "
        "having "
        "can could would will should shall may might must let get gets getting i me my mine we us our you your he "
        "she him "
        "his her hers they them their who which what where when why how whose whether like look looks looking please "
        "kindly maybe perhaps possible possibly mind wonder wondering help think want wants need needs wish thanks "
        "thank "
        "hello hi hey okay ok about image images picture pictures show shows showing shown see seen give gives make "
        "makes making "
        "made draw draws drawing create creates creating generate generates generating produce produces render renders "
        "change changes changing turn turns turning transform transforms convert converts modify edit edits editing "
        "use uses "
        "using apply bit way version new try go ahead able kind dear instead d ll m re s t ve"
    )
)
_REFERENCE: Final = re.compile(
    r"\b(?:(?:image|picture|photo|photograph|img|pic)\s*#?\s*(?P<number>[1-9]|one|two|three|four|five)\b"
    r"|(?P<ordinal>first|second|third|fourth|fifth|1st|2nd|3rd|4th|5th)\s+(?:image|picture|photo|photograph)\b)",
    re.IGNORECASE,
)
_HAN_REFERENCE: Final = re.compile(
    r"(?:图片|照片|图)\s*([一二三四五1-5])(?![只个条张])|第\s*([一二三四五1-5])\s*[张幅个](?:图片?|照片)"
)
_SPELT: Final = {"one": 1, "two": 2, "three": 3, "four": 4, "five": 5, "first": 1, "second": 2, "third": 3, "fourth": 4}
_HAN_DIGITS: Final = {
    "一": "1",
    "二": "2",
    "两": "2",
    "三": "3",
    "四": "4",
    "五": "5",
    "六": "6",
    "七": "7",
    "八": "8",
    "九": "9",
}
_HAN_COUNT: Final = re.compile(
    r"(?<![十百千第])([一二两三四五六七八九十])[个只條条张位辆棵朵匹头座艘本杯把双片件群](?!月)"
)
HAN_COLOURS: Final = {
    "红": "red",
    "蓝": "blue",
    "绿": "green",
    "黄": "yellow",
    "黑": "black",
    "白": "white",
    "紫": "purple violet",
    "橙": "orange",
    "粉": "pink",
    "灰": "grey",
    "棕": "brown",
}
_HAN_COLOUR: Final = re.compile(rf"({'|'.join(HAN_COLOURS)})色")
_HAN_NEGATIONS: Final = re.compile(r"没有|不要|不是|无人|别")


def lost(words: str, rewrite: str) -> tuple[str, ...]:
    """What a task says and its rewrite does not, or the other way round for what must not be made up.

    Of an English task, every quoted text, number, colour, negation, given picture and word with a meaning must be in
    the rewrite, inflected or not, and numbers and colours next to what they belong to. Of another task, quoted texts,
    digits, given pictures, Latin words among other letters, and Chinese counts and colours must. Numbers and quoted
    texts that the task does not hold must not be in the rewrite.
    """
    return tuple(dict.fromkeys([*_missing_quotes(words, rewrite), *_missing(words, rewrite), *_added(words, rewrite)]))


def speaks_of(text: str, words: str) -> bool:
    """Whether two texts share a word with a meaning."""
    known = {base for word in content(words) for base in bases(word)}
    return any(bases(word) & known for word in content(text))


def _missing_quotes(words: str, rewrite: str) -> Iterator[str]:
    wanted = Counter(quoted(words))
    for text, times in wanted.items():
        if len(re.findall(rf"(?<!\w){re.escape(text)}(?!\w)", rewrite)) < times:
            yield f'"{text}"'


def _missing(words: str, rewrite: str) -> Iterator[str]:
    bare, told = without_quoted(words, " "), without_quoted(rewrite, " ")
    # What is quoted in the task need not be quoted in the rewrite, but it is no word of it.
    for text in set(quoted(words)) - set(quoted(rewrite)):
        told = told.replace(text, " ")
    for number in sorted(_references(bare) - _references(told)):
        yield f"image {number}"
    bare, told = without_references(bare), without_references(told)
    yield from _fewer(Counter(_numbers(bare)), Counter(_numbers(told)), told)
    if english(words):
        yield from _fewer(Counter(_coloured(bare)), Counter(_coloured(told)), told)
        yield from _missing_words(bare, told)
        yield from _parted(bare, told)
    else:
        yield from _missing_foreign(bare, told)


def _added(words: str, rewrite: str) -> Iterator[str]:
    for text in quoted(rewrite):
        if text not in words:
            yield f'"{text}" was added'
    known = Counter(_numbers(without_references(without_quoted(words, " ")))) + Counter(han_numbers(words))
    quotes = Counter(number for text in quoted(words) for number in _numbers(text))
    for number, times in Counter(_numbers(without_references(without_quoted(rewrite, " ")))).items():
        if number != "1" and times and number not in known and number not in quotes:
            yield f"{number} was added"


def _references(text: str) -> frozenset[int]:
    found = {_place(one["number"] or one["ordinal"]) for one in _REFERENCE.finditer(text)}
    found |= {int(_HAN_DIGITS.get(one[1] or one[2], one[1] or one[2])) for one in _HAN_REFERENCE.finditer(text)}
    return frozenset(found)


def _place(word: str) -> int:
    lower = word.lower()
    return _SPELT.get(lower) or (5 if lower == "fifth" else int(lower[0]))


def without_references(text: str) -> str:
    """The text without the words that name a given picture."""
    return _HAN_REFERENCE.sub(" ", _REFERENCE.sub(" ", text))


def _tokens(text: str) -> list[str]:
    return [canonical(part) for word in words_of(text) for part in _parts(word)]


def _parts(word: str) -> list[str]:
    """A word with hyphens or a contraction as its parts: "two-storey", "don't"."""
    bare = re.sub(r"n['’]t$", " not", word, flags=re.IGNORECASE)
    bare = re.sub(r"['’](?:s|re|ve|ll|d|m)$", "", bare, flags=re.IGNORECASE)
    return re.split(r"[\s-]+", bare)


def _numbers(text: str) -> Iterator[str]:
    for word in words_of(text):
        for part in word.split("-"):
            value = canonical(part)
            if value[0].isdigit():
                yield str(int(value)) if value.isdecimal() and len(value) < 100 else value


def han_numbers(text: str) -> Iterator[str]:
    """The counts of a Chinese text, in digits."""
    for found in _HAN_COUNT.finditer(text):
        yield "10" if found[1] == "十" else _HAN_DIGITS[found[1]]


def han_colours(text: str) -> Iterator[tuple[str, tuple[str, ...]]]:
    """The colours of a Chinese text, each with its English names."""
    for found in _HAN_COLOUR.finditer(text):
        yield found[0], tuple(HAN_COLOURS[found[1]].split())


def _coloured(text: str) -> Iterator[str]:
    return (word for word in _tokens(text) if word in COLOURS)


def _fewer(wanted: Counter[str], told: Counter[str], text: str) -> Iterator[str]:
    """What is told less often than it is wanted; one may be told by an article."""
    articles = sum(word in _ONE for word in _tokens(text))
    for word, times in wanted.items():
        if told[word] + (articles if word == "1" else 0) < times:
            yield word


def content(text: str) -> list[str]:
    """The words of a text that have a meaning of their own, each in one spelling; no numbers."""
    return [word for word in _tokens(text) if word not in SMALL and not word[0].isdigit()]


def _missing_words(bare: str, told: str) -> Iterator[str]:
    known = {base for word in _tokens(told) for base in bases(word)}
    for word in content(bare):
        if word not in _NEGATIONS and not (bases(word) & known):
            yield word
    negated, kept = (sum(word in _NEGATIONS for word in _tokens(text)) for text in (bare, told))
    if kept < negated:
        yield "a negation"


def _parted(bare: str, told: str) -> Iterator[str]:
    """Numbers and colours that stand before a word of meaning, and no longer do."""
    pairs = list(_pairs(bare))
    tokens = _tokens(told)
    for first, second in pairs:
        places = [place for place, word in enumerate(tokens) if word == first or (first == "1" and word in _ONE)]
        if not any(bases(second) & bases(word) for place in places for word in tokens[place + 1 : place + 5]):
            yield f"{first} {second}"


def _pairs(text: str) -> Iterator[tuple[str, str]]:
    for clause in re.split(r"[,.;:!?()]", text):
        tokens = _tokens(clause)
        for first, second in pairwise(tokens):
            bound = first in COLOURS or (first in NUMBERS.values() and first != "1")
            if bound and second not in SMALL and second not in COLOURS and not second[0].isdigit():
                yield first, second


def _missing_foreign(bare: str, told: str) -> Iterator[str]:
    known = {base for word in _tokens(told) for base in bases(word)}
    yield from _fewer(Counter(han_numbers(bare)), Counter(_numbers(told)), told)
    yield from (said for said, names in han_colours(bare) if not known & set(names))
    latin = re.findall(r"(?<![^\W_])[A-Za-z]{2,}(?![^\W_a-zA-Z])|[A-Za-z]{2,}", bare) if _other_letters(bare) else []
    for word in latin:
        if not bases(canonical(word)) & known:
            yield word
    if _HAN_NEGATIONS.search(bare) and not known & _NEGATIONS:
        yield "a negation"
    if has_han(told):
        yield "English words"


def _other_letters(text: str) -> bool:
    return any(one.isalpha() and ord(one) > 0x2FF for one in text)
