"""What was spoken of in a request so far: its things, which of them words mean, and what is said of them."""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from typing import Final

from omniagent.tools.dialects.listed.draws.chunks import Chunk
from omniagent.tools.dialects.listed.draws.looks import (
    NotRead,
    check_number,
    looking,
    moved,
    said,
    spare,
    things_of,
    value,
)
from omniagent.tools.dialects.listed.draws.parts import COLOURS, LOOK, NUMBER, number_of
from omniagent.tools.dialects.listed.draws.scene import Asked, Link, Things

_RANKS: Final = {
    "1": 0, "one": 0, "first": 0, "former": 0, "2": 1, "two": 1, "second": 1, "latter": 1, "3": 2, "three": 2,
    "third": 2, "4": 3, "four": 3, "last": -1,
}  # fmt: skip


@dataclass
class Pending:
    """A relation that waits for its second group; `first` is None where it was said before both."""

    name: str
    first: int | None


class Talk:
    """The things of a request, and what its next words may refer to: the last thing, the topic, the one divided up."""

    def __init__(self) -> None:
        self.asked = Asked()
        self.last: int | None = None
        self.subject: int | None = None
        self.earlier: int | None = None
        self.topic: int | None = None
        self.splitting = False
        self.skip_it = False
        self.pending: Pending | None = None
        self.waiting: list[Things] = []
        self.front: tuple[str, int] | None = None
        self.place: dict[str, str] = {}
        self.fresh = True
        self.host: int | None = None
        self.between: list[int] | None = None
        self.wrong = False
        self.shared: int | None = None
        self.order: str | None = None
        self.unknown: list[str] = []
        self.ahead: list[Chunk] = []
        self.vague_number = False
        self.lead: int | None = None
        self.unnumbered = False
        self.homeless = ""

    def thing(self, match: re.Match[str]) -> None:
        words, the = match["thing"], match["the"]
        things = things_of(words, match["number"], self.asked, the=bool(the))
        self.vague_number = match["number"] is None and not the and things.count > 1
        if self.wrong and self.waiting:
            self.waiting, self.wrong = [], False
        if self.wrong and self.last is not None and not the:
            self.asked.groups[self.last] = replace(things, place=self.asked.groups[self.last].place)
            self.wrong = False
            return
        # "red circle is small": without an article it may be one that was spoken of.
        if self.lead is not None and self.vague_number and words.endswith("s"):
            # "four of the same thing: small stars"
            check_number(self.lead)
            things, self.lead = replace(things, count=self.lead), None
            self.asked.assumptions.pop()
        index = self._known(things, bool(the) or (match["number"] is None and things.count == 1))
        if index is None and (match["number"] or "").startswith("another"):
            index = self._more(things)
        fresh = index is None
        if index is None:
            index = self._new(things)
            self.unnumbered = self.unnumbered or (index == 0 and match["number"] is None)
        self.arrived(index, fresh)

    def _new(self, things: Things) -> int:
        for one in self.waiting:
            # "a red and a blue star": the noun comes with the last.
            self.asked.groups.append(replace(one, shape=things.shape))
        self.waiting = []
        self.asked.groups.append(replace(things, **self.place))
        self.place = {}
        return len(self.asked.groups) - 1

    def _more(self, things: Things) -> int | None:
        for index, group in enumerate(self.asked.groups):
            if group.fits(things) and things.fits(replace(group, place=None, side=None)):
                self.asked.groups[index] = replace(group, count=group.count + 1)
                return index
        return None

    def _known(self, things: Things, the: bool) -> int | None:
        if not the:
            return None
        fitting = [i for i, group in enumerate(self.asked.groups) if group.fits(things)]
        many = things.count > 1

        def alike(index: int) -> tuple[bool, int, int]:
            group = self.asked.groups[index]
            return (group.count > 1) == many, -group.looks, index

        return max(fitting, key=alike) if fitting else None

    def arrived(self, index: int, fresh: bool) -> None:
        moved = False
        if self.between is not None:
            self.between.append(index)
            if len(self.between) == 3:
                first, left, right = self.between
                self.asked.links += [Link(left, "left of", first), Link(first, "left of", right)]
                self.asked.assumptions.append("“between” is read as between left and right")
                self.between = None
        elif self.pending is not None and self.pending.first not in (None, index):
            self.link(self.pending.first, self.pending.name, index)
            self.pending = None
        elif self.pending is not None:
            # "above a blue square, a red circle": what stands there is still to come.
            self.front, self.pending = (self.pending.name, index), None
        elif self.front is not None and fresh:
            name, second = self.front
            self.link(index, name, second)
            self.front, moved = None, True
        self.last = index
        if fresh:
            self.topic = self.topic if moved else index
            self.shared, self.splitting = index, False
            if self.host is None:
                self.earlier, self.subject = self.subject, index

    def link(self, first: int, name: str, second: int) -> None:
        link = Link(second, "inside", first) if name == "around" else Link(first, name, second)
        self.asked.links.append(link)

    def same(self, look: str) -> None:
        if self.last is None:
            raise NotRead("the same as what")
        group = replace(self.asked.groups[self.last], count=1, place=None, side=None)
        self.asked.groups.append(looking(group, look))
        self.arrived(len(self.asked.groups) - 1, fresh=True)

    # Looks

    def bare(self, match: re.Match[str], following: Chunk | None) -> None:
        looks, which = match["looks"], match["which"]
        if self.wrong and self.last is not None:
            self.post(looks)
            return
        count = 1
        if re.fullmatch(rf"(?:{NUMBER})(?: of \w+)?", which):
            count = number_of(re.sub(r" of (?:them|these|those|which)$", "", which)) or 1
        whole = self.shared
        if whole is not None and self._divides(whole, looks):
            rest = "other" in which or "rest" in which or "remaining" in which
            self.last = self._divided(whole, looks, self.asked.groups[whole].count if rest else count)
            return
        if self.last is not None and re.match(r"another|the other|other", which):
            group = replace(self.asked.groups[self.last], count=1, place=None, side=None, colour=None)
            self.asked.groups.append(looking(group, looks))
            self.arrived(len(self.asked.groups) - 1, fresh=True)
            return
        if self.last is not None and re.search(r" ones?$", match.group()):
            group = replace(self.asked.groups[self.last], count=count, place=None, side=None)
            self.asked.groups.append(looking(group, looks))
            self.arrived(len(self.asked.groups) - 1, fresh=True)
            return
        self.waiting.append(looking(Things(count=count), looks))

    def _divided(self, whole: int, looks: str, count: int) -> int:
        """So many of a group told apart from it by their looks; which group they are."""
        group, self.splitting = self.asked.groups[whole], True
        part = looking(replace(group, count=count), looks)
        if group.count <= count:
            self.asked.groups[whole] = part
            return whole
        self.asked.groups[whole] = replace(group, count=group.count - count)
        self.asked.groups.insert(whole, part)
        self.asked.links = [moved(link, whole) for link in self.asked.links]
        self.shared = whole + 1
        return whole

    def _divides(self, whole: int, looks: str) -> bool:
        group = self.asked.groups[whole]
        return (group.count > 1 or self.splitting) and spare(group, looks)

    def post(self, looks: str, *, everyone: bool = False) -> None:
        if self.last is None:
            self.homeless = self.homeless or looks
            return
        group = self.asked.groups[self.last]
        words = re.findall(LOOK, looks)
        if len(words) == group.count > 1 and len(set(words)) > 1 and all(word in COLOURS for word in words):
            # "three beads in pink, cyan and blue"
            self._split([replace(group, count=1, colour=word) for word in words])
            return
        if everyone:
            # "a circle and a ring, both cyan"
            for index, each in enumerate(self.asked.groups):
                if index != self.last and spare(each, looks):
                    self.asked.groups[index] = looking(each, looks)
        for word in words:
            held = looking(group, word)
            if not self.wrong and said(group, word) not in (None, value(word)):
                raise NotRead("two looks of one thing")
            group = held
        self.asked.groups[self.last] = group
        self.wrong = False

    def _split(self, parts: list[Things]) -> None:
        at = self.last
        assert at is not None
        self.asked.groups[at : at + 1] = parts
        for _ in parts[1:]:
            self.asked.links = [moved(link, at + 1) for link in self.asked.links]
        self.last = at + len(parts) - 1

    def those(self, looks: str) -> None:
        """ "the red one": a thing by its looks alone."""
        things = looking(Things(), looks)
        fitting = [i for i, group in enumerate(self.asked.groups) if group.fits(things)]
        if not fitting and self.shared is not None and self._divides(self.shared, looks):
            fitting = [self._divided(self.shared, looks, 1)]
        if not fitting:
            raise NotRead("the one that was not named")
        self.arrived(fitting[-1], fresh=False)

    def ranked(self, rank: str, *, announced: bool) -> None:
        number = _RANKS[rank]
        if announced:
            return
        if number >= len(self.asked.groups):
            raise NotRead("a thing by a number that none has")
        self.arrived(number if number >= 0 else len(self.asked.groups) - 1, fresh=False)

    def amount(self, words: str) -> None:
        if self.last is None:
            self.lead = number_of(words)
            return
        count = number_of(words)
        if not (self.wrong or self.vague_number):
            if count in (self.asked.groups[self.last].count, self.asked.objects):
                # "three squares and a ring, four in total"
                return
            raise NotRead("a number of nothing")
        check_number(count)
        self.asked.groups[self.last] = replace(self.asked.groups[self.last], count=count or 1)
        self.asked.assumptions = [each for each in self.asked.assumptions if "is read as two" not in each]
        self.wrong = self.vague_number = False

    def turned(self, thing: str) -> None:
        if self.last is None:
            raise NotRead("nothing to turn")
        shape = re.sub("^an? ", "", thing)
        self.asked.groups[self.last] = replace(self.asked.groups[self.last], shape=shape)
        self.wrong = False

    def announced(self) -> None:
        """ "two shapes: a ring and a star": a number of things that are named afterwards is not of further ones."""
        first, rest = self.asked.groups[0], self.asked.groups[1:]
        plain = first.shape is None and first.place is None
        linked = any(0 in (link.first, link.second) for link in self.asked.links)
        if (
            plain
            and rest
            and not linked
            and (self.unnumbered or first.count in (sum(each.count for each in rest), len(rest), 3))
        ):
            self.asked.groups = [
                replace(
                    each, size=each.size or first.size, fill=each.fill or first.fill, colour=each.colour or first.colour
                )
                for each in rest
            ]
            self.asked.links = [Link(link.first - 1, link.name, link.second - 1) for link in self.asked.links]
            self.asked.assumptions = [each for each in self.asked.assumptions if "objects" not in each]
