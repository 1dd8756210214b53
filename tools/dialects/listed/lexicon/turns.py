"""Turns of phrase with slots, compiled from their file, and the noun phrases that the slots stand for."""

import re
from functools import cache
from typing import Final, Literal, NamedTuple

from omniagent.tools.dialects.listed.lexicon.entries import Turn, category, turns
from omniagent.tools.dialects.listed.notation import article

_SIZES: Final = ("small", "little", "tiny", "large", "big")
_FILLS: Final = ("striped", "dotted", "spotted", "solid")
_GROUNDS: Final = ("white", "black", "gray", "grey")
_FOLLOWING: Final = (
    "and", "then", "on", "at", "in", "with", "left", "right", "above", "below", "inside", "to", "against", "over",
    "under",
)  # fmt: skip
_NUMBERS: Final = ("one", "two", "three", "four", "five", "six")
NUMBER: Final = rf"(?:exactly [1-6]|a single|{'|'.join(_NUMBERS)}|[1-6]|an?|another)"
PLURAL: Final = rf"(?:exactly [2-6]|{'|'.join(_NUMBERS[1:])}|[2-6])"


@cache
def slots() -> dict[str, str]:
    """The patterns of the slots, by name."""
    colours = "|".join(one for one in category("colours") if one != "shade")
    shapes = "|".join((*category("shapes"), "shape"))
    look = rf"(?:{'|'.join((*_SIZES, *_FILLS))}|{colours})"
    looks = rf"{look}(?:(?:,| and|, and)? {look})*"
    noun = rf"(?:{shapes})s?"
    held = r"(?: with (?:stripes|dots))?"
    thing = rf"(?:{look} )*{noun}{held}"
    corner = "top left|top right|bottom left|bottom right"
    place = rf"(?: (?:(?:at|in)(?: the)? )?(?:{corner})(?: corner)?| (?:in|at) the (?:cent(?:re|er)|middle))"
    return {
        "look": looks,
        "looks": rf"(?:{look} )*{look}",
        "noun": rf"(?:{shapes})",
        "np": thing,
        "a": rf"(?:(?:{NUMBER}|the) )?{thing}(?:{place}(?! of))?",
        "b": rf"(?:(?:{NUMBER}|the) )?{thing}(?:{place}(?! of))?",
        "ground": rf"(?:{'|'.join(_GROUNDS)})",
        "colour": rf"(?:{colours})",
        "shape": rf"(?:{shapes})",
        "size": rf"(?:{'|'.join(_SIZES)})",
        "number": NUMBER,
        "rel": r"left of|right of|to the left of|to the right of|above|over|below|under|beneath|underneath|inside|in",
        "cell": rf"{corner}|centre|center|middle",
        "side": r"(?: side| hand side| edge)?",
        "being": r"(?:(?:that|which) (?:is|are|has|should be)|all|(?:coloured|painted|filled)(?: in| with)?|in|of|being"
        r"|is|are|with|entirely)",
        "must": r"(?:(?:should|must|shall)(?: now)? (?:be|become|turn)|(?:needs|has|ought) to be|to be)",
        "seen": r"(?:(?:do|can) you (?:see|count|find|spot)|do we see|there are|is there|have we|exist|can be seen"
        r"|does it (?:have|show)|in (?:it|there|the (?:image|picture))"
        r"|are(?: there)?(?: in (?:total|the (?:image|picture)))?)",
        "verb": r"remove|delete|erase|take away|get rid of|make|turn|change|move|shift|swap|recolour|colour|paint"
        r"|enlarge|shrink|replace",
        "rest": r".+",
        "where": r"(?:top left|top right|bottom left|bottom right|in the centre)(?: corner)?",
        "zhend": r"(?= *(?:$|[,.;?的了]|并|然后|和))",
        "list": rf"(?:{NUMBER} )?{thing}.*",
        "end": rf"(?= *(?:$|[,.;)?]|(?:{'|'.join(_FOLLOWING)}) ))",
    }


LONGEST: Final = 120
"""Words beyond which turns of phrase are not looked for: no picture of this world needs as many."""
_UNNAMED: Final = ("end", "zhend", "number", "looks", "rel", "cell", "side", "being", "must", "seen", "verb")


class _Rule(NamedTuple):
    pattern: re.Pattern[str]
    turn: Turn


@cache
def _rules(name: Literal["turns", "chinese"]) -> tuple[_Rule, ...]:
    return tuple(_Rule(_compiled(turn.said), turn) for turn in turns(name))


def _compiled(said: str) -> re.Pattern[str]:
    known = slots()
    named: set[str] = set()

    def filled(match: re.Match[str]) -> str:
        slot, name = match[1], match[2]
        if name is None and slot in _UNNAMED:
            return known[slot]
        label = name or slot
        if label in named:
            return rf"(?P={label})"
        named.add(label)
        return rf"(?P<{label}>{known[slot]})"

    body = re.sub(r"\{([a-z]+)(?::(\w+))?\}", filled, said)
    # A rule's own ends may look at what is around; else it holds whole words.
    bound = body if said.startswith(("^", "(?<")) else rf"(?<![\w-]){body}(?!(?<=[\w-])[\w-])"
    return re.compile(bound, re.IGNORECASE)


class Turned(NamedTuple):
    """A text with its turns of phrase read, what was replaced by what, and what that assumes."""

    text: str
    changes: tuple[tuple[str, str], ...]
    assumptions: tuple[str, ...]


def turned(text: str, *, changed: bool, name: Literal["turns", "chinese"] = "turns") -> Turned:
    """Every turn of phrase of the text in the model's own words; `changed`: other words of it have been read."""
    changes: list[tuple[str, str]] = []
    assumptions: list[str] = []
    for pattern, turn in _rules(name):
        if turn.after and not (changed or changes):
            continue
        # A rule whose own reading fits it again would never end.
        for _ in range(6):
            match = pattern.search(text)
            if match is None:
                break
            read = _read(turn.read, match)
            if read.rstrip("?") == match.group().rstrip("?"):
                break
            text = tidy(f"{text[: match.start()]}{read}{text[match.end() :]}")
            changes.append((match.group().strip(), read.strip()))
            if turn.near and turn.near not in assumptions:
                assumptions.append(turn.near)
    return Turned(text, tuple(changes), tuple(assumptions))


def _read(read: str, match: re.Match[str]) -> str:
    named = match.groupdict()

    def slot(found: re.Match[str]) -> str:
        said = named[found[1]] or ""
        for look in found[2].split("!")[1:]:
            said = with_look(said, named[look] or "")
        return said

    filled = re.sub(r"\{(\w+)((?:!\w+)*)\}", slot, read)
    unnamed = [
        match.group(number) or ""
        for number in range(1, match.re.groups + 1)
        if number not in match.re.groupindex.values()
    ]
    return re.sub(r"\\(\d)", lambda found: unnamed[int(found[1]) - 1], filled)


def with_look(phrase: str, said: str) -> str:
    """A noun phrase with more looks, its adjectives in the order size, fill, colour; those said before stay."""
    known = slots()
    match = re.search(rf"(?P<looks>(?:{known['looks']} )?)(?P<noun>{known['noun']}s?\b)", phrase)
    if match is None:
        return phrase
    before, more = match["looks"].split(), re.findall(r"\w+", said)
    new = [word for word in more if word != "and" and rank(word) not in [rank(old) for old in before]]
    looks = sorted((*before, *new), key=rank)
    return f"{phrase[: match.start()]}{' '.join((*looks, match['noun']))}{phrase[match.end() :]}"


def rank(word: str) -> int:
    """Where an adjective stands: 0 for a size, 1 for a fill, 2 for a colour."""
    return 0 if word in _SIZES else 1 if word in _FILLS else 2


def ordered(text: str) -> str:
    """The text with adjectives that follow their noun, as in Spanish and French, in front of it."""
    known = slots()
    pattern = re.compile(
        rf"\b(?P<before>(?:{known['looks']} )?)(?P<noun>{known['noun']}s?)(?P<after>(?: (?:and )?{known['looks']})+)\b"
    )

    def put(match: re.Match[str]) -> str:
        looks = [word for word in (*match["before"].split(), *match["after"].split()) if word != "and"]
        return " ".join((*sorted(looks, key=rank), match["noun"]))

    text = re.sub(rf"\bbackground ({known['ground']})\b", r"\1 background", pattern.sub(put, text))
    return re.sub(rf"\b({PLURAL} (?:{known['looks']} )?{known['noun']})\b(?!s)", lambda found: f"{found[1]}s", text)


def tidy(text: str) -> str:
    """The text without the marks and blanks that dropped words leave, and with the articles that its words want."""
    text = re.sub(r"\s*\(([^()]*)\)", r", \1, ", text)
    text = re.sub(r"[()\[\]{}!*_|<>\"“”~^\\/=+]+", " ", text)
    text = re.sub(r"(?<=\w):(?!\w)|\s[:\-–—]+\s", ", ", text)
    text = re.sub(r"\s+", " ", text)
    text = re.sub(r"\s+([,.;?])", r"\1", text)
    text = re.sub(r"[,.;](?:\s*[,.;])+", ",", text)
    text = re.sub(r"\b(and|with|on|in|at|of|to)(?:,| and)*$", "", text.strip(" ,.;-:"))
    text = re.sub(r",(?= with (?:dots|stripes)\b)|\b(?:on|in) it (?=on an? \w+ background)", "", text)
    text = re.sub(r"^(?:and|then)\s+", "", text.strip(" ,.;-:"))
    text = re.sub(r"\b(?:and, )+and\b|\band,(?= )|, and and\b|\band and\b", "and", text)
    text = re.sub(r"\ban? (?=an? |the |one |two |three |four |five |six )", "", text)
    return re.sub(r"\ban? (?=([a-z]+))", lambda found: f"{article(found[1]).split()[0]} ", text).strip(" ,.;-:")
