"""What a request asks for as data, and how the model's own grammar says it."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from itertools import pairwise
from typing import Final, NamedTuple

from omniagent.tools.dialects.drafts import RequirementDraft
from omniagent.tools.dialects.listed.draws.parts import CORNERS
from omniagent.tools.dialects.listed.notation import (
    article,
    plural,
    print_background,
    print_count,
    print_place,
    print_relation,
    print_total,
)

_WORDS = ("zero", "one", "two", "three", "four", "five", "six")


@dataclass(frozen=True)
class Things:
    """So many things that look alike; what was not said is None.

    `side` is a loose place ("on the left") that only counts against another group's.
    """

    count: int = 1
    size: str | None = None
    fill: str | None = None
    colour: str | None = None
    shape: str | None = None
    place: str | None = None
    side: str | None = None

    @property
    def words(self) -> str:
        """The group in the singular: `small striped blue star`; a solid fill stays unsaid."""
        fill = None if self.fill == "solid" else self.fill
        return " ".join(word for word in (self.size, fill, self.colour, self.shape or "object") if word)

    @property
    def counted(self) -> str:
        """The group with its number and place: `two small stars at the top left`."""
        noun = plural(self.words, self.count)
        text = article(noun) if self.count == 1 else f"{_WORDS[self.count]} {noun}"
        where = "in the centre" if self.place == "centre" else f"at the {self.place}" if self.place else ""
        return f"{text} {where}".strip()

    @property
    def named(self) -> str:
        """The group with a definite article: `the small stars`."""
        return f"the {plural(self.words, self.count)}"

    def fits(self, other: Things) -> bool:
        """Whether everything said of `other` is so here."""
        pairs = (
            (other.size, self.size), (_fill(other), _fill(self)), (other.colour, self.colour), (other.shape, self.shape)
        )  # fmt: skip
        return all(said is None or said == own for said, own in pairs)

    @property
    def looks(self) -> int:
        """How many of its looks are said."""
        return sum(look is not None for look in (self.size, _fill(self), self.colour, self.shape))


_OPPOSITE: Final = {"right of": "left of", "below": "above"}


def _turned(link: Link) -> Link:
    """The same relation in one of its two wordings."""
    name = _OPPOSITE.get(link.name)
    return link if name is None else Link(link.second, name, link.first)


def _fill(group: Things) -> str | None:
    return None if group.fill == "solid" else group.fill


class Link(NamedTuple):
    """`groups[first] NAME groups[second]`."""

    first: int
    name: str
    second: int


@dataclass
class Asked:
    """A request for a picture."""

    groups: list[Things] = field(default_factory=list[Things])
    links: list[Link] = field(default_factory=list[Link])
    background: str | None = None
    assumptions: list[str] = field(default_factory=list[str])

    @property
    def objects(self) -> int:
        """How many things in all."""
        return sum(group.count for group in self.groups)

    @property
    def contradiction(self) -> str:
        """Two relations that cannot both hold, in words; empty without any."""
        said = {_turned(link) for link in self.links}
        clash = next((link for link in said if Link(link.second, link.name, link.first) in said), None)
        if clash is None:
            return ""
        first, second = self.groups[clash.first].named, self.groups[clash.second].named
        return f"{first} cannot be {clash.name} {second} and the other way round"

    def settle(self) -> None:
        """Bring loose sides to relations between groups, or say that they are left open."""
        for low, high, name in (("left", "right", "left of"), ("top", "bottom", "above")):
            first = [i for i, group in enumerate(self.groups) if group.side == low]
            second = [i for i, group in enumerate(self.groups) if group.side == high]
            if first and second:
                middle = [i for i, group in enumerate(self.groups) if group.place == "centre"][:1]
                middle = middle or self._between(first[0], second[0])
                chain = [*first[:1], *middle, *second[:1]]
                self.links += [Link(a, name, b) for a, b in pairwise(chain)]
                self.groups = [
                    replace(group, place=None) if index in middle else group for index, group in enumerate(self.groups)
                ]
                continue
            for index in (*first, *second):
                group = self.groups[index]
                self.assumptions.append(
                    f"{group.named} may stand anywhere: this model promises the {', the '.join(CORNERS)} and the "
                    f"centre as places, not the {group.side}"
                )
        self.groups = [replace(group, side=None) for group in self.groups]
        self.links = list({_turned(link): link for link in reversed(self.links) if link.first != link.second}.values())
        self.links.reverse()

    def _between(self, first: int, second: int) -> list[int]:
        """Groups that are named between two that stand at opposite sides, and of which no place is said."""
        linked = {index for link in self.links for index in (link.first, link.second)}
        named = range(first + 1, second)
        free = [i for i in named if i not in linked and self.groups[i].place is None and self.groups[i].side is None]
        return free if len(free) == len(named) else []

    @property
    def checklist(self) -> tuple[RequirementDraft, ...]:
        """The questions that a plan of this request asks, in their order: numbers, places, relations, ground, total."""
        groups = self.groups
        lines = [RequirementDraft(kind="count", question=print_count(each.count, each.words)) for each in groups]
        for group in groups:
            if group.place:
                question = print_place(group.named, group.place, group.count)
                lines.append(RequirementDraft(kind="relation", question=question))
        for link in self.links:
            first, second = groups[link.first], groups[link.second]
            question = print_relation(first.named, link.name, second.named, first.count)
            lines.append(RequirementDraft(kind="relation", question=question))
        if self.background:
            lines.append(RequirementDraft(kind="attribute", question=print_background(self.background)))
        lines.append(RequirementDraft(kind="count", question=print_total(self.objects)))
        return tuple(lines)

    @property
    def text(self) -> str:
        """The request in the model's own grammar: pairs with their relation first, then the rest and the ground."""
        pairs: dict[int, Link] = {}
        taken: set[int] = set()
        for link in self.links:
            if not {link.first, link.second} & taken:
                pairs[min(link.first, link.second)] = link
                taken |= {link.first, link.second}
        body: list[str] = []
        for index, group in enumerate(self.groups):
            if index in pairs:
                link = pairs[index]
                first, second = self.groups[link.first], self.groups[link.second]
                body.append(f"{first.counted} {_spoken(link.name)} {second.counted}")
            elif index not in taken:
                body.append(group.counted)
        said = body[0] if len(body) == 1 else f"{', '.join(body[:-1])} and {body[-1]}"
        ground = f" on a {self.background} background" if self.background else ""
        after = [self._stated(link) for link in self.links if link not in pairs.values()]
        return "; ".join((f"{said}{ground}", *after))

    def _stated(self, link: Link) -> str:
        first, second = self.groups[link.first], self.groups[link.second]
        return f"{first.named} {'is' if first.count == 1 else 'are'} {_spoken(link.name)} {second.named}"


def _spoken(name: str) -> str:
    return f"to the {name}" if name in ("left of", "right of") else name
