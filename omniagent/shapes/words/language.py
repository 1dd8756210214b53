"""The many ways people ask for a scene: paraphrases of the canonical wording, chosen at random."""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from omniagent.shapes.words.phrases import NUMBERS, listed
from omniagent.shapes.words.requirements import Group, Relation, Wanted
from omniagent.tools.dialects.listed.notation import article, plural

_OPENINGS = (
    "", "", "", "draw ", "draw ", "please draw ", "paint ", "create ", "make ", "show ", "show me ", "generate ",
    "a picture of ", "a picture with ", "an image of ", "I want ", "I would like ", "can you draw ", "give me ",
    "make a picture of ", "draw a picture with ", "create an image with ",
)  # fmt: skip
_SYNONYMS = {
    "small": ("small", "small", "small", "little", "tiny"),
    "large": ("large", "large", "large", "big"),
    "gray": ("gray", "gray", "grey"),
    "striped": ("striped",),
    "dotted": ("dotted", "dotted", "spotted"),
}
_RELATIONS = {
    "left of": ("left of", "to the left of", "to the left of", "on the left of", "left from"),
    "right of": ("right of", "to the right of", "to the right of", "on the right of"),
    "above": ("above", "above", "over", "higher than"),
    "below": ("below", "below", "under", "beneath", "underneath"),
    "inside": ("inside", "inside", "in", "within", "inside of"),
}
_SIDES = {"left of": "left", "right of": "right"}
_INVERSE = {"left of": "right of", "right of": "left of", "above": "below", "below": "above"}


def pick(rng: np.random.Generator, options: Sequence[str]) -> str:
    """One of the options."""
    return options[int(rng.integers(len(options)))]


def synonym(rng: np.random.Generator, word: str) -> str:
    """The word or one that means the same."""
    return pick(rng, _SYNONYMS.get(word, (word,)))


def noun(rng: np.random.Generator, group: Group) -> str:
    """The group's nouns and adjectives in one of their orders, in the right number."""
    shape = plural(group.shape or pick(rng, ("object", "shape")), group.count)
    size = synonym(rng, group.size) if group.size else ""
    fill = "" if group.fill in (None, "solid") else synonym(rng, group.fill)
    colour = group.colour or ""
    draw = rng.random()
    if fill and draw < 0.15:
        after = {"striped": "with stripes", "dotted": "with dots"}[str(group.fill)]
        parts = (size, colour, shape, after)
    elif fill and draw < 0.35:
        parts = (size, colour, fill, shape)
    elif group.fill == "solid" and draw < 0.05:
        parts = (size, "solid", colour, shape)
    elif size and fill and draw < 0.5:
        parts = (fill, size, colour, shape)
    else:
        parts = (size, fill, colour, shape)
    return " ".join(part for part in parts if part)


def counted_noun(rng: np.random.Generator, group: Group) -> str:
    """The noun phrase with its number as an article, a word or digits."""
    phrase = noun(rng, group)
    if group.count == 1:
        one = article(phrase).split()[0]
        number = pick(rng, (one, one, one, one, "one", "1", "a single"))
    else:
        number = pick(rng, (NUMBERS[group.count], NUMBERS[group.count], str(group.count), f"exactly {group.count}"))
    return f"{number} {phrase}"


def place_words(rng: np.random.Generator, place: str) -> str:
    """``at the top left``, ``in the top left corner``, ``in the middle``."""
    if place == "centre":
        return pick(rng, ("in the centre", "at the centre", "in the center", "in the middle"))
    return pick(rng, (f"at the {place}", f"in the {place}", f"in the {place} corner", f"at {place}", f"{place}"))


def background_words(rng: np.random.Generator, background: str) -> str:
    """The background as a trailing phrase, with the comma or space before it."""
    word = synonym(rng, background)
    return pick(
        rng,
        (f" on a {word} background", f" on a {word} background", f", {word} background", f" on {word}",
         f" against a {word} background", f" with a {word} background", f", the background is {word}"),
    )  # fmt: skip


def _placed(rng: np.random.Generator, group: Group) -> str:
    phrase = counted_noun(rng, group)
    return f"{phrase} {place_words(rng, group.place)}" if group.place else phrase


def _the(rng: np.random.Generator, group: Group) -> str:
    bare = group.model_copy(update={"place": None})
    return f"the {noun(rng, bare)}"


class _Part(NamedTuple):
    """A phrase, the groups it mentions in order, and the relation it states, as stated."""

    text: str
    mentioned: tuple[int, ...]
    relation: Relation | None = None


def _pair(rng: np.random.Generator, relation: Relation, groups: tuple[Group, ...]) -> _Part:
    """Two groups and their relation as one phrase."""
    first, second = groups[relation.first], groups[relation.second]
    backwards = (relation.second, relation.first)
    draw = rng.random()
    if relation.name in _SIDES and draw < 0.3:
        owner = "its" if second.count == 1 else "their"
        side = f"{pick(rng, ('on', 'to'))} {owner} {_SIDES[relation.name]}"
        return _Part(f"{_placed(rng, second)} with {_placed(rng, first)} {side}", backwards, relation)
    if relation.name in _INVERSE and draw < 0.5:
        turned = Relation(first=relation.second, name=_INVERSE[relation.name], second=relation.first)
        words = pick(rng, _RELATIONS[turned.name])
        return _Part(f"{_placed(rng, second)} {words} {_placed(rng, first)}", backwards, turned)
    if relation.name == "inside" and draw < 0.3:
        held = f"{_placed(rng, second)} with {_placed(rng, first)} {pick(rng, ('inside', 'inside it', 'in it'))}"
        return _Part(held, backwards, relation)
    text = f"{_placed(rng, first)} {pick(rng, _RELATIONS[relation.name])} {_placed(rng, second)}"
    return _Part(text, (relation.first, relation.second), relation)


def _parts(rng: np.random.Generator, wanted: Wanted) -> tuple[list[_Part], list[_Part]]:
    """The phrases of the request's body in random order, and the relations told afterwards."""
    groups = wanted.groups
    inline: set[int] = set()
    body: list[_Part] = []
    trailing: list[_Part] = []
    for relation in wanted.relations:
        pair = {relation.first, relation.second}
        if not pair & inline and rng.random() < 0.75:
            body.append(_pair(rng, relation, groups))
            inline |= pair
        else:
            verb = "is" if groups[relation.first].count == 1 else "are"
            first, second = _the(rng, groups[relation.first]), _the(rng, groups[relation.second])
            text = f"{first}{pick(rng, (f' {verb}', ''))} {pick(rng, _RELATIONS[relation.name])} {second}"
            trailing.append(_Part(text, (), relation))
    body += [_Part(_placed(rng, group), (index,)) for index, group in enumerate(groups) if index not in inline]
    return [body[int(i)] for i in rng.permutation(len(body))], trailing


def draw_request(rng: np.random.Generator, wanted: Wanted) -> tuple[str, Wanted]:
    """A person's request for the wanted picture, and the wanted picture in the order of the request's words."""
    parts, trailing = _parts(rng, wanted)
    texts = [part.text for part in parts]
    body = listed(texts) if rng.random() < 0.8 else ", ".join(texts)
    background = background_words(rng, wanted.background) if wanted.background else ""
    opening = pick(rng, _OPENINGS)
    text = f"{opening}{body}{background}"
    if background.startswith(" on") and opening in ("", "draw ", "paint ") and rng.random() < 0.25:
        text = f"{background.strip()}, {opening}{body}"
    text = pick(rng, ("; ", ", ", ". ")).join([text, *(part.text for part in trailing)])
    return finish(rng, text), _in_order(wanted, parts, trailing)


def _in_order(wanted: Wanted, parts: list[_Part], trailing: list[_Part]) -> Wanted:
    order = [index for part in parts for index in part.mentioned]
    place = {old: new for new, old in enumerate(order)}
    relations = tuple(
        Relation(first=place[r.first], name=r.name, second=place[r.second])
        for part in (*parts, *trailing)
        if (r := part.relation) is not None
    )
    groups = tuple(wanted.groups[index] for index in order)
    return wanted.model_copy(update={"groups": groups, "relations": relations})


def finish(rng: np.random.Generator, text: str) -> str:
    """The text with a capital, a full stop, or neither."""
    text = text.strip()
    if rng.random() < 0.3:
        text = text[0].upper() + text[1:]
    return text + pick(rng, ("", "", "", "."))
