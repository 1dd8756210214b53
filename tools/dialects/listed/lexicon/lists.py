"""Lists that share a noun ("two stars, one red and one blue") and corrections ("a red circle; no, make it blue")."""

import re
from functools import cache
from typing import Final, NamedTuple

from omniagent.tools.dialects.listed.lexicon.turns import NUMBER, PLURAL, rank, slots, with_look
from omniagent.tools.dialects.listed.notation import article

_COUNTS: Final = {word: number for number, word in enumerate(("one", "two", "three", "four", "five", "six"), start=1)}
_NEXT: Final = r"(?:,? and |, )"
CORRECTION: Final = re.compile(
    r"(?P<head>.+?)[\s,.;:!-]+(?:oh |oops |hm+ |ah |um )*(?:no|nope|actually|wait|sorry|scratch that|correction|i mean"
    r"|i meant|or rather|oops|hang on|on second thoughts?|changed my mind)\b[\s,.;:!-]*"
    r"(?:(?:no|wait|sorry)[\s,]+)*"
    r"(?:(?:i mean|i meant|let|turn|change|make|should be|rather|do|have)\s+)?(?:that|it|them|this|the last one)?\s*"
    r"(?:be |to |into |should be )?(?:an? )?(?P<tail>[\w -]+?)(?: one| instead| please)*"
)


class _Patterns(NamedTuple):
    shared: re.Pattern[str]
    part: re.Pattern[str]
    each: re.Pattern[str]


@cache
def _patterns() -> _Patterns:
    known = slots()
    looks, noun = known["looks"], known["noun"]
    which = rf"(?:{NUMBER}|the (?:others?|first|second|third|last|rest)(?: (?:one|two|three))?)"
    alone = rf"(?! (?:{known['looks']}|{noun}s?)\b)"
    part = rf"{which}(?: one)?(?: of (?:them|these|those|which))?(?: is| in| being| are|:)? {looks}(?: ones?)?\b{alone}"
    head = rf"\b(?P<n>{PLURAL}) (?P<adjectives>(?:{looks} )?)(?P<noun>{noun})s"
    end = known["end"]
    return _Patterns(
        re.compile(rf"{head}[,:;.]? (?P<parts>{part}(?:{_NEXT}{part})+)"),
        re.compile(
            rf"(?P<which>{which})(?: one)?(?: of (?:them|these|those|which))?(?: is| in| being| are|:)? "
            rf"(?P<looks>{looks})(?: ones?)?\b"
        ),
        re.compile(rf"{head}(?:,|:| in| coloured) (?P<parts>{looks}(?:{_NEXT}{looks})+)\b{alone}{end}"),
    )


def shared_out(text: str) -> str:
    """Lists that share a noun with the noun said each time; those whose numbers do not add up stay."""
    patterns = _patterns()
    return _named(patterns.each.sub(_each, patterns.shared.sub(_parts, text)))


def _named(text: str) -> str:
    """The text with "a red one" as a red thing of the noun that was said last."""
    known = slots()
    pattern = re.compile(rf"\b(?P<which>an?|another|the|one) (?P<looks>{known['looks']}) one\b")
    while (match := pattern.search(text)) is not None:
        nouns = re.findall(rf"\b({known['noun']})s?\b", text[: match.start()])
        if not nouns:
            break
        text = f"{text[: match.start()]}{match['which']} {match['looks']} {nouns[-1]}{text[match.end() :]}"
    return text


def _parts(match: re.Match[str]) -> str:
    total = _number(match["n"])
    counted = [(found["which"], found["looks"]) for found in _patterns().part.finditer(match["parts"])]
    numbers = [1 if which.startswith("the") else _number(which) for which, _ in counted]
    if counted[-1][0].startswith(("the other", "the rest")):
        numbers[-1] = total - sum(numbers[:-1])
    if sum(numbers) != total or min(numbers) < 1:
        return match.group()
    return _said([_thing(number, looks, match) for number, (_, looks) in zip(numbers, counted, strict=True)])


def _each(match: re.Match[str]) -> str:
    looks = re.split(_NEXT, match["parts"])
    alike = {tuple(rank(word) for word in look.split()) for look in looks}
    if len(looks) != _number(match["n"]) or len(alike) != 1:
        return match.group()
    return _said([_thing(1, look, match) for look in looks])


def _thing(number: int, looks: str, match: re.Match[str]) -> str:
    phrase = with_look(f"{match['adjectives']}{match['noun']}", looks)
    word = next(word for word, value in _COUNTS.items() if value == number)
    return article(phrase) if number == 1 else f"{word} {phrase}s"


def _said(things: list[str]) -> str:
    return f"{', '.join(things[:-1])} and {things[-1]}"


def _number(said: str) -> int:
    last = said.split()[-1]
    return int(last) if last.isdigit() else _COUNTS.get(last, 1)


def put_right(head: str, tail: str) -> str | None:
    """The request with its last look or noun of that kind replaced; None where the correction says something else."""
    known = slots()
    if re.fullmatch(f"{known['noun']}s?", tail):
        found = list(re.finditer(rf"\b{known['noun']}(?=s?\b)", head))
        new = tail.removesuffix("s")
    elif re.fullmatch(known["looks"], tail) and " " not in tail:
        found = [
            one
            for one in re.finditer(rf"\b{known['looks'].rsplit(')*', 1)[1]}\b", head)
            if rank(one.group()) == rank(tail)
        ]
        new = tail
    else:
        return None
    return None if not found else f"{head[: found[-1].start()]}{new}{head[found[-1].end() :]}"
