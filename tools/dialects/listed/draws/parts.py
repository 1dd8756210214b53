"""Patterns of what the model's own words can say: things with their number and looks, places, relations, grounds."""

from __future__ import annotations

import re
from typing import Final

COLOURS: Final = ("red", "green", "blue", "yellow", "purple", "orange", "cyan", "pink")
SHAPES: Final = ("circle", "square", "triangle", "star", "ring")
SIZES: Final = {"small": "small", "little": "small", "tiny": "small", "large": "large", "big": "large"}
FILLS: Final = {"striped": "striped", "dotted": "dotted", "spotted": "dotted", "solid": "solid"}
GROUNDS: Final = {"white": "white", "black": "black", "gray": "gray", "grey": "gray"}
NUMBERS: Final = {
    "zero": 0, "no": 0, "a": 1, "an": 1, "one": 1, "single": 1, "another": 1, "two": 2, "three": 3, "four": 4,
    "five": 5, "six": 6, "seven": 7, "eight": 8, "nine": 9, "ten": 10, "eleven": 11, "twelve": 12, "dozen": 12,
    "thirteen": 13, "fourteen": 14, "fifteen": 15, "sixteen": 16, "twenty": 20, "thirty": 30, "fifty": 50,
    "hundred": 100, "thousand": 1000, "million": 10**6,
}  # fmt: skip
RELATIONS: Final = ("left of", "right of", "above", "below", "inside")
CORNERS: Final = ("top left", "top right", "bottom left", "bottom right")
MOST: Final = 6
"""Objects in one picture."""

_LOOK = "|".join((*COLOURS, *SIZES, *FILLS))
LOOK: Final = rf"(?:{_LOOK})"
NOUN: Final = rf"(?:(?:{'|'.join(SHAPES)}|object|shape)s?)"
NUMBER: Final = (
    rf"(?:minus |negative )?(?:a single|a dozen|two dozen|a hundred|a thousand|a million|hundreds of|thousands of"
    rf"|dozens of|millions of|many|lots of|countless|-?\d+|{'|'.join(sorted(NUMBERS, key=len, reverse=True))})"
)
THING: Final = rf"(?:(?:{LOOK}(?:,| and|, and)? )*{LOOK} )?{NOUN}(?: with (?:stripes|dots))?"
CORNER: Final = "|".join(CORNERS)
PLACE: Final = (
    rf"(?:(?:in|at|to|into|on|near|by|towards?) )?(?:the |its )?(?:very |far )?(?:(?P<corner>{CORNER})"
    r"(?: (?:corner|side|part|area|quarter|quadrant|region|end|edge))?|(?P<centre>centre|center|middle))\b(?! of)"
)
SIDE: Final = (
    r"(?:(?:at|on|in|to|towards?|near|along) )?(?:the )?(?:far |very )?(?P<side>top|bottom|left|right)"
    r"(?:[ -](?:side|edge|half|part|hand side|border|end))?\b(?! of| from)"
)
RELATION: Final = (
    r"(?:(?:to|on|at) )?(?:the )?(?P<across>left|right)(?: side)? of|left from"
    r"|(?P<over>above|over|higher than)|(?P<under>below|underneath|under|beneath)"
    r"|(?P<within>inside of|inside|within)"
    r"|(?P<around>around|surrounding|enclosing|encircling|containing|holding"
    r"|(?:which |that )?(?:contains|holds|encloses|surrounds))"
)
THEIRS: Final = r"(?:(?:to|on|at) )(?:its|their) (?P<hand>left|right)(?: side)?\b(?! of)"


def number_of(words: str) -> int | None:
    """What a number says; None for an open one ("many"), which is more than can be counted on."""
    text = words.strip()
    sign = -1 if text.startswith(("minus ", "negative ")) else 1
    text = re.sub(r"^(?:minus|negative) ", "", text)
    if re.fullmatch(r"-?\d+", text):
        return sign * int(text[:9])
    if text == "two dozen":
        return 24
    if text.endswith(" of") or text in ("many", "countless"):
        return None
    return sign * NUMBERS[text.split()[-1]]
