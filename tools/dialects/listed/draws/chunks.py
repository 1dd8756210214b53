"""Cuts a request into pieces of one kind each: things, their looks, places, relations, and what binds them."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Final, NamedTuple

from omniagent.tools.dialects.listed.draws.parts import (
    GROUNDS,
    LOOK,
    NOUN,
    NUMBER,
    PLACE,
    RELATION,
    SHAPES,
    SIDE,
    THEIRS,
    THING,
)

_LOOKS: Final = rf"{LOOK}(?:(?:,| and|,? ) ?{LOOK})*"
_NO_NOUN: Final = rf"\b(?!(?:(?:,| and|, and)? {LOOK})* {NOUN}\b)"
_OTHER: Final = rf"(?:the )?(?:other|others|rest|remaining)(?: {NUMBER})?(?: ones?)?|another(?: one)?"
_RANK: Final = r"(?:the )?(?:first|second|third|last)(?: one)?"
_BARE: Final = (
    rf"(?P<which>{_OTHER}|{_RANK}|(?:{NUMBER})(?: of (?:them|these|those|which))?)"
    r"(?: (?:is|are|in|being|should be|must be|of them|goes|a|an))*"
)
_WRONG: Final = (
    r"(?:no(?=,|\.| wait| make| not| i mean| sorry| rather)|wait|sorry|oops|actually|i mean|i meant|or rather|rather"
    r"|make (?:that|it|them)|correction|scratch that|hmm)(?![\w'])"
)
_ROW: Final = (
    r"in a (?:horizontal )?(?:row|line)|a (?:horizontal )?(?:row|line) of|side by side"
    r"|next to (?:each other|one another)|lined up"
)
_COLUMN: Final = (
    r"stacked(?: up| vertically)?|(?:one )?(?:on top of|above) (?:each|one another|the other|each other)"
    r"|in a (?:vertical )?(?:column|stack)|a (?:vertical )?(?:column|stack|pile|tower) of"
)
_IS: Final = (
    r"in|of|that is|that are|which is|which are|is|are|both|all|being|should be|must be|colou?red|painted|filled"
)
_MADE: Final = r"(?:colou?r|paint|fill) (?:it|them)(?: all)?(?: in| with)?|mak(?:e|ing) (?:it|them)(?: all)?"
_LABEL: Final = (
    r"(?:objects?|shapes?|figures?|items?|things?|colou?rs?|fill|pattern|size|count|number|amount|what) ?[:=]"
    r"|(?<![:=] )\d[.)](?= )"
)
_NAMED: Final = r"(?:item|thing|object|shape|number|no\.?|#) ?(?:number )?(?P<rank>\d|one|two|three|four)\b(?! of)"
_KINDS: Final = (
    ("ground", rf"(?:on (?:a|an|the )?)? ?(?P<ground>{'|'.join(GROUNDS)}) background"),
    ("label", _LABEL),
    ("named", _NAMED),
    ("same", rf"(?:the same(?: one| thing)?|same|an identical one)(?: again)?(?: but)? (?:in )?(?P<same>{LOOK})"),
    ("wrong", rf"(?:{_WRONG},? ?)+"),
    (
        "thing",
        rf"(?P<the>the |(?:this|that|these|those|said) (?!(?:{NUMBER})\b))?"
        rf"(?:(?P<number>exactly {NUMBER}|{NUMBER}) )?(?P<thing>{THING})\b",
    ),
    ("those", rf"the (?P<those>{_LOOKS}) ones?\b"),
    ("after", r"(?:with|having|that has|that have) (?P<after>stripes|dots|striped|dotted)\b"),
    ("row", rf"(?:all )?(?:arranged )?(?P<row>{_ROW})"),
    ("column", rf"(?:all )?(?:arranged )?(?P<column>{_COLUMN})"),
    ("between", r"(?:in )?between"),
    ("theirs", THEIRS),
    ("bare", rf"{_BARE} (?P<looks>{_LOOKS}){_NO_NOUN}(?: ones?)?"),
    ("post", rf"(?:(?:{_IS}|{_MADE}) )*(?P<post>{_LOOKS}){_NO_NOUN}(?: colou?r)?"),
    ("turned", rf"(?:make (?:it|that|them) |into |instead )?(?P<turned>an? (?:{'|'.join(SHAPES)})) instead\b"),
    ("rank", rf"the (?P<nth>first|second|third|former|latter|last)(?: one| ones)?\b(?! {NOUN})"),
    ("place", PLACE),
    ("side", SIDE),
    ("hole", r"(?:in|inside|within) (?:its|the|their) (?:hole|middle|centre|center)\b"),
    (
        "relation",
        rf"(?:{RELATION}|(?P<in>in)(?= (?:the|it|its|that|them|{NUMBER})\b)"
        rf"|(?P<on>on)(?= (?:the|it|that|{NUMBER})\b))",
    ),
    ("it", r"(?:it|that|them|those|these|this|which|the former|its inside)\b"),
    (
        "amount",
        rf"(?!an?\b)\(?(?P<amount>{NUMBER})(?: of them| pieces| in all| in total| instead| altogether)?\b\)?"
        r"(?= ?(?:[,.;:)]|$|and\b|in\b|of\b))",
    ),
    (
        "there",
        r"there (?:is|are|should be|must be)\b"
        r"|(?:i|we|you) (?:also )?(?:want|need|see|have|can see|would like)\b",
    ),
    ("is", r"(?:is|are|be|being|should be|must be|goes|go|should go|has|have|comes|stands|sits|sit|stand|belongs?)\b"),
    ("with", r"with\b"),
    (
        "verb",
        r"(?:use|take|have|get|do|start|begin|first|finally|next|lastly|draw|paint|put|add|place|show|sketch|make|set"
        r"|give|insert|include|position|arrange)\b",
    ),
    ("and", r"(?:[,;.:/]|and|und|et|y|plus|then|&|\+|but|also|accompanied by)+"),
    (
        "skip",
        r"(?:the|a|an|of|to|one|both|each|all|in|on|at|its|their|by|be|from|for|while|where|whose|who|me|i|you|we|they"
        r"|us|so|only|as|my|our|how|sure|needs|with|any|some|other|there|it|anything|everything)\b|\d[.)](?= )|=",
    ),
    ("word", r"[^\s,;.:/]+"),
)  # fmt: skip
_CHUNK: Final = re.compile("|".join(rf"(?P<{kind}_>{pattern})" for kind, pattern in _KINDS))


class Chunk(NamedTuple):
    """A piece of a request: its kind, and the match that it came from."""

    kind: str
    match: re.Match[str]

    @property
    def text(self) -> str:
        """Its words."""
        return self.match.group()


def chunks(text: str) -> Iterator[Chunk]:
    """The pieces of a request in their order."""
    at = 0
    while at < len(text):
        match = None if text[at].isspace() else _CHUNK.match(text, at)
        if match is None or match.end() == at:
            at += 1
            continue
        yield Chunk(next(kind for kind, _ in _KINDS if match[f"{kind}_"] is not None), match)
        at = match.end()
