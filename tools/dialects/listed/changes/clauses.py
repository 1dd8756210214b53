"""One clause of a request for changes as wishes: what it adds to those before it, or corrects of them."""

from __future__ import annotations

import re
from dataclasses import replace
from typing import Final

from omniagent.tools.dialects.listed.changes.patterns import TARGET
from omniagent.tools.dialects.listed.changes.wishes import (
    BESIDE,
    Kind,
    Look,
    Target,
    Wish,
    counted,
    looks_in,
    place_in,
    target_of,
)
from omniagent.tools.dialects.listed.draws.looks import things_of
from omniagent.tools.dialects.listed.draws.parts import SHAPES
from omniagent.tools.dialects.listed.draws.scene import Asked, Things
from omniagent.tools.dialects.listed.draws.ways import ways

_REPEATED: Final[dict[str, Kind]] = {
    "repeat": "remove", "repeat_restyle": "restyle", "repeat_reshape": "reshape", "repeat_move": "move",
    "repeat_add": "add",
}  # fmt: skip
_RELATION: Final = {
    "⇆": BESIDE, "left": "left of", "right": "right of", "above": "above", "over": "above", "below": "below",
    "under": "below", "underneath": "below", "beneath": "below",
}  # fmt: skip
_NEW: Final = re.compile(r"(?:an?|one|two|three|four|five|six|[1-6]) (?!of )")
_LOOKS_OF: Final[dict[str, Look]] = {
    "color": "colour", "colour": "colour", "size": "size", "large": "size", "big": "size", "small": "size",
    "fill": "fill", "pattern": "fill",
}  # fmt: skip
_STEP: Final = {
    "up": "up", "upward": "up", "higher": "up", "down": "down", "downward": "down", "lower": "down", "left": "left",
    "leftward": "left", "right": "right", "rightward": "right",
}  # fmt: skip


def grown(kind: str, match: re.Match[str], wishes: list[Wish], last: Target) -> tuple[list[Wish], Target] | None:
    """The wishes with what one clause adds to them or corrects, and what was spoken of last."""
    said = {name: text for name, text in match.groupdict().items() if text is not None}
    if kind == "subject":
        return None if wishes else (wishes, _spoken(said["it"], last))
    if kind == "context":
        return (wishes, _spoken(said["it"], last)) if "it" in said else (wishes, last)
    if kind.startswith("wrong_"):
        mended = _corrected(kind, said, wishes)
        return None if mended is None else ([*wishes[:-1], mended], mended.of)
    if kind in _REPEATED:
        if not wishes or wishes[-1].kind != _REPEATED[kind]:
            return None
        kind = wishes[-1].kind
        if kind == "add" and "looks" in said:
            said["thing"] = f"a {said.pop('looks')} {wishes[-1].looks.shape}"
    new = _new(kind, said, last)
    if not new:
        return None
    if new == wishes[-1:] and kind == "remove":
        # "I don't like the ring, remove it" says one thing twice.
        return wishes, last
    return [*wishes, *new], new[-1].of


def _new(kind: str, said: dict[str, str], last: Target) -> list[Wish]:
    """What one clause asks for: of one thing, or of each of several."""
    if "several" not in said:
        return _of_one(kind, said, last)
    each = re.findall(TARGET, said.pop("several"))
    return [wish for words in each for wish in _of_one(kind, {**said, "it": words}, last)]


def _of_one(kind: str, said: dict[str, str], last: Target) -> list[Wish]:
    wish = _wish(kind, said, last)
    if wish is None:
        return []
    became = said.get("a") or said.get("as") or (said["new"] if kind == "old_new" else "")
    shape = _shape(became)
    looks = looks_in(became)
    if kind == "old_new" and shape is not None and shape != wish.of.looks.shape:
        # "turn the yellow star into a green square" changes the shape too.
        return [wish, Wish("reshape", Target(pronoun=True), shape=shape)]
    if kind == "reshape" and looks != Things():
        return [wish, Wish("restyle", Target(pronoun=True), looks=looks)]
    return [wish]


def _shape(words: str) -> str | None:
    """The shape that words end with, if any."""
    noun = words.split()[-1].removesuffix("s") if words else ""
    return noun if noun in SHAPES else None


def _spoken(words: str, last: Target) -> Target:
    target = target_of(words)
    return last if target.pronoun and not last.pronoun else target


def _wish(kind: str, said: dict[str, str], last: Target) -> Wish | None:
    of = _spoken(said["it"], last) if "it" in said else Target()
    other = target_of(said["other"]) if "other" in said else None
    match kind:
        case "remove":
            return Wish("remove", of)
        case "restyle" if "unpattern" in said:
            return Wish("restyle", of, looks=Things(fill="solid"))
        case "restyle" if "pattern" in said:
            return Wish("restyle", of, looks=Things(fill="striped" if "stripe" in said["pattern"] else "dotted"))
        case "restyle" if "wascolour" in said:
            return Wish("restyle", Target(looks_in(said["wascolour"]), every=True), looks=looks_in(said["looks"]))
        case "restyle":
            return Wish("restyle", of, looks=looks_in(said["looks"]))
        case "only":
            return Wish("only", of)
        case "alike" | "swap_looks":
            look = _LOOKS_OF[said["what"]]
            return Wish("alike" if kind == "alike" else "swap_looks", of, other, look=look)
        case "copy":
            return Wish("copy", of, place=place_in(said.get("place", "")))
        case "step":
            return Wish("move", of, place=f"a bit {_STEP[said['by'].removesuffix('s')]}")
        case "old_new":
            return Wish(
                "restyle", target_of(f"the {_with_noun(said['was'], said['new'])}"), looks=looks_in(said["new"])
            )
        case "enlarge" | "shrink":
            return Wish("restyle", of, looks=Things(size="large" if kind == "enlarge" else "small"))
        case "reshape":
            return Wish("reshape", of, shape=_shape(said.get("a") or said["as"]))
        case "move" if _NEW.match(said["it"]):
            # "put a red star in the corner" brings a new one.
            return _added(said["it"], place_in(said.get("place", "")), None)
        case "move":
            return Wish("move", of, place=place_in(said["place"])) if "place" in said else None
        case "beside" if _NEW.match(said["it"]):
            return _added(said["it"], _relation(said["rel"]), other)
        case "beside":
            return Wish("move", of, other, place=_relation(said["rel"]))
        case "swap":
            return Wish("swap", of, other)
        case "add" | "add_beside":
            place = place_in(said["place"]) if "place" in said else None
            if other is not None:
                place = _relation(said["rel"])
            return _added(said["thing"], place, other)
        case "background":
            return Wish("background", ground=_ground(said["ground"]))
        case _:
            return _numbered(kind, said)


def _with_noun(was: str, new: str) -> str:
    """What it was, with the noun of what it shall be where it was called a "one"."""
    return re.sub(r"\bones?$", new.split()[-1], was)


def _ground(words: str) -> str:
    """The model's own word for a background; the longest that the words end with."""
    known = ways().grounds
    return known[next(word for word in sorted(known, key=len, reverse=True) if words.endswith(word))][0]


def _relation(words: str) -> str:
    return next(name for word, name in _RELATION.items() if re.search(rf"(?<!\w){word}(?!\w)", words))


def _added(words: str, place: str | None, other: Target | None) -> Wish | None:
    found = re.fullmatch(
        r"(?:(?P<number>a single|another|an?|one|two|three|four|five|six|[1-6]|a couple of|some|the)"
        r"(?P<more> new| more)? )?(?P<thing>.*?)(?P<in> in \w+)?",
        words,
    )
    if found is None:
        return None
    number = {"another": "one", "the": None, "some": None, "a couple of": "two"}.get(
        found["number"] or "", found["number"]
    )
    group = things_of(found["thing"], number, Asked(), the=False)
    if found["in"]:
        group = replace(group, colour=looks_in(found["in"]).colour or group.colour)
    alike = found["number"] == "another" or found["more"] == " more"
    if alike and place is None and other is None:
        return Wish("recount", looks=replace(group, count=1), number=group.count, more=True)
    return Wish("add", looks=group, place=place, other=other)


def _numbered(kind: str, said: dict[str, str]) -> Wish | None:
    number = counted(said["n"]) if "n" in said else 1
    words = said["things"]
    noun = words.split()[-1].removesuffix("s")
    group = replace(looks_in(words), shape=noun if noun in SHAPES else None)
    if group.words == "object" and kind in ("more", "recount"):
        return None
    if kind == "recount" and number == 1 and said.get("n") in ("a", "an"):
        return None
    if kind == "fewer" and number == 1:
        return Wish("remove", Target(group, last=True))
    return Wish("recount", looks=group, number=number, more=kind == "more", fewer=kind == "fewer")


def _corrected(kind: str, said: dict[str, str], wishes: list[Wish]) -> Wish | None:
    """The last wish with another look, shape, place or ground; None where it has none of that kind."""
    if not wishes:
        return None
    last = wishes[-1]
    match kind, last.kind:
        case "wrong_looks", "restyle":
            return replace(last, looks=looks_in(said["looks"]))
        case "wrong_shape", "reshape":
            return replace(last, shape=_shape(said["a"]))
        case "wrong_place", "move" | "add":
            return replace(last, place=place_in(said["place"]), other=None)
        case "wrong_ground", "background":
            return replace(last, ground=_ground(said["ground"]))
        case _:
            return None
