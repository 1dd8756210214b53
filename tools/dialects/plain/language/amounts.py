"""Numbers that are no exact count: bounds ("at least two"), ranges ("two or three") and guesses ("about ten").

Words of English, Chinese, Japanese, German, French, Spanish, Italian, Portuguese, Dutch and Russian are known.
"""

import re
from collections.abc import Mapping
from typing import Final

from omniagent.tools.dialects.plain.language.vocabulary import NUMBERS, canonical

_N: Final = rf"(?:\d+|{'|'.join(NUMBERS)})"
_LED: Final = (
    r"(?:at (?:the )?(?:least|most)|at (?:a )?(?:minimum|maximum)|(?:no |not )?(?:more|fewer|less|greater|other) than"
    r"|up to|as (?:many|few) as|(?:minimum|maximum|min|max)\.?(?: of)?|upwards? of|close to|nearly|almost|roughly"
    r"|approximately|approx\.?|circa|not|half an?"
    r"|mindestens|wenigstens|höchstens|maximal|mehr als|weniger als|bis zu|etwa|ungefähr|rund|knapp"
    r"|au (?:moins|plus|minimum|maximum)|(?:plus|moins|près) de|jusqu['’]à|environ"
    r"|(?:al|por lo|pelo) menos|(?:como|no) m[íá]\w+|a lo sumo|(?:más|menos|mais|cerca|alrededor) de|hasta|casi"
    r"|almeno|al massimo|(?:più|meno) di|fino a|quasi|até|quase"
    r"|minstens|ten minste|hoogstens|(?:meer|minder) dan|ongeveer|bijna"
    r"|(?:не )?(?:менее|более|меньше|больше)(?: чем)?|минимум|максимум|около|почти)"
)
_HAN_LED: Final = (
    r"(?:至少|最少|起码|不少于|不低于|最多|至多|不超过|不多于|少于|多于|超过|大约|大概|约|将近|差不多"
    r"|少なくとも|多くとも|最大|最低|約|およそ)(?:有|是|为)?"
)
# Places as well ("clouds over two hills"): bounds only where no thing is named before them.
_NOT_NAMED: Final = r"(?:^|[,.;:!?\n]|\b(?:are|has|have|there|shows?|with|draw|paint|see)\b)\s*"
_PLACES: Final = "over|under|about|around"
_MORE: Final = r"(?:or|oder|ou|o|of|или) (?:more|mehr|plus|más|più|mais|meer|больше|более)"
_FEWER: Final = r"(?:or|oder|ou|o|of|или) (?:fewer|less|weniger|moins|menos|meno|minder|меньше|менее)"
_WORDS: Final = r"(?: (?!and\b|or\b)[\w'-]+){0,3}?"

_BEFORE: Final = re.compile(
    rf"(?:\b{_LED} (?:the )?|{_HAN_LED} ?|{_NOT_NAMED}(?:{_PLACES}|between) "
    rf"|\b{_N}(?: ?[-–—] ?| (?:to|or|bis|à) )|\bbetween {_N} and |[\d-][.,]?)$",
    re.IGNORECASE,
)
_AFTER: Final = re.compile(
    rf"[.,]\d| ?[-–—] ?{_N}\b|-| (?:to|or|bis|à) {_N}\b| ?\+| (?:plus|dozen|hundred|thousand|million|percent)\b"
    rf"|{_WORDS} (?:{_MORE}|{_FEWER}|or so|at (?:the )?(?:least|most))\b"
    r"|[^\d，。；？?]{0,6}?(?:以上|以下|以内|左右|或更多|或更少)",
    re.IGNORECASE,
)
_TRAILED: Final = re.compile(
    rf"\b(?P<number>{_N})(?P<thing>{_WORDS})"
    rf"(?:(?P<most> {_FEWER}\b| at (?:the )?most\b)| ?\+| plus\b| {_MORE}\b| at (?:the )?least\b)"
)
_LEADING: Final = re.compile(
    rf"\b(?P<lead>{_LED}|between (?P<low>{_N}) and|(?P<least>{_N})(?: (?:to|or)| ?[-–—])) ?(?P<number>{_N})\b"
    rf"|{_NOT_NAMED}(?P<about>{_PLACES}) (?P<so_many>{_N})\b"
)


def exact(text: str, start: int, end: int) -> bool:
    """Whether the number between two places of a text is a whole count as it stands, on one line."""
    return _BEFORE.search(text, 0, start) is None and _AFTER.match(text, end) is None


def bounds_first(text: str) -> str:
    """An English text in lower case with its bounds before their numbers: "three cats or more" as "at least three
    cats".
    """

    def turned(found: re.Match[str]) -> str:
        return f"at {'most' if found['most'] else 'least'} {found['number']}{found['thing']}"

    return _TRAILED.sub(turned, text)


def leads(text: str) -> Mapping[str, str]:
    """By number, in digits, the words that make it inexact; none for the first number of a range.

    Args:
        text: English in lower case, its bounds before their numbers.
    """
    found: dict[str, str] = {}
    for one in _LEADING.finditer(text):
        first = one["low"] or one["least"]
        if first:
            found[canonical(first)] = ""
        found[canonical(one["number"] or one["so_many"])] = one["lead"] or one["about"]
    return found
