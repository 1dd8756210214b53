"""What a Chinese task wants of the finished picture: counts, colours and common things."""

from __future__ import annotations

import re
from collections.abc import Iterator

from omniagent.tools.audit import Mention
from omniagent.tools.dialects.plain.faithful import HAN_COLOURS, han_numbers
from omniagent.tools.dialects.plain.language.kept_words import kept_words


def chinese_wishes(bare: str) -> Iterator[Mention]:
    """The parts of a Chinese task, its quoted texts and wishes to keep something aside."""
    for number in han_numbers(bare):
        if number != "1":
            yield Mention("number", number, frozenset([f"#{number}"]))
    things = kept_words().han
    near = re.compile(rf"({'|'.join(HAN_COLOURS)})(?:色|(?={'|'.join(things)}))")
    for found in near.finditer(bare):
        said, forms = found[0], HAN_COLOURS[found[1]].split()
        yield Mention(
            "colour",
            said,
            frozenset({*forms, said}),
            line=("attribute", f"Does the picture show something {forms[0]}?"),
        )
    for said in sorted(things, key=len, reverse=True):
        if said not in bare:
            continue
        bare = bare.replace(said, "，")
        yield Mention(
            "word",
            said,
            frozenset({*things[said], said}),
            line=("presence", f"Does the picture show this: {things[said][0]}?"),
        )
