"""Text by reading it: what a picture shows is compared letter by letter with what it must say."""

import re
from collections.abc import Sequence
from typing import Final

from rapidfuzz import fuzz
from rapidfuzz.distance import Levenshtein

from omniagent.tools.types import Evidence

_ALIKE: Final = str.maketrans(
    {"0": "o", "1": "l", "i": "l", "|": "l", "！": "!", "，": ",", "。": ".", "：": ":", "？": "?"}
)
"""Signs that readers of text take for one another."""

_RIGHT: Final = 0.97
_WRONG: Final = 0.03
_SHOWN: Final = 60


def reading_evidence(wanted: str, lines: Sequence[str]) -> Evidence:
    """Whether read lines say a text: yes only when every letter and digit of it stands there in order.

    Case, spaces and signs do not count, since readers drop them; a text may go over several lines.
    """
    apart = _apart(wanted, lines)
    shown = " / ".join(lines)
    note = f"reads “{shown[:_SHOWN]}”" if lines else "reads no text"
    if apart:
        note += f", {apart} letters apart" if apart > 1 else ", 1 letter apart"
    return Evidence(
        instrument="reading",
        answer="no" if apart else "yes",
        probability=_WRONG if apart else _RIGHT,
        note=note,
    )


def _apart(wanted: str, lines: Sequence[str]) -> int:
    """By how many letters the likeliest passage of the lines differs."""
    want, read = _plain(wanted), _plain("".join(lines))
    if not want:
        return 0
    if want in read:
        return 0
    if not read:
        return len(want)
    found = fuzz.partial_ratio_alignment(want, read)
    if found is None or found.score == 0:
        return len(want)
    # The alignment has the length of the text; one letter more or less on either side may fit better.
    ends = [
        (start, end) for start in range(found.dest_start - 1, found.dest_start + 2) for end in _near(found.dest_end)
    ]
    passages = {read[max(0, start) : end] for start, end in ends}
    return max(1, min(Levenshtein.distance(want, passage) for passage in passages))


def _near(end: int) -> range:
    return range(end - 1, end + 2)


def _plain(text: str) -> str:
    return re.sub(r"[\W_]+", "", text.casefold().translate(_ALIKE))
