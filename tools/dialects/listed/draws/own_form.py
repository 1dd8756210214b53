"""Requests in the grammar that the model was trained on."""

from __future__ import annotations

import re
from typing import Final

from omniagent.tools.dialects.listed.draws.parts import GROUNDS, THING

_GROUND: Final = "|".join(GROUNDS)
_NUMBER: Final = r"(?:an?|one|1|a single|two|three|four|five|six|[2-6]|exactly [2-6]|zero|0)"
_THING: Final = rf"{_NUMBER} {THING}"
_PLACE: Final = (
    r"(?:,? (?:(?:at|in) (?:the )?(?:top|bottom) (?:left|right)(?: corner)?|(?:top|bottom) (?:left|right)"
    r"|(?:in|at) the (?:centre|center|middle)))?"
)
_RELATION: Final = (
    r"(?:left of|to the left of|on the left of|left from|right of|to the right of|on the right of|above|over"
    r"|higher than|below|under|beneath|underneath|inside of|inside|in|within)"
)
_HELD: Final = r"(?:(?:on|to) (?:its|their) (?:left|right)|inside it|inside|in it)"
_PLACED: Final = rf"{_THING}{_PLACE}"
_PART: Final = rf"{_PLACED}(?: {_RELATION} {_PLACED}| with {_PLACED} {_HELD})?"
_OPENING: Final = (
    r"(?:draw a picture with |make a picture of |create an image with |a picture of |a picture with |an image of "
    r"|please draw |draw |paint |create |make |show me |show |generate |i want |i would like |can you draw "
    r"|give me )?"
)
_FRONT: Final = rf"(?:on (?:a )?(?:{_GROUND})(?: background)?, )?"
_BACK: Final = rf"(?:(?: on| against| with|,)(?: a)? (?:{_GROUND})(?: background)?|, the background is (?:{_GROUND}))?"
_AFTER: Final = rf"(?:(?:; |, |\. )the {THING}(?: is| are)? {_RELATION} the {THING})*"
_OWN: Final = re.compile(rf"{_FRONT}{_OPENING}{_PART}(?:(?:, and|,| and) {_PART})*{_BACK}{_AFTER}", re.IGNORECASE)
OPENINGS: Final = re.compile(
    r"^(?:(?:draw|paint|create|make|show|generate|give me|show me|i want|i would like|can you draw|please draw|sketch"
    r"|a picture of|a picture with|an image of|an image with|make a picture of|draw a picture with|draw a picture of"
    r"|create an image with|create an image of|picture|image|now|with|of|have|put|add|place|do|get)\s+)+"
)
"""What requests begin with and what says nothing of the picture."""


def is_own(text: str) -> bool:
    """Whether a request in plain form is of the model's own grammar."""
    return _OWN.fullmatch(text) is not None


def bare(text: str) -> str:
    """A request of the model's own grammar without its opening, its ground in one form."""
    text = OPENINGS.sub("", text.lower())
    text = re.sub(rf"^on (?:a )?({_GROUND})(?: background)?,\s*", r"on a \1 background, ", text)
    text = re.sub(rf"(?:,| and)? the background is ({_GROUND})\b", r" on a \1 background", text)
    text = re.sub(
        rf"(?: on| against| with|,)(?: a)? ({_GROUND})(?: background)?(?=$|[,;.])", r" on a \1 background", text
    )
    return re.sub(r"(background, )(?:draw|paint) ", r"\1", text)
