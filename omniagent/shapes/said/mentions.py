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
        if shape == group.shape and set(colours) == ({group.colour} if group.colour else set[str]()):
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


_A_LOOK, _A_NOUN = "|".join(sorted(_LOOKS)), "|".join(SHAPES)
_STATED = re.compile(
    rf"(?P<a>(?:(?:{_A_LOOK}) )*)(?P<x>{_A_NOUN})s?(?: with (?:dots|stripes))?,? (?:is |are )?(?:to the |on the )?"
    r"(?P<name>left of|right of|above|over|higher than|below|under|beneath|underneath|inside|within|in) "
    r"(?:an? |the |one |two |three |four |five |six |\d |exactly |single )*"
    rf"(?P<b>(?:(?:{_A_LOOK}) )*)(?P<y>{_A_NOUN})s?\b"
)
_STATES = {
    "over": "above", "higher than": "above", "under": "below", "beneath": "below", "underneath": "below",
    "within": "inside", "in": "inside",
}  # fmt: skip
_INVERSE = {"left of": "right of", "right of": "left of", "above": "below", "below": "above"}


def contradicts(words: str, wanted: Wanted) -> bool:
    """Whether the words say in so many words that one thing stands to another as was not meant."""
    true = {(r.first, r.name, r.second) for r in wanted.relations}
    true |= {(second, _INVERSE[name], first) for first, name, second in true if name in _INVERSE}
    return any(
        first is not None and second is not None and (first, _STATES.get(name, name), second) not in true
        for found in _STATED.finditer(words.lower())
        for name in (found["name"],)
        for first, second in [(_meant(found["a"], found["x"], wanted), _meant(found["b"], found["y"], wanted))]
    )


def _meant(looks: str, shape: str, wanted: Wanted) -> int | None:
    colour = next((word for word in looks.split() if word in COLOURS), None)
    fits = [
        at
        for at, group in enumerate(wanted.groups)
        if group.shape == shape and (colour is None or group.colour == colour)
    ]
    return fits[0] if len(fits) == 1 else None
