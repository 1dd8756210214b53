"""The lexicon as a whole: what people say for each thing that the model knows."""

from collections.abc import Generator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache

from omniagent.model.errors import BadSetting
from omniagent.model.wording import shown
from omniagent.tools.dialects.listed.lexicon import reading
from omniagent.tools.dialects.listed.lexicon.book import book
from omniagent.tools.dialects.listed.lexicon.entries import CATEGORIES, Entry, category
from omniagent.tools.dialects.listed.lexicon.reading import Replaced
from omniagent.tools.dialects.listed.plain_words import plain_request


@dataclass(frozen=True, slots=True)
class Understood:
    """A request as the lexicon reads it.

    Attributes:
        words: In plain form and the model's own words; the plain form alone where something is unknown.
        changes: What was replaced by what, in the order in which it was read.
        unknown: Words that carry meaning and that neither the lexicon nor the model knows.
        assumptions: What the world can only nearly do, in sentences.
        refusals: Why the request cannot be drawn, in sentences; those for unknown words among them.
    """

    words: str
    changes: tuple[Replaced, ...] = ()
    unknown: tuple[str, ...] = ()
    assumptions: tuple[str, ...] = ()
    refusals: tuple[str, ...] = ()


class Lexicon:
    """Ways of saying what the model knows. Without `held_out`, the synonyms kept for tests are left out."""

    def __init__(self, *, held_out: bool = True) -> None:
        self._held_out = held_out

    @property
    def categories(self) -> tuple[str, ...]:
        """The names of all categories."""
        return CATEGORIES

    def canonicals(self, category: str) -> tuple[str, ...]:
        """The canonical words of a category. Raises `BadSetting` where there is none of that name."""
        return tuple(_entries(category))

    def ways(self, category: str, canonical: str) -> tuple[str, ...]:
        """Exact English synonyms that the model itself does not know. Raises `BadSetting` for unknown names."""
        entry = _entry(category, canonical)
        return (*entry.ways, *entry.test) if self._held_out else entry.ways

    def held_out_ways(self, category: str, canonical: str) -> tuple[str, ...]:
        """The synonyms that are kept for tests. Raises `BadSetting` for unknown names."""
        return _entry(category, canonical).test

    def near_ways(self, category: str, canonical: str) -> tuple[str, ...]:
        """Words whose reading is an assumption, as crimson for red. Raises `BadSetting` for unknown names."""
        return _entry(category, canonical).near

    def read(self, words: str) -> Understood:
        """The words in the model's own. A request in those comes back in plain form, whatever it asks for."""
        plain = plain_request(words)
        draft = reading.read(plain, book(held_out=self._held_out))
        refusals = (*(_unknown(one) for one in draft.unknown[:_NAMED]), *draft.refusals)
        text = draft.text if draft.text == plain else plain_request(draft.text)
        return Understood(text, draft.changes, draft.unknown, draft.assumptions, refusals)

    def known(self, category: str, canonical: str) -> tuple[str, ...]:
        """The model's own words. Raises `BadSetting` for unknown names."""
        return _entry(category, canonical).known


def load(*, held_out: bool | None = None) -> Lexicon:
    """The shipped lexicon, or what `without_held_out` makes of it; without `held_out`, what lessons may draw from."""
    return _loaded(with_held_out() if held_out is None else held_out)


def with_held_out() -> bool:
    """Whether requests are read with the synonyms kept for tests, as they are outside of `without_held_out`."""
    return not _WITHOUT


@contextmanager
def without_held_out() -> Generator[None]:
    """Within it every thread of this process reads requests without the synonyms kept for tests: for evaluations."""
    _WITHOUT.append(True)
    try:
        yield
    finally:
        _WITHOUT.pop()


_WITHOUT: list[bool] = []


@cache
def _loaded(held_out: bool) -> Lexicon:
    return Lexicon(held_out=held_out)


_NAMED = 3
"""How many unknown words a refusal names; more do not help."""


def _unknown(word: str) -> str:
    return f"“{word}” is not among the things that this model knows"


def _entries(name: str) -> Mapping[str, Entry]:
    return category(name)


def _entry(name: str, canonical: str) -> Entry:
    found = category(name).get(canonical)
    if found is None:
        raise BadSetting(f"canonical={shown(canonical)} is not in {name}; give one of {', '.join(category(name))}")
    return found
