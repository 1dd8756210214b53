"""What a question of this dialect states, and the lines that every change of a picture is judged by."""

import re
from typing import Final

from omniagent.tools.dialects.drafts import RequirementDraft
from omniagent.tools.dialects.plain.language.amounts import exact
from omniagent.tools.dialects.plain.language.vocabulary import NUMBERS, canonical, quoted
from omniagent.tools.dialects.plain.questions import LONGEST, cut
from omniagent.tools.types import Reach, RequirementKind, Stated

CHANGED: Final = "Compared with the given picture, was this change made: "
SCENE_KEPT: Final = "Apart from this change, are background, framing and all other things as they were: "
SCENES_KEPT: Final[dict[Reach, str]] = {
    "part": "Apart from this change, are all other things, background and framing as they were: ",
    "surroundings": "Apart from this change, are the main things and the framing as they were: ",
    "look": "Apart from this change, are the same things at the same places, framed as they were: ",
    "view": "Apart from this change, are the things and the place that are shown the same: ",
}
"""What to ask of the scene beside a change of known reach."""

PEOPLE_KEPT: Final = "Apart from this change, do all people have the face, hair, clothes and pose they had: "

_NUMBER: Final = re.compile(
    rf"\b(?:exactly |only |just )?(?P<number>\d{{1,2}}|{'|'.join(NUMBERS)})\s+(?P<thing>[^?？]+)", re.IGNORECASE
)
_IN_IT: Final = re.compile(
    r"(?:\s+(?:(?:in|on) (?:the|this) (?:picture|image|photo|scene)|in (?:all|sum|tot(?:al)?)|(?:be )?(?:visible|shown"
    r"|seen)))+\s*$"
)

_END: Final = r"(?: (?:in|on) (?:the|this) (?:picture|image|photo|scene))?[?？]"
# "Is there a hat on the man?" asks for more than a hat.
# Of what a thing is beside, or which one it is, its name says nothing.
_BINDING: Final = (
    "and|or|no|not|to|the|in|on|at|of|near|by|from|behind|beside|under|over|above|below|between|against|inside|around"
    "|through|across|along|among|beneath|underneath|that|which|who"
)
# A name of no thing: it cannot be located by it.
_NAMELESS: Final = (
    "it|they|them|he|him|she|her|this|these|those|i|me|you|we|us|one|ones|other|others|another|each|both|all|some|any"
    "|every|everything|everyone|everybody|something|someone|somebody|anything|anyone|anybody|nothing|nobody|none"
    "|latter|former|first|second|third|last|rest|there|here|what"
)
_BARE: Final = rf"(?:(?!(?:{_BINDING}|with|{_NAMELESS})(?![\w'-]))[\w'-]+ ?){{1,3}}"
_THERE: Final = re.compile(rf"(?:Is|Are) there (?:an?|any|some) (?P<thing>{_BARE}){_END}")
_RELATIONS: Final = {
    "to the left of": "left of", "left of": "left of", "on the left of": "left of", "to the right of": "right of",
    "right of": "right of", "on the right of": "right of", "above": "above", "over": "above", "below": "below",
    "under": "below", "beneath": "below", "underneath": "below", "inside": "inside",
}  # fmt: skip
_NAMED: Final = rf"(?:(?!(?:{_BINDING}|{_NAMELESS})(?![\w'-]))[\w'-]+ ?){{1,4}}"
# "The cat sitting directly left of the dog" is located as the cat.
_PLACED: Final = re.compile(
    r"(?: (?:directly|immediately|just|slightly|clearly|far|right|placed|positioned|located|shown|seen|sitting|seated"
    r"|standing|lying|hanging|parked))+$",
    re.IGNORECASE,
)
_RELATED: Final = re.compile(
    rf"(?:Is|Are) (?:the |an? )?(?P<thing>{_NAMED}) (?P<relation>{'|'.join(_RELATIONS)}) "
    rf"(?:the |an? )?(?P<other>{_NAMED}){_END}"
)


_LOOKS: Final = re.compile(rf"(?:Is|Are) (?:the|his|her|its|their) (?P<thing>{_NAMED}) (?!not\b|no\b)[\w'-]+{_END}")
_HEADS: Final = (CHANGED, SCENE_KEPT, PEOPLE_KEPT, *SCENES_KEPT.values())


def _kept(question: str) -> Stated:
    if question.startswith(SCENE_KEPT):
        return Stated(keeps="scene")
    if question.startswith(PEOPLE_KEPT):
        return Stated(keeps="people")
    for reach, head in SCENES_KEPT.items():
        if question.startswith(head):
            return Stated(keeps="scene", reach=reach)
    return Stated(change=question.startswith(CHANGED))


def _uncounted(thing: str) -> str:
    """A thing without the number before it and how it is placed: "two apples" are located as apples."""
    thing = _PLACED.sub("", thing.strip())
    first, _, rest = thing.partition(" ")
    return rest if rest and canonical(first).isdigit() else thing


def kept_lines(words: str, reach: Reach | None = None) -> tuple[RequirementDraft, ...]:
    """That the change was made and nothing else: judged on both pictures together, of every change of a picture.

    Critics that judge edits ask both (ImgEdit, VIEScore); what may differ is told by the person's own words.

    Args:
        words: The request.
        reach: How far its change reaches, where that is known.
    """
    told = " ".join(words.split()).rstrip(" .?!。？！")
    heads = (CHANGED, SCENE_KEPT if reach is None else SCENES_KEPT[reach], PEOPLE_KEPT)
    return tuple(
        RequirementDraft(kind="preservation", question=f"{head}{cut(told, LONGEST - len(head) - 1)}?") for head in heads
    )


def is_kept_line(question: str) -> bool:
    """Whether a question is one of `kept_lines`."""
    return question.startswith(_HEADS)


def change_in(question: str) -> str:
    """The words of the change that one of `kept_lines` is about; empty of other questions."""
    head = next((head for head in _HEADS if question.startswith(head)), None)
    return "" if head is None else question.removeprefix(head).rstrip("?？ ")


def stated_of(kind: RequirementKind, question: str) -> Stated:
    """What can be measured of a question: a thing, its exact number, a relation, a quoted text, what must stay.

    Nothing of bounds and guesses ("at least two"), and of things without a name ("it").
    """
    match kind:
        case "count" if (found := _NUMBER.search(question)) is not None:
            if not exact(question, *found.span("number")):
                return Stated()
            value = canonical(found["number"])
            return (
                Stated(thing=_IN_IT.sub("", found["thing"].strip()), number=int(value)) if value.isdigit() else Stated()
            )
        case "presence" if (there := _THERE.fullmatch(question)) is not None:
            return Stated(thing=there["thing"].strip())
        case "relation" if (related := _RELATED.fullmatch(question)) is not None:
            name = _RELATIONS[" ".join(related["relation"].lower().split())]
            return Stated(thing=_uncounted(related["thing"]), relation=name, other=_uncounted(related["other"]))
        case "attribute" if (looks := _LOOKS.fullmatch(question)) is not None:
            return Stated(thing=looks["thing"].strip())
        case "text":
            texts = quoted(question)
            return Stated(text=texts[0]) if len(texts) == 1 else Stated()
        case "preservation":
            return _kept(question)
        case _:
            return Stated()
