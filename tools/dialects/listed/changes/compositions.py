"""Reads requests for a picture that is put together from given ones, and tells them of the things that were seen."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from omniagent.tools.dialects.drafts import RequirementDraft
from omniagent.tools.dialects.listed.cells import middle_of
from omniagent.tools.dialects.listed.changes.grounding import Grounded
from omniagent.tools.dialects.listed.changes.patterns import patterns
from omniagent.tools.dialects.listed.changes.pictures import Picture, Seen, meant, picture_of
from omniagent.tools.dialects.listed.changes.wishes import Target, place_in, target_of
from omniagent.tools.dialects.listed.draws.parts import MOST
from omniagent.tools.dialects.listed.draws.wording import in_own_words, without_ground
from omniagent.tools.dialects.listed.notation import (
    print_background,
    print_layout,
    print_name,
    print_presence,
    print_relation,
    print_total,
)
from omniagent.tools.dialects.listed.plain_words import plain_request

_CANVAS: Final = "white"
_LONGEST: Final = 400
_ORDINALS: Final = {"first": 1, "second": 2, "third": 3, "fourth": 4, "fifth": 5, "1st": 1, "2nd": 2, "3rd": 3}
_RANKS: Final = {
    **_ORDINALS, "one": 1, "two": 2, "three": 3, "four": 4, "five": 5,
}  # fmt: skip
_IMAGE: Final = r"(?:image|picture|photo|pic|img|drawing)"
_SIGNS: Final = {"left of": "L", "right of": "R", "above": "A", "below": "B"}
_NAMES: Final = {sign: name for name, sign in _SIGNS.items()}
_OPPOSITE: Final = {"L": "R", "R": "L", "A": "B", "B": "A"}
_RELATIONS: Final = (
    (r"(?:(?:to|on|at) )?(?:the )?left(?: side)? of", "L"), (r"(?:(?:to|on|at) )?(?:the )?right(?: side)? of", "R"),
    (r"(?:above|over|on top of)", "A"), (r"(?:below|under|underneath|beneath)", "B"),
    (r"(?:to|on|at) its left", "L it"), (r"(?:to|on|at) its right", "R it"),
)  # fmt: skip
_FILLER: Final = re.compile(
    r"\b(?:please|put|place|take|draw|show|use|combine|make|have|let|get|give|me|i|we|want|would|like|need|want to|the"
    r"|a|an|one|new|picture|image|scene|with|and|together|both|in|same|to|be|is|are|goes|go|should|hello|hi|hey|now"
    r"|thanks|thank|you|nothing|else|some|pictures|images|from|of|only|just|alone|can|could|as|it|same|all|plus|next"
    r"|then|so|but|that|this|single|also|object|for|them|there|copy|paste|insert|add|added|cut|bring|move|combined|everything|against|must|altogether|there|has|its|way|further|more|than)\b"
)
_FORMS: Final = (
    (re.compile(r"M0 ([LRAB]) M1"), False), (re.compile(r"M0 M1 F ([LRAB]) S"), False),
    (re.compile(r"([LRAB]) M0 M1"), True), (re.compile(r"M0 M1 ([LRAB]) P"), True),
    (re.compile(r"M0 ([LRAB]) P M1"), True),
)  # fmt: skip
"""What two things and a relation look like in a row of signs, and whether it is the second that is related."""


@dataclass(frozen=True)
class Composition:
    """What a request puts together.

    Attributes:
        parts: Each thing, with the number of the picture that it comes from.
        base: The picture that stays and gets the thing, 0 without one.
        place: Where the thing goes in the base.
        relation: Of the first thing to the second one.
        ground: A named background; `ground_from` is the number of the picture whose background is used, else 0.
        assumptions: What was read as nearly the same, in sentences.
    """

    parts: tuple[tuple[Target, int], ...]
    base: int = 0
    place: str | None = None
    relation: str | None = None
    ground: str | None = None
    ground_from: int = 0
    assumptions: tuple[str, ...] = ()

    @property
    def text(self) -> str:
        """The request in the model's own grammar."""
        said = [f"the {target.words} from image {number}" for target, number in self.parts]
        if self.base:
            return f"image {self.base} with {said[0]} added at the {self.place}"
        link = {"left of": "to the left of", "right of": "to the right of"}.get(self.relation or "", self.relation)
        body = f"{said[0]} {link} {said[1]}" if link else " and ".join(said)
        if self.ground_from:
            return f"{body} on the background of image {self.ground_from}"
        return f"{body} on a {self.ground} background" if self.ground else body


def composition_in(words: str, pictures: int, *, held_out: bool = True) -> Composition | None:
    """What a request about so many pictures puts together; None where these rules cannot read it whole."""
    plain = plain_request(words).lower()
    if len(plain) > _LONGEST or not pictures:
        return None
    plain = re.sub(rf"^(?:here are|i have|these are) (?:some|two|three|\d|my) {_IMAGE}s\b", " ", plain)
    plain = re.sub(rf"\b(?:the )?({'|'.join(_ORDINALS)}) {_IMAGE}\b", lambda m: f"image {_RANKS[m[1]]}", plain)
    plain = re.sub(rf"\b{_IMAGE} ?(?:no\.? ?|number |#)?({'|'.join(_RANKS)}|\d)\b", _numbered, plain)
    # "In the middle of image 1" is a place, and no thing that it lies in.
    plain = re.sub(r"\b(?:in|at) the (?:middle|centre|center) of (?=image \d)", "in the centre , in ", plain)
    text, assumptions = in_own_words(plain, held_out=held_out)
    text = re.sub(r"\bimage (\d)'s background\b", r"the background of image \1", text)
    ground_from, text = _taken(
        text, r"(?:(?:on|over|against|with|use|using|take|in front of|upon) )?(?:and )?(?:the )?background"
        r"(?: of| from| out of| in|:| is)*(?: the)? image (?P<n>\d)"
    )  # fmt: skip
    ground = None
    if not ground_from:
        text, ground = without_ground(text, held_out=held_out)
    parts: list[tuple[Target, int]] = []

    def part(match: re.Match[str]) -> str:
        parts.append((target_of(match["it"]), int(match["n"])))
        return f" M{len(parts) - 1} "

    text = _part(held_out).sub(part, f" {text} ")
    base, text = _taken(text, r"(?:(?:to|into|onto|in|on|of|keep|use) )?image (?P<n>\d)(?: as (?:it is|is))?")
    place = None
    if base:
        found = re.search(_place(held_out), text)
        if found is None:
            return None
        place, text = place_in(found.group()), text.replace(found.group(), " ")
    for pattern, sign in _RELATIONS:
        text = re.sub(rf"\b{pattern}\b", f" {sign} ", text)
    text = re.sub(r"\b([LRAB]) +(?:it|that|this)\b", r"\1 P", text)
    text = re.sub(r"\bthe first(?: one)?\b", " F ", re.sub(r"\bthe second(?: one)?\b", " S ", text))
    signs = " ".join(re.sub(r"[,.;:!?&+/-]", " ", _FILLER.sub(" ", text)).split())
    numbers = [number for _, number in parts]
    if not parts or max((*numbers, base, ground_from)) > pictures or any(one.pronoun or one.every for one, _ in parts):
        return None
    if base:
        fits = signs == "M0" and len(parts) == 1 and numbers[0] != base and not (ground or ground_from)
        return Composition(tuple(parts), base, place, assumptions=assumptions) if fits else None
    relation = _related(signs)
    if relation is None and signs != " ".join(f"M{at}" for at in range(len(parts))):
        return None
    if len(parts) == 2 and numbers[0] > numbers[1]:
        # Instructions name the things in the order of their pictures.
        parts.reverse()
        relation = None if relation is None else _NAMES[_OPPOSITE[_SIGNS[relation]]]
    return Composition(tuple(parts), relation=relation, ground=ground, ground_from=ground_from, assumptions=assumptions)


def _numbered(match: re.Match[str]) -> str:
    return f"image {_RANKS.get(match[1], match[1])}"


def _taken(text: str, pattern: str) -> tuple[int, str]:
    """The number of the picture that a pattern names, 0 for none, and the text without it."""
    found = re.search(rf"\b{pattern}\b", text)
    return (int(found["n"]), f"{text[: found.start()]} {text[found.end() :]}") if found else (0, text)


def _part(held_out: bool) -> re.Pattern[str]:
    target = patterns(held_out=held_out).target
    return re.compile(
        rf"(?<!\w)(?!it\b|them\b|that\b|this\b)(?P<it>{target}) (?:from|of|out of|in|on) image (?P<n>\d)\b"
    )


def _place(held_out: bool) -> re.Pattern[str]:
    return re.compile(patterns(held_out=held_out).place)


def _related(signs: str) -> str | None:
    for form, turned in _FORMS:
        found = form.fullmatch(signs)
        if found:
            return _NAMES[_OPPOSITE[found[1]] if turned else found[1]]
    return None


def composed(asked: Composition, seen: Sequence[str], told: str = "") -> Grounded | None:
    """The composition of pictures that were described in the listed notation; None where it does not fit these.

    Args:
        asked: What is put together.
        seen: The description of each picture.
        told: How the planner told it, which decides where a name fits several things.
    """
    pictures = [picture_of(one) for one in seen]
    chosen: list[tuple[Seen, Picture]] = []
    for target, number in asked.parts:
        picture = pictures[number - 1] if number <= len(pictures) else None
        found = meant(target, picture.things) if picture else []
        if picture is not None and len(found) > 1:
            found = [at for at in found if f"{picture.things[at].name} from image {number}" in told]
        if picture is None or len(found) != 1:
            return None
        chosen.append((picture.things[found[0]], picture))
    names = [_name(thing, picture) for thing, picture in chosen]
    if asked.base:
        return _added(asked, pictures[asked.base - 1] if asked.base <= len(pictures) else None, chosen[0][0], names[0])
    source = pictures[asked.ground_from - 1] if 0 < asked.ground_from <= len(pictures) else None
    if asked.ground_from and source is None:
        return None
    ground = source.ground if source else asked.ground
    cells = _cells(len(chosen), asked.relation)
    spots = [
        (f"{name} from image {number}", f"at {middle_of(cell)}")
        for name, (_, number), cell in zip(names, asked.parts, cells, strict=True)
    ]
    lines = [_presence(thing, None) for thing, _ in chosen]
    if asked.relation:
        first, second = (f"the {thing.look}" for thing, _ in chosen)
        question = print_relation(first, asked.relation, second, 1)
        lines.append(RequirementDraft(kind="relation", question=question))
    if ground:
        lines.append(RequirementDraft(kind="attribute", question=print_background(ground)))
    lines.append(RequirementDraft(kind="count", question=print_total(len(chosen))))
    return Grounded(print_layout(ground or _CANVAS, spots), tuple(lines), ())


def _name(thing: Seen, picture: Picture) -> str:
    """The thing as the model's lessons name it: with its size and place only where another looks alike."""
    alike = sum(other.kind == thing.kind for other in picture.things)
    return thing.name if alike > 1 else print_name(thing.shape, _plain(thing))


def _plain(thing: Seen) -> str:
    return " ".join(word for word in (thing.colour, thing.fill) if word)


def _presence(thing: Seen, place: str | None) -> RequirementDraft:
    return RequirementDraft(kind="presence", question=print_presence(print_name(thing.shape, _plain(thing), place)))


def _added(asked: Composition, base: Picture | None, thing: Seen, name: str) -> Grounded | None:
    if base is None or asked.place is None or len(base.things) >= MOST:
        return None
    number = asked.parts[0][1]
    lines = [RequirementDraft(kind="presence", question=print_presence(one.name)) for one in base.things]
    lines.append(_presence(thing, asked.place))
    lines.append(RequirementDraft(kind="attribute", question=print_background(base.ground)))
    lines.append(RequirementDraft(kind="count", question=print_total(len(base.things) + 1)))
    told = f"image {asked.base} with the {name} from image {number} added at {middle_of(asked.place)}"
    return Grounded(told, tuple(lines), ())


def _cells(things: int, relation: str | None) -> tuple[str, ...]:
    match relation:
        case "left of":
            return ("left", "right")
        case "right of":
            return ("right", "left")
        case "above":
            return ("top", "bottom")
        case "below":
            return ("bottom", "top")
        case _:
            return {1: ("centre",), 2: ("left", "right")}.get(
                things, ("top left", "top right", "bottom left", "bottom right", "centre")[:things]
            )
