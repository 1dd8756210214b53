"""Finding phrases in a text: words at word boundaries, the longest phrase first, in one pass."""

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import Final, Generic, NamedTuple, TypeVar

T = TypeVar("T")

# A hyphen that ends a word belongs to it ("ring-"); between two words it is as good as a blank.
_WORD: Final = re.compile(r"#?[^\W_]+(?:['’][^\W_]+)*(?:-(?!\w))?")
_JOINS: Final = frozenset((" ", "-"))


class Word(NamedTuple):
    """A word of a text with what stands before it: blanks, hyphens, punctuation."""

    before: str
    text: str

    @property
    def key(self) -> str:
        """The word as phrases know it."""
        return self.text.casefold().replace("’", "'")

    @property
    def opens(self) -> bool:
        """Whether a clause may begin here."""
        return any(not each.isspace() and each != "-" for each in self.before)


class Text(NamedTuple):
    """A text as its words, and what stands behind the last."""

    words: tuple[Word, ...]
    end: str

    def __str__(self) -> str:
        return "".join(word.before + word.text for word in self.words) + self.end


def words_of(text: str) -> Text:
    """The text as words; `str` of it is the text."""
    found: list[Word] = []
    at = 0
    for match in _WORD.finditer(text):
        found.append(Word(text[at : match.start()], match.group()))
        at = match.end()
    return Text(tuple(found), text[at:])


@dataclass(slots=True)
class _Node(Generic[T]):
    value: T | None = None
    after: "dict[str, _Node[T]]" = field(default_factory=lambda: {})


class Hit(NamedTuple, Generic[T]):
    """A phrase found: how many words it has, and what it means."""

    length: int
    value: T


class Phrases(Generic[T]):
    """Phrases of one or more words with what each means. The first meaning of a phrase stands."""

    def __init__(self, meanings: Iterable[tuple[str, T]]) -> None:
        self._root: _Node[T] = _Node()
        for phrase, value in meanings:
            node = self._root
            for word in words_of(phrase).words:
                node = node.after.setdefault(word.key, _Node())
            if node.value is None:
                node.value = value

    def at(self, words: tuple[Word, ...], start: int) -> Iterator[Hit[T]]:
        """The phrases that begin with this word, longest first."""
        node, hits = self._root, list[Hit[T]]()
        for length, word in enumerate(words[start:], start=1):
            if length > 1 and word.before not in _JOINS:
                break
            step = node.after.get(word.key)
            if step is None:
                break
            node = step
            if node.value is not None:
                hits.append(Hit(length, node.value))
        return reversed(hits)
