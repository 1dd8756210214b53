"""Reads a request for changes of one picture, clause by clause: each is one change, a correction, or says nothing."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from omniagent.tools.dialects.listed.changes.clauses import grown
from omniagent.tools.dialects.listed.changes.patterns import Patterns, patterns, verbs
from omniagent.tools.dialects.listed.changes.wishes import (
    Target,
    Wish,
)
from omniagent.tools.dialects.listed.draws.looks import NotDrawn, NotRead
from omniagent.tools.dialects.listed.draws.wording import in_own_words
from omniagent.tools.dialects.listed.plain_words import plain_request

_MOST_CLAUSES: Final = 6
_LONGEST: Final = 400
_GROUND_NOUN: Final = re.compile(
    r"(?<!of )(?<!of the )(?<!of this )(?<!in the )(?<!in this )"
    r"\b(?:backdrop|canvas|bg|backgound|paper|wall|fond|hintergrund|fondo)\b"
)


@dataclass(frozen=True)
class Changes:
    """What a request asks to change.

    Attributes:
        wishes: Each change, in the order in which they were said.
        assumptions: What was read as nearly the same, in sentences.
    """

    wishes: tuple[Wish, ...]
    assumptions: tuple[str, ...] = ()

    @property
    def text(self) -> str:
        """The request in the model's own grammar."""
        return " and ".join(wish.text for wish in self.wishes)


def changes_in(words: str, *, held_out: bool = True) -> Changes | None:
    """The changes that a request asks for; None where these rules cannot read it whole.

    Args:
        words: The person's own.
        held_out: Whether the phrases that are kept for tests are known.
    """
    plain = plain_request(words).lower()
    if len(plain) > _LONGEST:
        return None
    plain = re.sub(r"(?:^|(?<=[\s.,;:]))\d ?[.)]\s*(?=[a-z])", " ; ", plain)
    plain = re.sub(r"\b(?:a lot|much|far|way) (?:tinier|teenier|littler)\b", "small", plain)
    plain = re.sub(r"\b(?:(?:right|just|directly|close) )?(?:next to|beside|alongside|adjacent to)\b", "⇆", plain)
    plain = re.sub(
        r"\b(?:polka[ -]?)?(?:dots|spots)(?= (?:on|onto|to|over|inside|in) (?:it|the|them)\b)", "dotted", plain
    )
    plain = re.sub(r"\b(give .{2,30}?) (?:some )?(?:polka[ -]?)?(?:dots|spots)\b", r"\1 dotted", plain)
    plain = re.sub(r"\s*(?:<-+>|<=+>)\s*", " ↔ ", plain)
    plain = re.sub(r"\s*(?:-+>|=+>|→)\s*", " = ", plain)
    plain = re.sub(r"\b(?:double|increase|raise) the size of\b", "enlarge", plain)
    plain = re.sub(r"\b(?:halve|reduce|decrease) the size of\b", "shrink", plain)
    for size, key in (("large", "bigger"), ("small", "smaller")):
        plain = re.sub(rf"\b{verbs(key, held_out=held_out)}\b", size, plain)
    plain = re.sub(r"\b(?:having|that has|which has|that have) (?=stripes|dots)", "with ", plain)
    text, assumptions = in_own_words(plain, held_out=held_out)
    text = _GROUND_NOUN.sub("background", text)
    text = re.sub(r"\b(?:having|that has|which has|that have) (?=stripes|dots)", "with ", text)
    text = re.sub(r"\b(?:a one|an? single|a single)\b", "one", re.sub(r"\bgrey\b", "gray", text))
    wishes = _Clauses(patterns(held_out=held_out)).read(text)
    return Changes(tuple(wishes), assumptions) if wishes else None


class _Clauses:
    """Tries every way to cut a request into clauses that can be read, long ones first."""

    def __init__(self, known: Patterns) -> None:
        self._known = known
        # Texts that were found to lead nowhere: without them a row of n joins would be tried in 2^n ways.
        self._dead: set[tuple[str, tuple[Wish, ...], Target]] = set()

    def read(self, text: str) -> list[Wish] | None:
        found = self._rest(text, [], Target(pronoun=True), 0)
        return found if found else None

    def _rest(self, text: str, wishes: list[Wish], last: Target, depth: int) -> list[Wish] | None:
        text = text.strip(" ,.;:!?&-")
        if not text:
            return wishes
        state = (text, tuple(wishes), last)
        if depth > _MOST_CLAUSES or state in self._dead:
            return None
        for clause, after in self._cuts(text):
            for bare in self._bare(clause):
                if not bare:
                    if (found := self._rest(after, wishes, last, depth)) is not None:
                        return found
                    continue
                for longer, spoken in self._read(bare, wishes, last):
                    if (found := self._rest(after, longer, spoken, depth + 1)) is not None:
                        return found
        self._dead.add(state)
        return None

    def _cuts(self, text: str) -> Iterator[tuple[str, str]]:
        """The text up to its end and up to each join, with what is left, the longest first."""
        yield text, ""
        for match in reversed(list(self._known.join.finditer(text))):
            if match.start():
                yield text[: match.start()].strip(" ,.;:!?&-"), text[match.end() :]

    def _bare(self, clause: str) -> Iterator[str]:
        """The clause as it is, then without its opening, its closing, and both."""
        opened = self._known.opening.match(clause)
        later = clause[opened.end() :] if opened else clause
        for text in dict.fromkeys((clause, later)):
            closed = self._known.closing.search(text)
            yield from dict.fromkeys(
                (text.strip(" ,.;:-"), (text[: closed.start()] if closed else text).strip(" ,.;:-"))
            )

    def _read(self, clause: str, wishes: list[Wish], last: Target) -> Iterator[tuple[list[Wish], Target]]:
        for kind, several in self._known.kinds.items():
            for pattern in several:
                match = pattern.fullmatch(clause)
                if match is None:
                    continue
                try:
                    read = grown(kind, match, wishes, last)
                except (NotRead, NotDrawn):
                    continue
                if read is not None:
                    yield read
