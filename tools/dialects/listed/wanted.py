"""What a task in the world of this dialect wants, word by word, for the audit of plans that no rule has made."""

from __future__ import annotations

import re
from typing import Final

from omniagent.tools.audit import Mention, Told
from omniagent.tools.dialects.base import GivenTask, Reading
from omniagent.tools.dialects.listed.draws.parts import COLOURS, FILLS, GROUNDS, NUMBERS, RELATIONS, SHAPES, SIZES
from omniagent.tools.dialects.listed.notation import print_background, print_count, print_name, print_presence
from omniagent.tools.types import Requirement

_TOKEN: Final = re.compile(r"[a-z]+|\d+|[,.;:?!]")
_RELATION: Final = re.compile(rf"\b(?:{'|'.join(RELATIONS)})\b")
_TURNED: Final = {"left of": "right of", "right of": "left of", "above": "below", "below": "above"}
_LOOKS: Final[dict[str, str]] = {**{one: one for one in COLOURS}, **SIZES, **FILLS, **GROUNDS}
_IDLE: Final = frozenset(("medium", "solid"))


def wanted_of(words: str, task: GivenTask, reading: Reading) -> tuple[Mention, ...]:
    """The looks, things, numbers and relations of a task in the model's own words.

    Of a change or a composition, what the descriptions of the given pictures say is no wish: it tells which things are
    meant. There, and of a look that is said of nothing, no line is known.
    """
    if reading.mode not in ("generate", "edit", "compose") or reading.held:
        return ()
    given = frozenset(_TOKEN.findall(" ".join(reading.seen).lower()))
    text = words.lower()
    found = [one for one in _in_words(text, given) if not (one.forms & given)]
    if reading.mode == "generate" and not task.pictures:
        for name in _RELATION.findall(text):
            forms = frozenset(f"@{one}" for one in (name, _TURNED.get(name, name)))
            found.append(Mention("relation", name, forms))
    return tuple(dict.fromkeys(found))


def told_of(line: Requirement) -> Told:
    """What a line tells: its words in one spelling, its numbers and its relations."""
    text = line.question.lower()
    forms: set[str] = set()
    for token in _TOKEN.findall(text):
        number = _number(token)
        forms.add(f"#{number}" if number is not None else _LOOKS.get(token) or token.removesuffix("s"))
    forms |= {f"@{name}" for name in _RELATION.findall(text)}
    return Told(frozenset(forms), pronoun=bool(re.search(r"\b(?:it|they)\b", text)), keeps=line.kind == "preservation")


def _in_words(text: str, given: frozenset[str]) -> list[Mention]:
    found: list[Mention] = []
    looks: list[str] = []
    number: int | None = None
    last = ""
    for token in _TOKEN.findall(text):
        shape = token.removesuffix("s")
        if token in _LOOKS:
            looks.append(_LOOKS[token])
        elif (value := _number(token)) is not None:
            number = value
        elif shape in SHAPES or shape in ("object", "shape", "background"):
            found += _of_phrase(shape, looks, number, drawn=not given)
            looks, number, last = [], None, shape
        elif token in ("is", "are", "be", "in") and last:
            continue
        elif token not in ("and", "with", "a", "an", "the", "exactly"):
            found += _of_phrase(last, looks, None, drawn=False)
            looks, number = [], None
    return [*found, *_of_phrase(last, looks, None, drawn=False)]


def _of_phrase(shape: str, looks: list[str], number: int | None, *, drawn: bool) -> list[Mention]:
    """A thing with its looks and number; `drawn`: it can be asked for by its looks."""
    said = " ".join(filter(None, (*looks, shape)))
    of = frozenset([shape]) if shape in SHAPES or shape == "background" else frozenset[str]()
    line = None
    if drawn and shape in SHAPES and number is not None:
        line = ("count", print_count(number, said)) if 1 <= number <= 6 else None
    elif drawn and shape in SHAPES:
        # Sizes and fills stand behind the colour in a name.
        line = ("presence", print_presence(print_name(shape, " ".join(reversed(looks))))) if looks else None
    elif shape == "background" and len(looks) == 1:
        line = ("attribute", print_background(looks[0]))
    made = [Mention("colour", said, frozenset([look]), of, line) for look in looks if look not in _IDLE]
    if shape in SHAPES:
        made.append(Mention("word", said, of, line=line))
    if number is not None and number != 1:
        made.append(Mention("number", said, frozenset([f"#{number}"]), of, line))
    return made


def _number(token: str) -> int | None:
    if token.isdigit():
        return int(token)
    return NUMBERS[token] if token in NUMBERS and token not in ("a", "an", "no", "another", "single") else None
