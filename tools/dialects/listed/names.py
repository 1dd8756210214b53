"""Keeps the names of a plan true to what the plan itself says it sees.

A small planner that has read a picture rightly may still mix two things up when it names one of them again: the colour
of one with the place of the other. Where a description is in the listed notation its names can be checked; prose is
left alone.
"""

import re
from collections.abc import Sequence

from omniagent.tools.dialects.listed.notation import (
    IMAGE_KEPT,
    NAME,
    NAME_FROM_IMAGE,
    Name,
    name_of,
    names_in,
    read_description,
    read_presence,
)

_CLAUSE = re.compile(r"\s*(?P<verb>\w+ )??(?:the |an? )?(?P<name>\w+ \([^()]+\))")
_KEEPING = ("keep ", "leave ", "preserve ")


def _described(descriptions: Sequence[str]) -> tuple[Name, ...]:
    return tuple(name for description in descriptions for name in read_description(description) or ())


def named_as_seen(text: str, seen: Sequence[str]) -> str:
    """Replace every name that is missing from the descriptions with the described one that it is most like.

    Alike are things of one noun that share most properties, then the place; where two are equally like it, or none has
    that noun, the name stays. A name ``from image 2`` is held to that picture; of the others only those with a place
    are looked at, and names without a place may leave properties out.
    """

    def of_image(found: re.Match[str]) -> str:
        number = int(found[4])
        return _nearest(name_of(found), _described(seen[number - 1 : number]))

    def placed(found: re.Match[str]) -> str:
        name = name_of(found)
        return name.text if name.place is None else _nearest(name, _described(seen))

    return NAME.sub(placed, NAME_FROM_IMAGE.sub(of_image, text))


def _nearest(name: Name, known: Sequence[Name]) -> str:
    alike = [other for other in known if other.noun == name.noun]
    if any(other.text == name.text or (not name.place and name.properties <= other.properties) for other in alike):
        return name.text
    ranked = sorted({(_unlike(name, other), other.text) for other in alike})
    if not ranked or (len(ranked) > 1 and ranked[0][0] == ranked[1][0]):
        return name.text
    return ranked[0][1]


def _unlike(name: Name, other: Name) -> tuple[int, bool]:
    return len(name.properties ^ other.properties), name.place != other.place


def questions_as_seen(questions: Sequence[str], seen: Sequence[str], change: str) -> tuple[str | None, ...]:
    """The questions of an edit's checklist, those for things that it leaves alone as these were seen.

    A name that no description has is corrected when just one seen thing has its noun and its properties, or else its
    noun and its place, the change neither names that thing nor has its noun in free words, and no other question asks
    for it. A question for what the change acts on, just as it was before, contradicts the change and becomes None,
    unless two things have that name or nothing else is asked; a thing that moves so little that its place keeps its
    word loses its question too.
    """
    named, free = names_in(change), set(re.findall(r"\w+", NAME.sub(" ", change).lower()))

    def touched(one: Name) -> bool:
        partly = (n.place is None and n.noun == one.noun and n.properties <= one.properties for n in named)
        return one.noun in free or one.text in {n.text for n in named} or any(partly)

    left = [name for name in _described(seen) if not touched(name)]
    asked = {name.text for question in questions for name in names_in(question)}
    known = [name.text for name in _described(seen)]

    def settled(found: re.Match[str]) -> str:
        name = name_of(found)
        kin = [one for one in left if one.noun == name.noun]
        alike = [one for one in kin if one.properties == name.properties]
        alike = alike or [one for one in kin if one.place == name.place]
        if name.place is None or name.text in known or len(alike) != 1 or alike[0].text in asked:
            return name.text
        return alike[0].text

    gone = {name for name in _acted_on(change) if known.count(name) == 1}
    kept = [None if read_presence(question) in gone else NAME.sub(settled, question) for question in questions]
    return tuple(kept) if any(kept) else tuple(questions)


def _acted_on(change: str) -> set[str]:
    """The placed names that a change's clauses begin with, after a verb or none: ``swap the A and the B``."""
    clauses = (_CLAUSE.match(clause) for clause in re.split(r"\band\b|[.;]", change))
    return {found["name"] for found in clauses if found and found["verb"] not in _KEEPING and ", " in found["name"]}


def questions_as_told(questions: Sequence[str], seen: Sequence[str], instruction: str) -> tuple[str, ...]:
    """The questions of a composition's checklist, each for a thing that will be in it.

    That is one that the instruction names, or one that was seen in a picture that stays (``image 1 with …``). Another
    name gets the properties of the instruction's thing of its noun, if there is just one for which no question asks; so
    do its words in other questions (``the dotted blue circle`` for ``circle (blue dotted)``).
    """
    parts = [name_of(found) for found in NAME_FROM_IMAGE.finditer(instruction)]
    bases = [int(number) for number in IMAGE_KEPT.findall(instruction)]
    known = [*parts, *(name for number in bases for name in _described(seen[number - 1 : number]))]
    asked = {(n.noun, n.properties): n for question in questions for n in names_in(question)}.values()

    def fits(name: Name, other: Name) -> bool:
        return name.noun == other.noun and name.properties <= other.properties

    free = [part for part in parts if not any(fits(name, part) for name in asked)]
    mended = tuple(questions)
    for name in asked:
        alike = [part for part in free if part.noun == name.noun]
        if any(fits(name, other) for other in known) or len(alike) != 1:
            continue
        free.remove(alike[0])
        mended = tuple(_renamed(question, name, alike[0]) for question in mended)
    return mended


def _renamed(question: str, old: Name, new: Name) -> str:
    """The question with one thing's properties for another's of the same noun; places stay."""
    words = new.text.partition("(")[2].rstrip(")").split(",")[0].split()

    def listed(found: re.Match[str]) -> str:
        name = name_of(found)
        if (name.noun, name.properties) != (old.noun, old.properties):
            return name.text
        return f"{found[1]} ({' '.join(words)}{f', {name.place}' if name.place else ''})"

    def spoken(found: re.Match[str]) -> str:
        if frozenset(found["words"].lower().split()) != old.properties:
            return found[0]
        one = "" if not found["article"] else "an " if words[-1][0] in "aeiou" else "a "
        return f"{one}{' '.join(reversed(words))} "

    run = rf"(?P<words>(?:\w+ ){{{len(old.properties)}}})"
    phrase = re.compile(rf"\b(?P<article>an? )?{run}(?={re.escape(old.noun)}s?\b)", re.IGNORECASE)
    return phrase.sub(spoken, NAME.sub(listed, question))
