"""Takes a request for several changes of a picture apart: one wish after the other, in an order that can be done."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from typing import Final

from omniagent.tools.dialects.plain.language.verbs import CHANGE_VERB, OVER_DRAWN
from omniagent.tools.dialects.plain.language.vocabulary import QUOTED, bases, each_word, has_han, words_of

MOST: Final = 5
"""Wishes beyond which a request is no list of single changes."""

_OPENING: Final = re.compile(
    r"^(?:(?:please|pls|kindly|hey|hi|ok|okay|so|now|first(?:ly)?|second(?:ly)?|third(?:ly)?|finally|lastly|next|then"
    r"|also|and|but|after(?: that|wards)|in the (?:photo|image|picture)|let's|(?:can|could|would|will) you|i want "
    r"you to|i(?:'d| would) like you to|i need you to|\d[.)]|[-*•])[\s,:]+)+",
    re.IGNORECASE,
)
_JOIN: Final = re.compile(
    r"\s*(?:[;\n]+|[.!?]+(?=\s|$)|,?\s+(?:and then|and also|and|then|plus|as well as)\s+|,\s*)\s*", re.IGNORECASE
)
_PAINTED: Final = re.compile(r"(?:draw|paint|write|erase|dress|wrap|light|open|close|bend)\b", re.IGNORECASE)
_KEEPING: Final = re.compile(
    r"(?:(?:but )?(?:keep|preserve|maintain)(?:ing)?\b|(?:but )?leave\b(?!.*\bout\b)"
    r"|without (?:chang|touch|alter|mov)\w+"
    r"|(?:do ?n[o'’]?t|do not|never) (?:change|touch|alter|move|modify)\b"
    r"|(?:make sure|ensure)\b.*\b(?:stays?|keeps?|remains?|same|unchanged|untouched|as (?:it|they) (?:is|are|was|were))"
    r"\b)",
    re.IGNORECASE,
)
_PRONOUN: Final = re.compile(r"\b(?:it|its|them|their|that one|this one|the same|another)\b", re.IGNORECASE)
_NEW: Final = re.compile(
    r"^(?:add|put|place|insert|draw|paint|include|bring in|replace\b.*?\b(?:with|by)|turn\b.*?\binto|swap\b.*?\bfor)\s+"
    r"(?P<new>.+?)(?=\s+(?:on|in|to|at|next|beside|behind|under|over|above|near|into|onto|with|between)\b|$)",
    re.IGNORECASE,
)
_LOOK: Final = re.compile(
    r"\b(?:style|sketch|cartoon|anime|watercolou?r|painting|black[- ]and[- ]white|monochrome|night|sunset|winter|snowy|"
    r"brighter|brighten|darker|darken|contrast|vintage)\b",
    re.IGNORECASE,
)
_SMALL: Final = frozenset(each_word("a an the some of his her my this that two three four five new more one and or"))

_EDGES: Final = " \t,.;:!?，。；！？"
_WHOLE: Final = re.compile(
    rf"{QUOTED.pattern}|\d[.,:]\d|\b(?:Mr|Mrs|Ms|Dr|Prof|St|Jr|Sr|No|vs|etc|approx|e\.g|i\.e)\.", re.IGNORECASE
)
"""What holds a comma or a full stop that ends no clause."""

_HAN_JOIN: Final = re.compile(r"[，,；;。、\n]+\s*(?:然后|接着|再|并且?|而且|同时|最后)?|(?:然后|接着|并且|同时|最后)")
_HAN_CHANGE: Final = re.compile(
    r"(?:请|再|也|还要?)?(?:把|将|给|让|删除?|不要|去掉|去除|移除|拿走|添加|增加|加上?|放上?|画上?|换成?|替换|改成?|变成?|使)"
)
_HAN_KEEPING: Final = re.compile(r"(?:保持|保留|(?:不要|别|勿)(?:改|动|变|碰|移)|其他|其余)")
_HAN_PRONOUN: Final = re.compile(r"[它其]")


def wishes_of(words: str) -> tuple[str, ...]:
    """The changes that a request asks for, each in the person's own words; empty where it asks for one.

    A clause that speaks of what an earlier one brought ("and make it black") belongs to that one; what is to be kept
    belongs to all. Where a part is neither, the request is left whole. A change of something comes after the wish that
    adds it, and one of the whole look last.
    """
    clauses = _clauses(words)
    if clauses is None or not 2 <= len(clauses) <= MOST:
        return ()
    return _in_order(clauses)


def kept_wishes(words: str) -> tuple[str, ...]:
    """What a request asks to keep, in the person's own words."""
    return tuple(piece for piece, _, _ in _pieces(words) if _keeps(piece))


def begun_changes(words: str) -> tuple[str, ...]:
    """The clauses of a text that begin a change, in its own words."""
    return tuple(piece for piece, _, _ in _pieces(words) if _begins(piece))


def _clauses(words: str) -> list[str] | None:
    """The wishes of a request, in its own words with all that stands between their clauses; None where one is none."""
    spans: list[tuple[int, int]] = []
    for piece, start, end in _pieces(words):
        if _keeps(piece):
            continue
        if spans and (not _begins(piece) or _refers(piece)):
            # "and make it black", or without a verb of its own: "make the wall blue and the door green".
            spans[-1] = spans[-1][0], end
        elif _begins(piece):
            spans.append((start, end))
        else:
            return None
    return [words[start:end] for start, end in spans]


def _pieces(words: str) -> Iterator[tuple[str, int, int]]:
    """The clauses of a request without their openings, and where they stand; quoted text and numbers are never cut."""
    masked = _WHOLE.sub(lambda found: "\0" * len(found[0]), words)
    join, at = _HAN_JOIN if has_han(words) else _JOIN, 0
    for start, end in [*(found.span() for found in join.finditer(masked)), (len(words), len(words))]:
        bare = masked[at:start].rstrip(_EDGES)
        first = len(bare) - len(bare.lstrip(_EDGES))
        if (opening := _OPENING.match(bare[first:])) is not None:
            first += opening.end()
        if bare[first:].strip():
            yield words[at + first : at + len(bare)], at + first, at + len(bare)
        at = end


def _begins(piece: str) -> bool:
    """Whether a clause begins a change of its own."""
    if has_han(piece):
        return _HAN_CHANGE.match(piece) is not None
    lower = piece.lower()
    return bool(CHANGE_VERB.match(lower) or OVER_DRAWN.match(lower) or _PAINTED.match(lower) or _made(lower))


def _made(piece: str) -> bool:
    made = r"(?:make|get|have|let|take|turn|set)\s+(?:the|his|her|my|all|every|this|that|it|them)\b"
    return re.match(made, piece) is not None


def _keeps(piece: str) -> bool:
    return bool((_HAN_KEEPING if has_han(piece) else _KEEPING).match(piece))


def _refers(piece: str) -> bool:
    """Whether a clause speaks of what the one before it named."""
    return bool((_HAN_PRONOUN if has_han(piece) else _PRONOUN).search(piece))


def _in_order(wishes: Sequence[str]) -> tuple[str, ...]:
    """The wishes so that each follows those that it builds on; as they were said where nothing speaks against it."""
    left, done = list(enumerate(wishes)), list[str]()
    while left:
        for at, (number, wish) in enumerate(left):
            others = [one for n, one in left if n != number]
            early = _is_look(wish) and not all(map(_is_look, others))
            if not early and not any(_builds_on(wish, other) for other in others):
                done.append(wish)
                del left[at]
                break
        else:
            # Wishes that build on each other are done as they were said.
            done.append(left.pop(0)[1])
    return tuple(done)


def _is_look(wish: str) -> bool:
    turned = re.match(r"turn (?:it|this|that|the (?:whole )?(?:picture|image|photo|scene))\b", wish, re.IGNORECASE)
    return (_NEW.match(wish) is None or turned is not None) and _LOOK.search(wish) is not None


def brought_by(wish: str) -> str:
    """The noun of the thing that a wish brings into the picture; empty of one that brings none."""
    found = _NEW.match(wish)
    return "" if found is None else next(reversed(_nouns(found["new"])), "")


def _builds_on(wish: str, other: str) -> bool:
    """Whether a wish speaks of the thing that another one brings."""
    new = brought_by(other)
    mine = _NEW.match(wish)
    spoken = wish if mine is None else wish[: mine.start("new")] + wish[mine.end("new") :]
    return bool(new) and any(bases(word) & bases(new) for word in _nouns(spoken))


def _nouns(text: str) -> list[str]:
    return [word.lower() for word in words_of(text) if word.lower() not in _SMALL]
