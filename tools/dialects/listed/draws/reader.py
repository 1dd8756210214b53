"""Reads a request for a picture whose words are the model's own, in whatever order people put them."""

from __future__ import annotations

import re
from dataclasses import replace

from omniagent.tools.dialects.listed.draws.chunks import Chunk, chunks
from omniagent.tools.dialects.listed.draws.looks import NotDrawn, NotRead, check_number, relation_name
from omniagent.tools.dialects.listed.draws.parts import GROUNDS
from omniagent.tools.dialects.listed.draws.scene import Asked, Link
from omniagent.tools.dialects.listed.draws.talk import Pending, Talk


class _Reader(Talk):
    """Goes through the pieces of a request; what they say of places and relations is decided by what comes next."""

    def read(self, text: str) -> Asked:
        found = [chunk for chunk in chunks(text) if chunk.kind not in ("skip", "label")]
        for index, chunk in enumerate(found):
            self.ahead = found[index + 1 :]
            self._take(chunk, self.ahead[0] if self.ahead else None)
        if self.unknown:
            raise NotRead("unknown words", tuple(dict.fromkeys(self.unknown)))
        if self.homeless:
            raise NotDrawn(f"the task says “{self.homeless}” of no thing; name one, such as a circle or a star")
        if self.pending is not None:
            self._close_open()
        open_ended = (self.waiting, self.place, self.front, self.between, self.lead, self.wrong or None)
        if any(each is not None and each != [] and each != {} for each in open_ended):
            raise NotRead("it is not finished")
        if not self.asked.groups:
            raise NotDrawn("the task names no thing to draw; name one, such as a circle or a star")
        self.announced()
        self._ordered()
        self.asked.settle()
        check_number(self.asked.objects)
        if clash := self.asked.contradiction:
            raise NotDrawn(clash)
        for link in self.asked.links:
            host = self.asked.groups[link.second]
            if link.name == "inside" and host.shape != "ring":
                raise NotDrawn(
                    f"the task puts something inside {host.named}; this model draws things inside rings only"
                )
        return self.asked

    def _take(self, chunk: Chunk, following: Chunk | None) -> None:
        match chunk.kind:
            case "ground":
                self.asked.background = GROUNDS[chunk.match["ground"]]
            case "thing":
                self.thing(chunk.match)
            case "same":
                self.same(chunk.match["same"])
            case "wrong":
                self.wrong = True
            case "bare":
                self.bare(chunk.match, following)
            case "post":
                everyone = re.match("(?:both|all)\\b", chunk.text) is not None
                self.post(chunk.match["post"], everyone=everyone)
            case "after":
                self.post("striped" if chunk.match["after"].startswith("strip") else "dotted")
            case "place":
                self._placed("place", "centre" if chunk.match["centre"] else chunk.match["corner"], following)
            case "side":
                self._placed("side", chunk.match["side"], following)
            case "relation" | "theirs" | "between":
                self._relation(chunk, following)
            case "row" | "column":
                self.order = "left of" if chunk.kind == "row" else "above"
            case "hole":
                self.pending = Pending("inside", self.last)
                self._close_open()
            case "those":
                self.those(chunk.match["those"])
            case "named":
                self.ranked(chunk.match["rank"], announced=following is not None and following.text[0] in ":,=(")
            case "rank":
                self.ranked(chunk.match["nth"], announced=False)
            case "amount":
                self.amount(chunk.match["amount"])
            case "turned":
                self.turned(chunk.match["turned"])
            case "verb" | "there":
                self.fresh = True
                return
            case "it":
                self._pronoun()
            case "with":
                self.host = self.last
            case "and":
                self.fresh = True
                if chunk.text.strip() in (";", ".") and self.pending is not None:
                    self._close_open()
                return
            case "word":
                self.unknown.append(chunk.text)
            case _:
                return
        if chunk.kind not in ("wrong", "is", "with"):
            self.fresh = False

    def _placed(self, field: str, place: str, following: Chunk | None) -> None:
        ahead = self.fresh and following is not None and (
            following.kind in ("thing", "bare", "is") or (":" in following.text and following.kind == "and")
        )  # fmt: skip
        if self.last is None or ahead:
            self.place = {field: place}
        else:
            self.asked.groups[self.last] = replace(self.asked.groups[self.last], **{field: place})

    def _relation(self, chunk: Chunk, following: Chunk | None) -> None:
        if chunk.kind == "between":
            if self.last is None:
                raise NotRead("between what")
            self.between = [self.last]
            return
        name = relation_name(chunk.match)
        if name == "around" and self.last is None:
            return
        if name == "around" and (following is None or following.kind == "and"):
            raise NotRead("around nothing")
        if self.wrong and self.asked.links and (following is None or following.kind not in ("thing", "those")):
            # "left of a star, wait, i meant above": the same two the other way.
            self.asked.links[-1] = self.asked.links[-1]._replace(name=name)
            self.wrong = False
            return
        if chunk.kind == "theirs":
            host = self.host if self.host is not None else self._before()
            if self.fresh or self.last is None or host is None or host == self.last:
                if self.last is None:
                    raise NotRead("beside what")
                self.front = (name, self.last)
            else:
                self.link(self.last, name, host)
                self.host = None
            return
        after = following is not None and following.kind == "it" and (self.fresh or following.text == "which")
        if self.fresh and self._comes_after():
            # "directly over three circles put a square": what stands there is still to come.
            self.pending = Pending(name, None)
            return
        if after and following is not None and self.last is not None:
            # "below that, a blue square": the pronoun says what it is below.
            near = following.text in ("that", "those", "these", "this") or self.topic is None
            self.front, self.pending = (name, self.last if near or self.topic is None else self.topic), None
            self.skip_it = True
            return
        first = self.last
        if self.fresh and first is not None:
            # "a ring with a star inside it, below a square": what is below is the ring.
            first = next((o.second for o in self.asked.links if o == (first, "inside", o.second)), first)
        self.pending = Pending(name, first)
        if following is None or following.kind in ("and", "with", "ground", "place", "side"):
            self._close_open()

    def _comes_after(self) -> bool:
        """Whether a thing follows at once, and behind it a verb with another: "above the star put a ring"."""
        kinds = [chunk.kind for chunk in self.ahead[:4]]
        if not kinds or kinds[0] not in ("thing", "those", "named", "rank"):
            return False
        rest = [kind for kind in kinds[1:] if kind not in ("place", "side")]
        return bool(rest) and (rest[0] in ("verb", "there", "thing") or rest[:2] in (["and", "verb"], ["and", "there"]))

    def _pronoun(self) -> None:
        if self.skip_it:
            self.skip_it = False
            return
        if self.pending is not None:
            self._close_open()

    def _close_open(self) -> None:
        """A relation without its second group is to what was spoken of before: "a ring with a star inside"."""
        pending = self.pending
        assert pending is not None
        self.pending = None
        host = self.host if self.host is not None else self._main()
        if pending.first is None or host is None or host == pending.first:
            raise NotRead("a relation to nothing")
        self.link(pending.first, pending.name, host)
        self.host = None

    def _main(self) -> int | None:
        """The thing that the talk is about, as far as it is another than the last one."""
        main = self.earlier if self.subject == self.last else self.subject
        return self._before() if main is None else main

    def _before(self) -> int | None:
        return None if self.last is None or self.last == 0 else self.last - 1

    def _ordered(self) -> None:
        if self.order is None:
            return
        number = len(self.asked.groups)
        if number == 1:
            self.asked.assumptions.append("how things of one kind stand to each other is left open")
            return
        self.asked.links += [Link(a, self.order, a + 1) for a in range(number - 1)]
        way = "from left to right" if self.order == "left of" else "from top to bottom"
        self.asked.assumptions.append(f"the order is read {way}, as the task names the things")


def read_draw(text: str) -> Asked:
    """What the request asks for.

    Raises:
        NotRead: these rules cannot read it.
        NotDrawn: it asks for none, or for more than the model draws.
    """
    return _Reader().read(text)


__all__ = ["NotDrawn", "NotRead", "read_draw"]
