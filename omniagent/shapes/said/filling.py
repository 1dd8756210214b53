"""Fills the slots of a frame, and lets the result look as people type."""

import re
from collections.abc import Callable, Mapping

import numpy as np

from omniagent.shapes.said.voice import Voice
from omniagent.shapes.words.frames import Frame, Slot
from omniagent.shapes.words.language import pick
from omniagent.shapes.words.requirements import Place

_ARTICLE = re.compile(r"\b(a|A) (?=[aeiouAEIOU](?!ne\b|nce\b|ni))")
_PLACES = ("at the {}", "in the {}", "in the {} corner", "at {}", "in the {} of the picture")
_CENTRES = ("in the {}", "at the {}", "in the {} of the picture", "in the {}")


Said = Callable[[Slot], str]
"""What may stand in a slot: the words for its form."""


def fits(frame: Frame, slots: Mapping[str, Said]) -> bool:
    """Whether there is something for each of the frame's slots."""
    return all(slot.name in slots for slot in frame.slots)


def filled(frame: Frame, slots: Mapping[str, Said]) -> str:
    """The frame's text with its slots filled and its articles right."""
    text = "".join(part if isinstance(part, str) else slots[part.name](part) for part in frame.parts)
    return with_articles(text)


def with_articles(text: str) -> str:
    """``a`` before a vowel becomes ``an``."""
    return _ARTICLE.sub(lambda found: f"{found[1]}n ", text)


def place_phrase(voice: Voice, place: Place, form: str = "") -> str:
    """``in the top left corner``, ``to the top left``; `form` "word" for the words of the place alone."""
    word = voice.word("places", place)
    if form == "word":
        return word
    templates = _CENTRES if place == "centre" else _PLACES
    if form == "to":
        templates = ("to the {}",) if place == "centre" else ("to the {}", "to the {} corner", "into the {} corner")
    return pick(voice.rng, templates).format(word)


def typed(rng: np.random.Generator, text: str) -> str:
    """The text as people type it: capitals, ends, and now and then careless punctuation."""
    text = re.sub(r" {2,}", " ", text).strip()
    draw = rng.random()
    if draw < 0.05:
        text = text.replace(",", "")
    elif draw < 0.09:
        text = text.replace(", ", ",")
    elif draw < 0.12:
        text = text.replace(". ", ".").replace(", ", " , ")
    elif draw < 0.14:
        text = text.upper()
    elif draw < 0.16:
        text = text.replace(" ", "  ", 3)
    draw = rng.random()
    if draw < 0.3:
        text = text[0].upper() + text[1:]
    if text[-1].isalnum():
        text += pick(rng, ("", "", "", ".", ".", "!"))
    return text


def around(frame: Frame, request: str, slots: Mapping[str, Said] | None = None) -> str:
    """The request within a frame that goes around requests; a question's mark goes to the end of one sentence."""
    asks = request.endswith("?")
    body = request.rstrip("?.!")
    text = filled(frame, {**(slots or {}), "request": lambda _: body})
    after = frame.text.partition("{request}")[2]
    return f"{text}?" if asks and text[-1].isalnum() and not after.startswith(".") else text
