"""Simplified Chinese, word by word: the longest known word first, then the order of English."""

import re
from collections.abc import Iterator
from functools import cache
from typing import Final, NamedTuple

from omniagent.tools.dialects.listed.lexicon.book import said_as
from omniagent.tools.dialects.listed.lexicon.entries import CATEGORIES, category, grammar
from omniagent.tools.dialects.listed.lexicon.turns import LONGEST, ordered, slots, turned

_HAN: Final = re.compile(r"[\u3400-\u9fff]")
_PICTURE: Final = {"画面": "图", "图片": "图", "图中": "图", "画中": "图", "图像": "图"}
_AND: Final = re.compile(r" ?(?:以及|而且|并且|和|与|跟|并|且|然后|,) ?(?:还 ?|再 ?)?(?:有 ?|draw ?)?")


class Said(NamedTuple):
    """A Chinese text in English words, and the unknown pieces."""

    text: str
    unknown: tuple[str, ...]


def is_chinese(text: str) -> bool:
    """Whether the text has Chinese characters."""
    return _HAN.search(text) is not None


def in_english(text: str) -> Said:
    """The text in the model's own words, as far as its words are known."""
    parts = [_clause(part) for part in re.split(r"[,;.]? ?(?:然后|接着|并且)", text)]
    unknown = tuple(word for part in parts for word in part.unknown)
    return Said(" and ".join(part.text for part in parts if part.text), unknown)


def _clause(text: str) -> Said:
    words: list[str] = []
    unknown: list[str] = []
    at = 0
    while at < len(text):
        if not is_chinese(text[at]):
            words.append(text[at])
            at += 1
            continue
        found = next((text[at : at + n] for n in range(_longest(), 0, -1) if text[at : at + n] in _words()), None)
        if found is None:
            end = at + 1
            while end < len(text) and is_chinese(text[end]) and not _known_at(text, end):
                end += 1
            unknown.append(text[at:end])
            at = end
            continue
        words.append(f" {_words()[found]} ")
        at += len(found)
    return Said(_put_in_order("".join(words)), tuple(unknown))


def _known_at(text: str, at: int) -> bool:
    return any(text[at : at + n] in _words() for n in range(_longest(), 0, -1))


def _put_in_order(text: str) -> str:
    """English words in Chinese order, with what is left of the grammar, as an English request."""
    text = _spaced(text)
    known = slots()
    # "red 的 large circle": what binds an adjective to its noun goes.
    text = re.sub(rf"(?<=\w) 的 (?={known['looks']}|{known['noun']})", " ", text)
    text = re.sub(r"\b(one|two|three|four|five|six) (?:个|颗|只|枚|块|条)", r"\1", text)
    text = ordered(text)
    if len(text.split()) <= LONGEST:
        text = _spaced(turned(text, changed=True, name="chinese").text)
    kept = re.search(r", 用 (\w+) background", text)
    text = re.sub(r",? 用 \w+ background", "", text)
    text = _AND.sub(" and ", text)
    text = " ".join(word for word in text.split() if not is_chinese(word))
    text = re.sub(r"^(?:and )+|(?: and)+$", "", text)
    text = re.sub(r"\b(?:draw )+(?=draw|add|remove|make|move|turn|swap)", "", text)
    return f"{text} on a {kept[1]} background" if kept else text


def _spaced(text: str) -> str:
    return re.sub(r" (?=[?,.;])", "", " ".join(text.split()))


@cache
def _words() -> dict[str, str]:
    found = dict(_read())
    return {**{word: _PICTURE.get(word, word) for word in grammar().chinese}, **found}


@cache
def _longest() -> int:
    return max(map(len, _words()))


def _read() -> Iterator[tuple[str, str]]:
    for name in CATEGORIES:
        for canonical, entry in category(name).items():
            says = said_as(canonical, entry)
            for word in entry.zh:
                yield word, says
