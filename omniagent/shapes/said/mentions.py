"""What a request must still say once it is read, and the order in which it then names its things."""

import re

from omniagent.shapes.scene.world import COLOURS, SHAPES
from omniagent.shapes.words.meant import Meant
from omniagent.shapes.words.requirements import Group, Relation, Wanted

_LOOKS = frozenset((*COLOURS, "small", "little", "tiny", "large", "big", "striped", "dotted", "spotted", "solid"))
_SAME = {
    "little": "small", "tiny": "small", "smaller": "small", "big": "large", "bigger": "large", "larger": "large",
    "spotted": "dotted", "dots": "dotted", "stripes": "striped", "grey": "gray", "center": "centre", "middle": "centre",
}  # fmt: skip
_NOUNS = {noun: shape for shape in SHAPES for noun in (shape, f"{shape}s")}


def in_order_of(words: str, wanted: Wanted) -> Wanted:
    """What is wanted with its groups in the order in which the words name them; as it is where one is not found."""
    said = re.findall(r"[a-z]+", words.lower())
    named = [(at, _NOUNS[word], _looks_before(said, at)) for at, word in enumerate(said) if word in _NOUNS]
    found = [_first(group, said, named) for group in wanted.groups]
    places = [at for at in found if at is not None]
    if len(set(places)) < len(wanted.groups):
        return wanted
    order = sorted(range(len(places)), key=places.__getitem__)
    new = {old: at for at, old in enumerate(order)}
    relations = tuple(Relation(first=new[r.first], name=r.name, second=new[r.second]) for r in wanted.relations)
    return wanted.model_copy(update={"groups": tuple(wanted.groups[old] for old in order), "relations": relations})


def _looks_before(said: list[str], at: int) -> frozenset[str]:
    start = at
    while start > 0 and said[start - 1] in _LOOKS:
        start -= 1
    return frozenset(said[start:at])


def _first(group: Group, said: list[str], named: list[tuple[int, str, frozenset[str]]]) -> int | None:
    """Where the group is first named: by its noun and colour, or by its colour alone, as in "one red, one blue"."""
    for at, shape, looks in named:
        colours = looks & COLOURS.keys()
        if shape == group.shape and colours == ({group.colour} if group.colour else set()):
            return at
    return said.index(group.colour) if group.colour in said else None


def words_of(wanted: Wanted) -> frozenset[str]:
    """The world's words that a request for this must hold."""
    said = {word for g in wanted.groups for word in (g.colour, g.shape, g.size, g.place) if word}
    fills = {group.fill for group in wanted.groups if group.fill not in (None, "solid")}
    words = {*said, *(fill for fill in fills if fill), *((wanted.background,) if wanted.background else ())}
    return frozenset(part for word in words for part in word.split())


def words_meant(meant: Meant) -> frozenset[str]:
    """The world's words that an order for this change must hold."""
    if meant.group is not None:
        counted = () if meant.kind == "recount" else words_of(Wanted(groups=(meant.group,)))
        return frozenset((*counted, str(meant.group.shape)))
    words = (meant.new, meant.background or "", *(meant.place or "").split())
    return frozenset(word for word in words if word)


def holds_all(words: str, essential: frozenset[str]) -> bool:
    """Whether the words hold every one of these, or one that means the same."""
    said = {_NOUNS.get(word, _SAME.get(word, word)) for word in re.findall(r"[a-z]+", words.lower())}
    return essential <= said
