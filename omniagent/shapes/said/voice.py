"""Which words a request is said in: the world's own, or others that mean the same."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from omniagent.shapes.words.language import pick

Ways = Callable[[str, str], Sequence[str]]
"""Words by category (``colours``) and the world's own word (``red``)."""


@dataclass(frozen=True)
class Vocabulary:
    """What a voice may say: `known` words always, one of the `new` ones where a request shall hold just one of them."""

    known: Ways
    new: Ways | None = None


PLAIN = Vocabulary(lambda category, own: ())
"""The world's own words alone."""


class Voice:
    """Says words of the world, one request long: what was said once is said the same again.

    `share` is how often another word than the world's own is taken. `odd` is the number of the word, counted from 0
    among those for which there are new ones, that is said in a new way.
    """

    def __init__(
        self, rng: np.random.Generator, vocabulary: Vocabulary, *, share: float = 0.5, odd: int | None = None
    ) -> None:
        self.rng, self._vocabulary, self._share, self._odd = rng, vocabulary, share, odd
        self._said: dict[tuple[str, str], str] = {}
        self.new_ones = 0
        """How many of the words said so far have new ways to say them."""
        self.new_word: str | None = None

    def word(self, category: str, own: str) -> str:
        """The world's word, or another for it."""
        if (category, own) not in self._said:
            self._said[category, own] = self._chosen(category, own)
        return self._said[category, own]

    def _chosen(self, category: str, own: str) -> str:
        other = self.rng.random() < self._share
        ways = self._vocabulary.known(category, own)
        known = pick(self.rng, ways) if ways and other else own
        new = self._vocabulary.new(category, own) if self._vocabulary.new else ()
        if not new:
            return known
        self.new_ones += 1
        chosen = pick(self.rng, new)
        if self._odd != self.new_ones - 1:
            return known
        self.new_word = chosen
        return chosen
