"""Questions turned false: the same about another colour, number or side, so that a right picture is answered no.

A critic that says yes to everything says yes to both, which leaves its verdict unsure.
"""

import re
from collections.abc import Mapping
from typing import Final

from omniagent.tools.dialects.plain.language.amounts import exact
from omniagent.tools.dialects.plain.language.vocabulary import COLOURS, NUMBERS, without_quoted

_LOOKS: Final = {
    "red": "blue", "orange": "purple", "yellow": "purple", "green": "red", "blue": "red", "purple": "yellow",
    "violet": "yellow", "pink": "green", "brown": "blue", "black": "white", "white": "black", "grey": "red",
    "gray": "red", "golden": "blue", "gold": "blue", "silver": "red", "open": "closed", "closed": "open",
    "standing": "lying", "sitting": "standing", "empty": "full", "full": "empty",
}  # fmt: skip
_SIDES: Final = {
    "left": "right", "right": "left", "above": "below", "below": "above", "over": "under", "under": "over",
    "behind": "in front of", "in front of": "behind", "bigger": "smaller", "smaller": "bigger", "larger": "smaller",
}  # fmt: skip
_SPELT: Final = {int(digits): word for word, digits in NUMBERS.items() if word != "dozen"}
_COUNT: Final = re.compile(
    rf"\b(?P<head>exactly |only |just )?(?P<number>\d{{1,2}}|{'|'.join(NUMBERS)})\b", re.IGNORECASE
)
# Of what is not there, of two looks at once, or of a look in part, the opposite is no surer to be false.
_NEGATED: Final = re.compile(
    r"\b(?:no|not|without|never|neither|none|or|both|either|half|halfway|partly|partially|slightly|somewhat|semi|barely"
    r"|hardly|nearly as|at least|at most|less|least|as|(?<!bigger )(?<!larger )(?<!smaller )than|all right"
    r"|right[- ]?(?:angled?|now|next|beside|by|at|near|against|here|there|in the|on the|away))\b"
    # The fruit, not the colour.
    r"|\b(?:the|an|this|that|each|one|two|sliced|peeled)\s+oranges?\b",
    re.IGNORECASE,
)


def false_twin(kind: str, question: str) -> str | None:
    """The question about another number, colour, side or state; None where no one word decides it.

    Args:
        kind: The requirement's kind; only counts, attributes and relations have a twin.
        question: Its yes/no question, in English.
    """
    bare = without_quoted(question)
    if bare != question or _NEGATED.search(question):
        return None
    match kind:
        case "count":
            found = list(_COUNT.finditer(question))
            if len(found) != 1 or not exact(question, *found[0].span("number")):
                return None
            return _other_number(question, found[0])
        case "attribute":
            colours = [one for one in re.findall(r"[a-z]+", question.lower()) if one in COLOURS or one == "gray"]
            return None if len(colours) > 1 else _turned(question, _LOOKS)
        case "relation":
            return _turned(question, _SIDES)
        case _:
            return None


def _other_number(question: str, found: re.Match[str]) -> str | None:
    said = found["number"].lower()
    number = int(NUMBERS.get(said, said))
    if number < 2:
        # One more of a thing named in the singular would read wrong, and none of it is another question.
        return None
    other = number + 1
    spelt = str(other) if said.isdigit() or other not in _SPELT else _SPELT[other]
    return f"{question[: found.start('number')]}{spelt}{question[found.end('number') :]}"


def _turned(question: str, others: Mapping[str, str]) -> str | None:
    words = "|".join(sorted(others, key=len, reverse=True))
    found = list(re.finditer(rf"\b(?:{words})\b", question, re.IGNORECASE))
    if len(found) != 1:
        return None
    return f"{question[: found[0].start()]}{others[found[0][0].lower()]}{question[found[0].end() :]}"
