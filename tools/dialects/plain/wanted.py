"""What a task wants of the finished picture, part by part, by kept word lists: English and Chinese.

English: quoted texts, numbers, colours, spatial relations, wishes to keep something, and every other word with a
meaning. Chinese: quoted texts, counts, colours, common things, wishes to keep something. Of other languages the quoted
texts and digits.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from itertools import pairwise
from typing import Final, NamedTuple

from omniagent.tools.audit import Mention, Told
from omniagent.tools.dialects.plain.faithful import (
    HAN_COLOURS,
    SMALL,
    han_colours,
    han_numbers,
    without_references,
)
from omniagent.tools.dialects.plain.language.kept_words import kept_words
from omniagent.tools.dialects.plain.language.sources import without_sources
from omniagent.tools.dialects.plain.language.vocabulary import (
    COLOURS,
    NUMBERS,
    bases,
    canonical,
    each_word,
    english,
    has_han,
    quoted,
    without_quoted,
)
from omniagent.tools.dialects.plain.questions import LONGEST
from omniagent.tools.dialects.plain.stated import is_kept_line
from omniagent.tools.types import Mode, Requirement

UNKNOWN_LANGUAGE: Final = (
    "the task is in neither English nor Chinese, so only its quoted texts and digits were held against the checklist"
)
_MOST: Final = 60
"""Parts that a task is held to; a text of that many is a story, of which a checklist is a selection."""

_TOKEN: Final = re.compile(r"\d+(?:[.,:/]\d+)*[a-z]*|[^\W\d_]+(?:['’-][^\W\d_]+)*")
_CLAUSE: Final = re.compile(r"[,.;:!?()\n]|(?<=\s)[-–—](?=\s)")
_BETWEEN: Final = frozenset(
    each_word(
        "a an the and or but with of on in at to from by for into onto as than is are was were be in "
        "who which that during against through across along around until since while like among via per"
    )
)
_PREDICATE: Final = frozenset(each_word("is are was were be to in"))
_RELATIONS: Final[dict[str, tuple[str, str]]] = {
    "left of": ("left", "right"),
    "right of": ("right", "left"),
    "above": ("above", "below"),
    "over": ("above", "below"),
    "below": ("below", "above"),
    "underneath": ("below", "above"),
    "beneath": ("below", "above"),
    "under": ("below", "above"),
    "in front of": ("front", "behind"),
    "behind": ("behind", "front"),
    "between": ("between", "between"),
    "next to": ("beside", "beside"),
    "beside": ("beside", "beside"),
    "near": ("beside", "beside"),
    "inside": ("in", "in"),
    "on top of": ("on", "on"),
    "on": ("on", "on"),
}
_RELATION: Final = re.compile(
    rf"\b(?:{'|'.join(re.escape(each) for each in sorted(_RELATIONS, key=len, reverse=True))})\b"
)
_PLACE: Final = re.compile(
    r"\b(?:on|at|in|to|into) (?:the|its|his|her|their) (?:far |very |upper |lower )?"
    r"(?P<side>left|right|top|bottom|middle|centre|center|foreground)\b(?! of\b)"
)
_PUTTING: Final = re.compile(r"\b(?:add|put|place|insert|move|shift|draw|paint|give)\b")
_IDLE: Final = re.compile(r"\ba (?:little|bit|lot|touch|tad)\b|\bthe (?:first|second|third|other) one\b")
_ON_NO_THING: Final = re.compile(
    r"(?:an? |the )?(?:\w+ )?"
    r"(?:background|backdrop|left|right|top|bottom|side|day|night|morning|evening|foot|fire|it)\b"
)
_KEEP: Final = re.compile(
    r"\b(?:(?:keep|leave|preserve|retain|maintain|do not change|don['’]t change|do not touch|don['’]t touch"
    r"|without changing)\s+(?P<what>[^,.;!?\n]+))|(?P<han>(?:保持|不要改变|别改变|保留)[^，。；,;\n]+)",
    re.IGNORECASE,
)
_KEPT_SO: Final = re.compile(r"\b(?:as (?:it|they) (?:is|are|was|were)|unchanged|the same|untouched|alone|intact)\b")
_ALL_ELSE: Final = re.compile(r"\b(?:rest|everything|others?|all)\b|其他|其余|不变$")
_GONE: Final = re.compile(
    r"\b(?:remov(?:e|es|ing)|delet(?:e|es|ing)|eras(?:e|es|ing)|get(?:ting)? rid of|tak(?:e|ing) (?:out|away)|without"
    r"|no|free of)\s+(?:the |any |all |all of the |an? |his |her |their |its )?(?P<what>[^,.;:!?\n]+?)"
    r"(?=\s+(?:from|and|but|so|that|in|on|at|with)\b|[,.;:!?\n]|$)",
)
_THAT: Final = re.compile(r"(?:it|them|him|her|that|this|these|those)\b")
_SAME: Final = re.compile(
    r"\b(?:same|unchanged|still|as (?:it|they) (?:is|are|was|were)|as before|kept|preserved|untouched|original)\b"
    r"|不变|一样|相同",
    re.IGNORECASE,
)
_PRONOUN: Final = re.compile(
    r"\b(?:it|its|they|them|their|he|his|she|her|him|these|those|both)\b|它|他|她", re.IGNORECASE
)


def known(words: str) -> bool:
    """Whether the language of a task is one whose words are known."""
    return english(words) or has_han(words)


def wanted_of(words: str, mode: Mode) -> tuple[Mention, ...]:
    """The parts of a task that must hold of the finished picture; none where it is not a task for a picture.

    In the mode `edit` what a change starts from is left out: "the red car" of "paint the red car blue" will not be
    red.
    """
    if mode not in ("generate", "edit", "compose"):
        return ()
    found = [_quote(text) for text in dict.fromkeys(quoted(words)) if _squeezed(text)]
    bare = without_references(without_quoted(words, " "))
    found += _keeps(bare)
    bare = _KEEP.sub(" . ", bare)
    if english(words):
        text = re.sub(r"[()\[\]]", " ", bare.lower())
        found += _gone(text)
        text = _GONE.sub(" . ", text)
        found += _english(_IDLE.sub(" ", without_sources(text) if mode == "edit" else text), change=mode == "edit")
    elif has_han(words):
        found += _chinese(bare)
    else:
        found += [
            Mention("number", number, frozenset([f"#{number}"]))
            for number in re.findall(r"(?<![\w.])\d{1,2}(?![\w.])", bare)
        ]
    return tuple(dict.fromkeys(found))[:_MOST]


def told_of(line: Requirement) -> Told:
    """What a line of a checklist tells."""
    if is_kept_line(line.question):
        # They repeat the words of the task and ask for none of its parts.
        return Told(frozenset(), keeps=True)
    bare = line.question.lower()
    forms = {form for word in _TOKEN.findall(bare) for form in _stems(word)}
    forms |= {f"#{value}" for value in _numbers(bare)} | {f"#{value}" for value in han_numbers(bare)}
    forms |= {f"@{name}" for each in _RELATION.findall(bare) for name in _RELATIONS[each]}
    forms |= {one for one in _han_things() if one in bare} | {each for said, _ in han_colours(bare) for each in [said]}
    if re.search(r"\b(?:in|within|into)\b", bare):
        forms.add("@in")
    if re.search(r"\bwear(?:s|ing)?\b", bare):
        forms.add("@on")
    return Told(
        frozenset(forms),
        text=_squeezed(line.question),
        pronoun=_PRONOUN.search(bare) is not None,
        keeps=line.kind in ("preservation", "identity") or _SAME.search(bare) is not None,
    )


def _quote(text: str) -> Mention:
    question = f'Does the picture show the text "{text}"?'
    return Mention(
        "quote",
        f'"{text}"',
        frozenset([_squeezed(text)]),
        line=("text", question) if len(question) <= LONGEST else None,
    )


def _keeps(bare: str) -> Iterator[Mention]:
    for found in _KEEP.finditer(bare):
        what = " ".join(_KEPT_SO.sub(" ", found["what"] or found["han"]).split())
        rest = _ALL_ELSE.search(what) is not None or not what
        each = () if rest else tuple(filter(None, (_meant(word) for word in _TOKEN.findall(what.lower()))))
        # "Keep the lamp lit" names the state that is to stay, so that a line may ask for it without a "still".
        state = each[-1] if len(each) > 1 else frozenset[str]()
        of = frozenset[str]().union(*(each[:-1] or each))
        asked = (
            "Apart from the change, is everything as it is in the given picture"
            if rest
            else (f"Is this as it is in the given picture: {what}")
        )
        yield Mention("keep", " ".join(found[0].split()), state, of, ("preservation", f"{asked}?"[:LONGEST]))


def _gone(text: str) -> Iterator[Mention]:
    """What must not be there."""
    for found in _GONE.finditer(text):
        forms = frozenset(
            form for word in _TOKEN.findall(found["what"]) if word not in _BETWEEN for form in _forms(word)
        )
        if not forms:
            continue
        question = f"Is the picture free of this: {found['what']}?"
        yield Mention("word", " ".join(found[0].split()), forms, line=("presence", question[:LONGEST]))


class _Phrase(NamedTuple):
    """A run of words with a meaning: as written, in one spelling, and the small word before it."""

    said: str
    words: tuple[str, ...]
    after: str

    @property
    def of(self) -> frozenset[str]:
        """The forms of its words that are neither colours nor numbers."""
        return frozenset(form for word in self.words if not _is_look(word) for form in _forms(word))


def _english(text: str, *, change: bool) -> Iterator[Mention]:
    for clause in _CLAUSE.split(text):
        for before, phrase in pairwise([None, *_phrases(clause)]):
            if phrase is not None:
                yield from _of_phrase(phrase, before)
        # Of a change, a place mostly tells which thing is meant; where something is put it must hold afterwards.
        if not change or _PUTTING.search(clause):
            yield from _relations(clause)
            yield from _places(clause)


def _phrases(clause: str) -> Iterator[_Phrase]:
    run, after = list[str](), ""
    bare = re.sub(r"(?<=\w)n['’]t\b|(?<=\w)['’](?:s|re|ve|ll|d|m)\b", " ", _RELATION.sub(" and ", clause))
    for word in [*_TOKEN.findall(bare), "and"]:
        if word not in _BETWEEN and _meant(word):
            run.append(word)
            continue
        if run:
            yield _Phrase(" ".join(run), tuple(canonical(one) for one in run), after)
            run = []
        if word not in ("a", "an", "the"):
            after = word


def _of_phrase(phrase: _Phrase, before: _Phrase | None) -> Iterator[Mention]:
    for at, word in enumerate(phrase.words):
        later = frozenset(form for one in phrase.words[at + 1 :] if not _is_look(one) for form in _forms(one))
        earlier = frozenset(form for one in phrase.words[:at] if not _is_look(one) for form in _forms(one))
        said = phrase.said
        if word in COLOURS:
            # "a red car", "the car is red": before the thing, or after it.
            of = later or earlier
            if not of and before is not None and phrase.after in _PREDICATE:
                of, said = before.of, f"{before.said} {phrase.said}"
            yield Mention("colour", said, frozenset([word]), of, ("attribute", f"Does the picture show this: {said}?"))
        elif _counts(word, phrase.words[at + 1 :]):
            if word != "1":
                asked = ("count", f"Does the picture show exactly {said}?")
                yield Mention("number", said, frozenset([f"#{word}"]), later, asked)
        else:
            yield Mention(
                "word", said, frozenset(_forms(word)), line=("presence", f"Does the picture show this: {said}?")
            )


def _relations(clause: str) -> Iterator[Mention]:
    for found in _RELATION.finditer(clause):
        after = clause[found.end() :].strip()
        if found[0] in ("on", "over", "near", "under") and _ON_NO_THING.match(after):
            continue
        first, second = list(_phrases(clause[: found.start()])), list(_phrases(clause[found.end() :]))
        name, same = found[0], frozenset(f"@{each}" for each in _RELATIONS[found[0]])
        if not second or not second[0].of:
            continue
        other = second[0]
        if not first or not first[-1].of:
            # "It sits under a tree", "left of her a piano": one of the two is named elsewhere.
            asked = (
                f"Is something {name} the {other.said}?" if not _THAT.match(after) else f"Is the {other.said} there?"
            )
            yield Mention("relation", f"{name} {after}", same, other.of, ("relation", asked[:LONGEST]))
            continue
        thing = first[-1]
        be = "Are" if thing.words[-1].endswith("s") else "Is"
        side = "to the " if name in ("left of", "right of") else ""
        question = f"{be} the {thing.said} {side}{name} the {other.said}?"
        yield Mention(
            "relation",
            f"{thing.said} {name} {other.said}",
            same,
            thing.of | other.of,
            ("relation", question[:LONGEST]),
        )


def _places(clause: str) -> Iterator[Mention]:
    for found in _PLACE.finditer(clause):
        around = [*_phrases(clause[: found.start()])][-1:] or [*_phrases(clause[found.end() :])][:1]
        thing = around[0].said if around else "something"
        of = around[0].of if around else frozenset[str]()
        question = f"Is the {thing} {found[0]}?" if around else f"Is something {found[0]}?"
        yield Mention(
            "relation", f"{thing} {found[0]}", frozenset([canonical(found["side"])]), of, ("relation", question)
        )


def _chinese(bare: str) -> Iterator[Mention]:
    for number in han_numbers(bare):
        if number != "1":
            yield Mention("number", number, frozenset([f"#{number}"]))
    things = _han_things()
    near = re.compile(rf"({'|'.join(HAN_COLOURS)})(?:色|(?={'|'.join(things)}))")
    for found in near.finditer(bare):
        said, forms = found[0], HAN_COLOURS[found[1]].split()
        yield Mention(
            "colour",
            said,
            frozenset({*forms, said}),
            line=("attribute", f"Does the picture show something {forms[0]}?"),
        )
    for said in sorted(things, key=len, reverse=True):
        if said not in bare:
            continue
        bare = bare.replace(said, "，")
        yield Mention(
            "word",
            said,
            frozenset({*things[said], said}),
            line=("presence", f"Does the picture show this: {things[said][0]}?"),
        )


def _forms(word: str) -> frozenset[str]:
    """What a word may be told as: its stems, and other names of it."""
    found, same = _stems(word), kept_words().same
    return frozenset(found.union(*(same.get(each, ()) for each in found)))


def _stems(word: str) -> frozenset[str]:
    """The forms that a word may be an inflection of, and its parts where it has hyphens."""
    one = canonical(word)
    parts = {one, *(canonical(part) for part in re.split(r"-", word))}
    found = {base for part in parts for base in bases(part)}
    for ending in ("er", "est", "y", "ly", "ish"):
        found |= {part.removesuffix(ending) for part in parts if part.endswith(ending) and len(part) > len(ending) + 2}
    return frozenset(found)


def _meant(word: str) -> frozenset[str]:
    """The forms of a word with a meaning; none of one that needs no line."""
    kept, one = kept_words(), canonical(word)
    idle = kept.unasked | kept.changing | SMALL
    if one in idle or one.removesuffix("s") in idle or (len(one) < 2 and not one.isdigit()):
        return frozenset()
    return _forms(word)


def _is_look(word: str) -> bool:
    return word in COLOURS or word in NUMBERS.values()


def _counts(word: str, later: tuple[str, ...]) -> bool:
    """Whether a word is a number of things: neither a year nor a time nor a measure."""
    return word.isdigit() and len(word) < 3 and bool(later) and later[0] not in kept_words().units


def _numbers(text: str) -> Iterator[str]:
    for word in _TOKEN.findall(text):
        value = canonical(word)
        if value.isdigit():
            yield str(int(value)) if len(value) < 10 else value


def _squeezed(text: str) -> str:
    return re.sub(r"[\W_]+", "", text).casefold()


def _han_things() -> dict[str, tuple[str, ...]]:
    return kept_words().han
