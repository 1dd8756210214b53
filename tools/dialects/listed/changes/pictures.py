"""A picture as it was described in the listed notation, and which of its things a person means."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from omniagent.tools.dialects.listed.cells import WHERE
from omniagent.tools.dialects.listed.changes.wishes import Target
from omniagent.tools.dialects.listed.draws.parts import COLOURS, FILLS, SIZES
from omniagent.tools.dialects.listed.notation import Name, print_name, read_background, read_description

_MISS: Final = {"shape": 4, "colour": 2, "fill": 1, "size": 1}
"""How much a look that was said and not seen speaks against a thing: sizes and fills are the easiest to mistake."""
_MOST_MISSED: Final = 2


@dataclass(frozen=True)
class Seen:
    """One thing of a picture; `cell` None: where it is does not matter. A solid fill and a medium size are None."""

    shape: str
    colour: str
    fill: str | None
    size: str | None
    cell: str | None

    @property
    def properties(self) -> str:
        """Its colour, fill and size as a name lists them."""
        return " ".join(word for word in (self.colour, self.fill, self.size) if word)

    @property
    def name(self) -> str:
        """`star (blue striped small, top left)`."""
        return print_name(self.shape, self.properties, self.cell)

    @property
    def words(self) -> str:
        """`small striped blue star`."""
        return " ".join(word for word in (self.size, self.look) if word)

    @property
    def look(self) -> str:
        """`striped blue star`."""
        return " ".join(word for word in (self.fill, self.colour, self.shape) if word)

    @property
    def kind(self) -> tuple[str, str, str | None]:
        """What makes two things look alike, their sizes aside."""
        return self.shape, self.colour, self.fill

    def misses(self, target: Target) -> int:
        """How much speaks against this being the thing that is meant; 0 where all that was said fits."""
        said = target.looks
        pairs = (
            ("shape", said.shape, self.shape), ("colour", said.colour, self.colour),
            ("fill", said.fill, self.fill or "solid"), ("size", said.size, self.size),
        )  # fmt: skip
        missed = sum(_MISS[field] for field, word, own in pairs if word is not None and word != own)
        if target.place is None or self.cell is None or self.cell == target.place:
            return missed
        (x, y), (a, b) = WHERE[target.place], WHERE[self.cell]
        # "the star on the left" may be at the top left.
        beside = (x, y) != (1, 1) and ((y == 1 and a == x) or (x == 1 and b == y))
        return missed + (1 if beside else 3)


def meant(target: Target, things: Sequence[Seen]) -> list[int]:
    """The things that fit a target best, by their numbers; none where nothing is near enough."""
    missed = [one.misses(target) for one in things]
    least = min(missed, default=_MOST_MISSED + 1)
    return [at for at, each in enumerate(missed) if each == least] if least <= _MOST_MISSED else []


@dataclass(frozen=True)
class Picture:
    """A described picture: its background and its things in the order of the description."""

    ground: str
    things: tuple[Seen, ...]


def differing(one: Seen, asked: Seen) -> list[str]:
    """The looks that are asked for and not there; no size is asked for where none is told."""
    wanted = {"shape": asked.shape, "colour": asked.colour, "fill": asked.fill, "size": asked.size or one.size}
    return [look for look, value in wanted.items() if getattr(one, look) != value]


def picture_of(description: str) -> Picture | None:
    """The picture that a description in the listed notation tells of; None for prose."""
    names, ground = read_description(description), read_background(description)
    if names is None or ground is None:
        return None
    things = [seen_of(name) for name in names if name.place in WHERE]
    told = tuple(one for one in things if one is not None)
    return Picture(ground, told) if len(told) == len(names) else None


def seen_of(name: Name) -> Seen | None:
    """The thing that a name tells of; None without a colour, or at a place that is none of the nine."""
    colour = next((word for word in COLOURS if word in name.properties), None)
    if colour is None or name.place not in (None, *WHERE):
        return None
    fill = next((word for word in FILLS if word in name.properties and word != "solid"), None)
    size = next((word for word in SIZES if word in name.properties), None)
    return Seen(name.noun, colour, fill, size, name.place)
