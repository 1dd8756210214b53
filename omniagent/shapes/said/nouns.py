"""Things in English, in the forms that frames ask for."""

from collections.abc import Sequence

from omniagent.shapes.said.voice import Voice
from omniagent.shapes.words.language import pick
from omniagent.shapes.words.phrases import NUMBERS
from omniagent.shapes.words.requirements import Group

_AFTER = {"striped": "with stripes", "dotted": "with dots"}
_ENDINGS = {"s": "es", "x": "es", "h": "es"}


def several(noun: str) -> str:
    """The noun in the plural: ``boxes``, ``five-pointed stars``, ``discs with a hole``."""
    head, rest, details = noun.partition(" with ")
    ending = "s" if head.endswith("th") else _ENDINGS.get(head[-1], "s")
    return f"{head}{ending}{rest}{details}"


def in_number(noun: str, count: int) -> str:
    """The noun in the number that fits the count."""
    return noun if count == 1 else several(noun)


def shape_word(voice: Voice, group: Group, count: int) -> str:
    """What the thing is, in the number that fits the count."""
    return in_number(voice.word("shapes", group.shape or "circle"), count)


def number_word(voice: Voice, number: int) -> str:
    """``two`` or ``2``."""
    return NUMBERS[number] if number < len(NUMBERS) and voice.rng.random() < 0.65 else str(number)


def fill_word(voice: Voice, group: Group) -> str:
    """The fill, whether or not it needs to be said."""
    return voice.word("fills", group.fill or "solid")


def bare(voice: Voice, group: Group, count: int | None = None) -> str:
    """``large striped blue stars``: the adjectives in one of their orders."""
    shape = shape_word(voice, group, group.count if count is None else count)
    size = voice.word("sizes", group.size) if group.size else ""
    colour = voice.word("colours", group.colour) if group.colour else ""
    draw = voice.rng.random()
    filled = group.fill not in (None, "solid")
    if filled and draw < 0.12:
        return _joined(size, colour, shape, voice.word("fills", _AFTER[str(group.fill)]))
    fill = fill_word(voice, group) if filled else ""
    if fill and draw < 0.3:
        return _joined(size, colour, fill, shape)
    if size and colour and draw > 0.93:
        return _joined(colour, size, fill, shape)
    return _joined(size, fill, colour, shape)


def counted(voice: Voice, group: Group) -> str:
    """``a red ring``, ``three red rings``."""
    noun = bare(voice, group)
    if group.count == 1:
        return f"{pick(voice.rng, ('a', 'a', 'a', 'a', 'a', 'one', '1', 'a single'))} {noun}"
    draw = voice.rng.random()
    if draw < 0.15:
        return f"{voice.word('numbers', NUMBERS[group.count])} {noun}"
    return f"{'exactly ' if draw < 0.2 else ''}{number_word(voice, group.count)} {noun}"


def definite(voice: Voice, group: Group, others: Sequence[Group]) -> str:
    """``the ring``, ``the red rings``: as much as is needed to tell it from the others, or some more."""
    shape = shape_word(voice, group, group.count)
    alone = all(other.shape != group.shape for other in others)
    if (alone and voice.rng.random() < 0.6) or not group.colour:
        return f"the {shape}"
    return f"the {voice.word('colours', group.colour)} {shape}"


def _joined(*words: str) -> str:
    return " ".join(word for word in words if word)


def form_of(voice: Voice, group: Group, form: str, others: Sequence[Group] = ()) -> str:
    """One of the forms of a thing in a draw."""
    one = group.count == 1
    match form:
        case "":
            return counted(voice, group)
        case "bare":
            return bare(voice, group)
        case "the":
            return definite(voice, group, others)
        case "n":
            return number_word(voice, group.count)
        case "digits":
            return str(group.count)
        case "shape":
            return shape_word(voice, group, group.count)
        case "shapes":
            return shape_word(voice, group, 2)
        case "colour":
            return voice.word("colours", group.colour or "red")
        case "size":
            return voice.word("sizes", group.size or "small")
        case "fill":
            return fill_word(voice, group)
        case "is":
            return "is" if one else "are"
        case "it":
            return "it" if one else "they"
        case "them":
            return "it" if one else "them"
        case "its":
            return "its" if one else "their"
        case "that":
            return "that" if one else "those"
        case _:
            raise ValueError(f"a thing has no form {form!r}")
