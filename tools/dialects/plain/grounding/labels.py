"""Which of the things that were asked for a box's label names: in other words, in the plural, or in Chinese."""

from __future__ import annotations

from collections.abc import Sequence

from omniagent.tools.dialects.plain.language.kept_words import kept_words
from omniagent.tools.dialects.plain.language.vocabulary import COLOURS, bases, canonical, has_han, words_of


def thing_named(label: str, things: Sequence[str]) -> str | None:
    """The thing that a label names; None where it names none, or several as well.

    A label is the same words as the thing; else it shares the thing's noun, or another name of it, and more words with
    it than with the other things.
    Without a label, the only thing that was asked for is meant.
    """
    plain = " ".join(label.casefold().split())
    if not plain:
        return things[0] if len(things) == 1 else None
    if (same := next((thing for thing in things if thing.casefold() == plain), None)) is not None:
        return same
    told = _names(plain)
    fits = {thing: _shared(thing.casefold(), told) for thing in things}
    most = max(fits.values())
    likest = [thing for thing, words in fits.items() if words == most]
    return likest[0] if most and len(likest) == 1 else None


def _shared(thing: str, told: frozenset[str]) -> int:
    """How many words of a thing a label tells; 0 where its noun is not among them, or it tells another colour."""
    words = thing.split()
    if not _stems(words[-1]) & told or _differ(_stems(thing) & COLOURS, told & COLOURS):
        return 0
    return sum(bool(_stems(word) & told) for word in words)


def _differ(one: frozenset[str], other: frozenset[str]) -> bool:
    return bool(one) and bool(other) and not one & other


def _names(label: str) -> frozenset[str]:
    """The words of a label, with the other names of each."""
    kept = kept_words()
    words = _stems(label)
    if has_han(label):
        words |= {name for han, names in kept.han.items() if han in label for name in names}
    return words.union(*(kept.same.get(word, frozenset()) for word in words))


def _stems(text: str) -> frozenset[str]:
    return frozenset(base for word in words_of(text) for base in bases(canonical(word)))
