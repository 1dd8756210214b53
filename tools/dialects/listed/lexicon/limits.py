"""What the world cannot show though every word is known: colours out of place, sides, trained refusals."""

import re
from collections.abc import Sequence
from functools import cache

from omniagent.tools.dialects.listed.lexicon.entries import category, grammar
from omniagent.tools.dialects.listed.lexicon.turns import slots


@cache
def trained_refusals() -> re.Pattern[str]:
    """Requests that the model was trained to refuse as a whole, though a near colour could be had."""
    colours = "|".join(grammar().refused)
    return re.compile(rf"(?:[a-zI ]{{0,24}} )?a (?P<colour>{colours}) {slots()['noun']} on a white background")


@cache
def fruit() -> re.Pattern[str]:
    """An orange, where the word is no colour."""
    known = slots()
    after = (
        rf"(?!(?:[ ,]| and)*(?:{known['look']}|{known['noun']}|ones?\b|coloured|colored|in colou?r|colou?r|background))"
    )
    things = "|".join(way for entry in category("shapes").values() for way in (*entry.ways, *entry.test, *entry.near))
    other = rf"(?:(?!{known['look']}\b|(?:{known['noun']}|{things})s?\b|background|one\b)[a-z]+ )?"
    return re.compile(rf"\b(?:an?|the|one) {other}orange\b{after}(?=[ ,.?]*(?:$|[a-z]))")


def impossible(text: str) -> Sequence[str]:
    """What the world has no colours for."""
    known = slots()
    found: list[str] = []
    thing = re.search(rf"\b({known['ground']}) ((?:{known['looks']} )?{known['noun']}s?)\b", text)
    if thing:
        found.append(f"“{thing.group()}” cannot be drawn: {thing[1]} is a colour of backgrounds only")
    side = re.search(r"\b(?:on|at|to|in) the (?:left|right|top|bottom)(?: side| edge)?(?= *(?:$|[,.;?]|and ))", text)
    if side:
        found.append(f"“{side.group()}” is no place that this model keeps: it knows the corners and the centre")
    ground = re.search(rf"\b({known['colour']}) background\b", text)
    if ground:
        found.append(f"a {ground[1]} background cannot be drawn: backgrounds are white, black or gray")
    return found
