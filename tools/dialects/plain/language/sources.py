"""Leaves out of a change what it starts from: of the finished picture only what it leads to must hold."""

from __future__ import annotations

import re
from typing import Final

from omniagent.tools.dialects.plain.language.vocabulary import COLOURS, canonical

_INTO: Final = re.compile(
    r"\b(?:replac\w+|swap\w*|exchang\w+|substitut\w+|chang\w+|turn\w*|convert\w*|transform\w*|alter\w*)\s+"
    r"(?P<from>[^,.;!?\n]+?)\s+(?P<to>(?:with|by|for|to|into|from [^,.;!?\n]+? (?:to|into))\s+)"
)
_INSTEAD: Final = re.compile(r"\b(?:instead of|rather than|in place of)\s+[^,.;!?\n]+|\bfrom\s+[^,.;!?\n]+?(?=\s+to\b)")
_GIVEN: Final = re.compile(
    r"\b(?:this|my|the given|the)\s+(?:[\w-]+\s+){0,4}?(?:photo|photograph|picture|image|drawing|sketch|painting)\b"
)
_RESULT: Final = re.compile(
    r"\b(?:mak\w+|turn\w*|paint\w*|repaint\w*|colou?r\w*|recolou?r\w*|dy\w+|tint\w*)\s+(?:the|his|her|its|their|my|all|this|that)?"
    r"\s*(?P<thing>[^,.;!?\n]+)"
)


def without_sources(text: str) -> str:
    """A change in lower case without what is replaced and without the colours that are painted over.

    The thing that changes its look is kept: "turn the car blue" asks for a blue car.
    """
    text = _INSTEAD.sub(" ", _GIVEN.sub(" it ", text))
    text = _INTO.sub(_kept_thing, text)
    return _RESULT.sub(_repainted, text)


def _kept_thing(found: re.Match[str]) -> str:
    """Nothing of "replace the dog with …"; the thing of "change the colour of the dog to …", for it stays."""
    of = re.search(r"\b(?:colou?r|size|shape|pose|expression|material|texture)\s+of\s+(?P<thing>.+)", found["from"])
    thing = of["thing"] if of else found["from"]
    after = re.match(r"(?:the )?(\w+)", found.string[found.end() :])
    recoloured = (
        after is not None and canonical(after[1]) in COLOURS and not re.match(r"\s+\w", after.string[after.end() :])
    )
    if not of and not recoloured:
        return " and "
    return f" {' '.join(word for word in thing.split() if canonical(word) not in COLOURS)} "


def _repainted(found: re.Match[str]) -> str:
    """The colours before the thing left out where another one follows: "the red car blue"."""
    words = found["thing"].split()
    colours = [at for at, word in enumerate(words) if canonical(word.strip("'\"")) in COLOURS]
    if len(colours) < 2 or colours[-1] == colours[0] + 1:
        return found[0]
    kept = [word for at, word in enumerate(words) if at not in colours[:-1]]
    return found[0].replace(found["thing"], " ".join(kept))
