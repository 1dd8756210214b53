"""The lexicon's phrases made ready for reading: what each is read as, in English and in other languages."""

import re
from collections.abc import Iterator, Mapping
from functools import cache
from typing import Final, NamedTuple

from omniagent.tools.dialects.listed.lexicon.entries import CATEGORIES, Entry, Language, category, grammar
from omniagent.tools.dialects.listed.lexicon.phrases import Phrases, words_of
from omniagent.tools.dialects.listed.lexicon.spelling import SHORTEST

FOREIGN: Final[tuple[Language, ...]] = ("es", "fr", "de")
"""Languages that are read word by word; Chinese has an order of its own (see `chinese`)."""


class Meaning(NamedTuple):
    """What a phrase is read as; `says` is None for the model's own words, which stay."""

    category: str
    says: str | None
    near: bool = False


class Book(NamedTuple):
    """The lexicon made ready for reading.

    Attributes:
        phrases: English phrases.
        foreign: Phrases of the other languages.
        own: Single words of the model's own grammar.
        world: Single words for what the world has, from which a misspelt word may come.
        heard: Every single word that occurs in a phrase.
    """

    phrases: Phrases[Meaning]
    foreign: Mapping[Language, Phrases[Meaning]]
    own: frozenset[str]
    world: frozenset[str]
    heard: frozenset[str]


@cache
def book(*, held_out: bool) -> Book:
    """The lexicon's phrases, with plurals; `held_out` takes those along that are kept for tests."""
    english: list[tuple[str, Meaning]] = []
    own, world = {*grammar().own, *grammar().learned}, set[str]()
    # What the model knows comes first, so that it stays.
    for name, canonical, entry in _entries():
        known = [each for one in (*entry.known, *_own(name, canonical, entry)) for each in _numbers(name, one)]
        english += [(one, Meaning(name, None)) for one in known]
        own |= {word.casefold() for one in known for word in one.split()}
    for name, canonical, entry in _entries():
        says = said_as(canonical, entry)
        exact = (*entry.ways, *entry.test) if held_out else entry.ways
        for ways, near in ((exact, False), (entry.near, True)):
            for way in ways:
                english.append((way, Meaning(name, says, near)))
                if name == "shapes":
                    english.append((plural_of(way), Meaning(name, f"{says}s", near)))
        if name in ("sizes", "fills", "colours", "shapes", "backgrounds"):
            told = (*entry.known, *(one for one in (*exact, *entry.near) if len(one) > SHORTEST))
            world |= {each for one in told if one.isalpha() for each in _numbers(name, one)}
    foreign: dict[Language, Phrases[Meaning]] = {one: Phrases(_translations(one)) for one in FOREIGN}
    heard = frozenset(word.key for phrase, _ in english for word in words_of(phrase).words)
    return Book(Phrases(english), foreign, frozenset(own), frozenset(world), heard)


def said_as(canonical: str, entry: Entry) -> str:
    """What an entry's ways are read as; nothing for those that are left out."""
    if canonical in ("dropped", "keeping"):
        return ""
    return canonical if entry.says is None else entry.says


def _entries() -> Iterator[tuple[str, str, Entry]]:
    return ((name, canonical, entry) for name in CATEGORIES for canonical, entry in category(name).items())


def _own(name: str, canonical: str, entry: Entry) -> tuple[str, ...]:
    return ("around", "enlarge", "shrink") if entry.says == canonical and name in ("relations", "edits") else ()


def _numbers(name: str, word: str) -> tuple[str, ...]:
    return (word, f"{word}s") if name == "shapes" else (word,)


def plural_of(way: str) -> str:
    """A noun phrase in the plural, its head before a "with" or "of"."""
    head, *rest = re.split(r"(?= (?:with|of|in) )", way, maxsplit=1)
    ending = "es" if re.search(r"(?:s|x|z|ch|sh)$", head) else "s"
    head = f"{head[:-1]}ies" if re.search(r"[^aeiou]y$", head) else f"{head}{ending}"
    return "".join((head, *rest))


def _translations(language: Language) -> Iterator[tuple[str, Meaning]]:
    for name, canonical, entry in _entries():
        says = said_as(canonical, entry)
        for way in entry.foreign(language):
            yield way, Meaning(name, says)
    words = {"es": grammar().es, "fr": grammar().fr, "de": grammar().de}
    for word, says in words.get(language, {}).items():
        yield word, Meaning("grammar", says)
