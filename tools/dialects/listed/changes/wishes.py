"""Changes of a picture as data: of which thing, and what it shall become; a thing is named as a person names it."""

from __future__ import annotations

import re
from dataclasses import dataclass, field, replace
from typing import Final, Literal

from omniagent.tools.dialects.listed.draws.looks import looking
from omniagent.tools.dialects.listed.draws.parts import CORNER, LOOK, NOUN, NUMBERS, SHAPES
from omniagent.tools.dialects.listed.draws.scene import Things
from omniagent.tools.dialects.listed.notation import article, plural

Kind = Literal[
    "remove",
    "only",
    "restyle",
    "reshape",
    "move",
    "swap",
    "add",
    "copy",
    "recount",
    "background",
    "alike",
    "swap_looks",
]
Look = Literal["colour", "size", "fill"]
STEPS: Final = {"a bit left": (-1, 0), "a bit right": (1, 0), "a bit up": (0, -1), "a bit down": (0, 1)}
BESIDE: Final = "next to"
NUMBER_WORDS: Final = ("zero", "one", "two", "three", "four", "five", "six")

_PRONOUN: Final = re.compile(r"(?:it|that|this|them|they|that one|this one|the same(?: one)?)")
_ALL: Final = re.compile(
    r"(?:both|all|every|each|any|everything|anything)\b|(?:the )?(?:two|three|four|five|six|[2-6]) "
)
_SIDES: Final = re.compile(
    rf"\b(?:{CORNER}|centre|center|middle|central|(?:top|bottom|left|right|upper|lower)(?=\b| ?most|-most))"
)
_SAME_SIDE: Final = {
    "center": "centre", "middle": "centre", "central": "centre", "upper": "top", "lower": "bottom"
}  # fmt: skip


@dataclass(frozen=True)
class Target:
    """What a change is of.

    Attributes:
        looks: The look and noun that were said; what was not said is None.
        place: One of the nine places, where it was named by that.
        every: Whether all that fit are meant.
        pronoun: Whether it is what was spoken of before, or the only thing there is.
        last: Of several that fit the last one ("one of the stars") is as good as any.
    """

    looks: Things = field(default_factory=Things)
    place: str | None = None
    every: bool = False
    pronoun: bool = False
    last: bool = False

    @property
    def words(self) -> str:
        """The target in the model's own words, without an article."""
        where = f" at the {self.place}" if self.place else ""
        return f"{plural(self.looks.words, 2 if self.every else 1)}{where}"


@dataclass(frozen=True)
class Wish:
    """One change.

    Attributes:
        kind: What is done; `only` removes all other things, `alike` takes one `look` of another thing.
        of: The thing that changes; `other` is the second one of a swap, or the one that a place is told by.
        looks: The look that it gets, or the thing that is added, or the group that is counted.
        shape: The shape that it gets.
        place: Where it goes: one of the nine places, one of `STEPS`, or a relation to `other`.
        number: How many there shall be, or be added or removed (`more`, `fewer`).
        ground: The new background.
        look: Which look is taken over or swapped.
    """

    kind: Kind
    of: Target = field(default_factory=Target)
    other: Target | None = None
    looks: Things = field(default_factory=Things)
    shape: str | None = None
    place: str | None = None
    number: int | None = None
    more: bool = False
    fewer: bool = False
    ground: str | None = None
    look: Look = "colour"

    @property
    def text(self) -> str:
        """The change in the model's own grammar."""
        the = "it" if self.of.pronoun else f"the {self.of.words}"
        other = self.other.words if self.other else ""
        match self.kind:
            case "remove":
                return f"remove {the}"
            case "restyle":
                return f"make {the} {_looks(self.looks)}"
            case "reshape":
                return f"turn {the} into {article(self.shape or 'circle')}"
            case "move":
                return f"move {the} {self._where}"
            case "only":
                return f"remove all but {the}"
            case "swap":
                return f"swap {the} and the {other}"
            case "swap_looks":
                return f"swap the {self.look}s of {the} and the {other}"
            case "alike":
                return f"make {the} the same {self.look} as the {other}"
            case "copy":
                return f"add a copy of {the} {self._where}".strip()
            case "add":
                return f"add {self.looks.counted} {self._where}".strip()
            case "recount":
                return self._recount
            case "background":
                return f"make the background {self.ground}"

    @property
    def _where(self) -> str:
        if self.place is None:
            return ""
        if self.other:
            # The model's own grammar has no word for "next to".
            return f"{'left of' if self.place == BESIDE else self.place} the {self.other.words}"
        if self.place in STEPS:
            return self.place
        return f"{'to' if self.kind == 'move' else 'at'} the {self.place}"

    @property
    def _recount(self) -> str:
        number = self.number or 0
        noun = plural(self.looks.words, number)
        if self.more:
            return f"add {NUMBER_WORDS[number]} more {noun}"
        if self.fewer:
            return f"remove {NUMBER_WORDS[number]} of the {plural(self.looks.words, 2)}"
        return f"make it {NUMBER_WORDS[number]} {noun}"


def _looks(group: Things) -> str:
    size = {"large": "larger", "small": "smaller"}.get(group.size or "")
    return " and ".join(word for word in (size, group.fill, group.colour) if word)


def target_of(words: str) -> Target:
    """The target that a noun phrase names; its words are the model's own."""
    text = words.strip()
    if _PRONOUN.fullmatch(text):
        return Target(pronoun=True)
    place = place_in(text) if _SIDES.search(text) else None
    head = re.split(r" (?:that|which|in|at|on|near|by)\b", text, maxsplit=1)[0]
    group = looking(Things(), text)
    nouns = re.findall(NOUN, text)
    shape = nouns[-1].removesuffix("s") if nouns else None
    group = replace(group, shape=shape if shape in SHAPES else None)
    for fill, way in (("striped", "with stripes"), ("dotted", "with dots")):
        group = replace(group, fill=fill) if way in text else group
    several = _ALL.match(head) is not None or bool(nouns and nouns[-1].endswith("s"))
    return Target(group, place, every=several, last=re.match(r"(?:one|any)(?: of)?\b", head) is not None)


def place_in(words: str) -> str | None:
    """One of the nine places that words end with."""
    found = _SIDES.findall(words)
    if not found:
        return None
    return _SAME_SIDE.get(found[-1], found[-1])


def counted(number: str) -> int:
    """What a number's words say."""
    text = number.removeprefix("exactly ").removeprefix("a ").removesuffix(" of")
    return int(text) if text.isdigit() else NUMBERS[text.split()[-1]]


def looks_in(words: str) -> Things:
    """The looks that words say."""
    return looking(Things(), " ".join(re.findall(LOOK, words)))
