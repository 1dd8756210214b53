"""The words that requests are said in, from the listed dialect's lexicon, and how they are read at run time."""

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cache

import numpy as np
from PIL import Image

from omniagent.shapes.said.voice import Vocabulary, Voice
from omniagent.shapes.words.frames import Wording
from omniagent.tools.dialects.base import GivenTask
from omniagent.tools.dialects.listed import lexicon
from omniagent.tools.dialects.listed.lexicon.entries import category as category_of
from omniagent.tools.dialects.listed.readings import understood_as

_ZH_FITTING = {
    "colours": re.compile("(?!大红).*"),
    "relations": re.compile(".*[边面方侧]|里"),
    "shapes": re.compile("(?!圆点|.*型).*"),
}
"""What can stand behind 的, and what is no other word as well."""
_BLANK = Image.new("RGB", (1, 1))
_ZH = {"centre": "in the centre"}
_COUNTED = re.compile(r"(a|just|only|precisely|half)\b.*|exactly [a-z]+")
_FITTING: dict[str, Callable[[str], bool]] = {
    "numbers": lambda word: bool(_COUNTED.fullmatch(word)),
    "shapes": lambda word: word != "round",
    "places": lambda word: word not in ("mid", "core"),
    "relations": lambda word: True,
    "sizes": lambda word: word[-2:] != "er" and not _ODD.search(word),
    "backgrounds": lambda word: word[-2:] != "er" and not _ODD.search(word),
}
_ODD = re.compile(r"#|\b(in|of|on|not|that|which|with|hued|shades?|size|short|xl|mega|colou?r)\b")
"""Marks ways to say an adjective that cannot stand before a noun."""


@dataclass(frozen=True)
class Speech:
    """How requests are said: in which frames and words, in which language; `share` is how often words are others.

    With `one_new_word` each request has one word that lessons never show and the rest is as ever.
    """

    wording: Wording = "train"
    chinese: bool = False
    one_new_word: bool = False
    share: float = 0.5

    def voice(self, seed: int, odd: int | None = None) -> Voice:
        """A voice that always says the same for a seed; its word number `odd` is a new one."""
        rng = np.random.default_rng(seed)
        if self.chinese:
            return Voice(rng, Vocabulary(_chinese), share=1.0)
        new = _held_out if self.one_new_word else None
        return Voice(rng, Vocabulary(_known, new), share=self.share, odd=odd)


def understood(words: str, pictures: int = 0, *, whole: bool = False) -> str | None:
    """The request over so many pictures in words that the small model knows; None where it is refused before.

    `whole` takes what rules read of a whole request, where they can, as at run time; else words are read one by one,
    which leaves the model more to learn.
    """
    if whole:
        read, _ = understood_as(GivenTask(words, (_BLANK,) * pictures))
    else:
        read = _lexicon().read(words)
    return None if read.unknown or read.refusals else read.words


@cache
def _lexicon() -> lexicon.Lexicon:
    return lexicon.load(held_out=False)


@cache
def _known(category: str, own: str) -> Sequence[str]:
    words = (*_lexicon().known(category, own), *_lexicon().ways(category, own))
    return _usable(category, own, words)


@cache
def _held_out(category: str, own: str) -> Sequence[str]:
    return _usable(category, own, _lexicon().held_out_ways(category, own))


def _usable(category: str, own: str, ways: Sequence[str]) -> Sequence[str]:
    fits = _FITTING.get(category, lambda word: not _ODD.search(word))
    return tuple(way for way in ways if way != own and way.isascii() and fits(way))


@cache
def _chinese(category: str, own: str) -> Sequence[str]:
    words = category_of(category)[_ZH.get(own, own)].zh
    return tuple(word for word in words if category not in _ZH_FITTING or _ZH_FITTING[category].fullmatch(word))
