"""What a task wants of the finished picture, part by part, by kept word lists: English and Chinese.

English: quoted texts, numbers, colours, spatial relations, wishes to keep something, and every other word with a
meaning. Chinese: quoted texts, counts, colours, common things, wishes to keep something. Of other languages the quoted
texts and digits.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from itertools import pairwise
from typing import Final, NamedTuple

from omniagent.tools.audit import Mention, Told
from omniagent.tools.dialects.plain.faithful import (
    SMALL,
    han_colours,
    han_numbers,
    without_references,
)
from omniagent.tools.dialects.plain.language.amounts import bounds_first, leads
from omniagent.tools.dialects.plain.language.kept_words import kept_words
from omniagent.tools.dialects.plain.language.parts import (
    ALL_ELSE,
    BETWEEN,
    CLAUSE,
    GONE,
    IDLE,
    KEEP,
    KEPT_SO,
    ON_NO_THING,
    PLACE,
    PREDICATE,
    PRONOUN,
    PUTTING,
    RELATION,
    RELATIONS,
    SAME,
    THAT,
    TOKEN,
)
from omniagent.tools.dialects.plain.language.sources import without_sources
from omniagent.tools.dialects.plain.language.vocabulary import (
    COLOURS,
    NUMBERS,
    bases,
    canonical,
    english,
    has_han,
    quoted,
    without_quoted,
)
from omniagent.tools.dialects.plain.questions import LONGEST
from omniagent.tools.dialects.plain.stated import is_kept_line
from omniagent.tools.dialects.plain.wanted_chinese import chinese_wishes
from omniagent.tools.types import Mode, Requirement

UNKNOWN_LANGUAGE: Final = (
    "the task is in neither English nor Chinese, so only its quoted texts and digits were held against the checklist"
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
    found += _keeps(bare, mode)
    bare = KEEP.sub(" . ", bare)
    if english(words):
        text = bounds_first(re.sub(r"[()\[\]]", " ", bare.lower()))
        found += _gone(text)
        text = GONE.sub(" . ", text)
        found += _english(IDLE.sub(" ", without_sources(text) if mode == "edit" else text), change=mode == "edit")
    elif has_han(words):
        found += chinese_wishes(bare)
    else:
        found += [
            Mention("number", number, frozenset([f"#{number}"]))
            for number in re.findall(r"(?<![\w.])\d{1,2}(?![\w.])", bare)
        ]
    return tuple(dict.fromkeys(found))


def told_of(line: Requirement) -> Told:
    """What a line of a checklist tells."""
    if is_kept_line(line.question):
        # They repeat the words of the task and ask for none of its parts.
        return Told(frozenset(), keeps=True)
    bare = line.question.lower()
    forms = {form for word in TOKEN.findall(bare) for form in _stems(word)}
    forms |= {f"#{value}" for value in _numbers(bare)} | {f"#{value}" for value in han_numbers(bare)}
    forms |= {f"@{name}" for each in RELATION.findall(bare) for name in RELATIONS[each]}
    forms |= {one for one in kept_words().han if one in bare} | {said for said, _ in han_colours(bare)}
    if re.search(r"\b(?:in|within|into)\b", bare):
        forms.add("@in")
    if re.search(r"\bwear(?:s|ing)?\b", bare):
        forms.add("@on")
    return Told(
        frozenset(forms),
        text=_squeezed(line.question),
        pronoun=PRONOUN.search(bare) is not None,
        keeps=line.kind in ("preservation", "identity") or SAME.search(bare) is not None,
        colours=frozenset(forms & COLOURS),
        content=frozenset[str]().union(*(_meant(word) for word in TOKEN.findall(bare))),
    )


def _quote(text: str) -> Mention:
    question = f'Does the picture show the text "{text}"?'
    return Mention(
        "quote",
        f'"{text}"',
        frozenset([_squeezed(text)]),
        line=("text", question) if len(question) <= LONGEST else None,
    )


def _keeps(bare: str, mode: Mode) -> Iterator[Mention]:
    """Wishes to keep something; only a change has one given picture that can be held beside the finished one."""
    for found in KEEP.finditer(bare):
        what = " ".join(KEPT_SO.sub(" ", found["what"] or found["han"]).split())
        rest = ALL_ELSE.search(what) is not None or not what
        each = () if rest else tuple(filter(None, (_meant(word) for word in TOKEN.findall(what.lower()))))
        # "Keep the lamp lit" names the state that is to stay, so that a line may ask for it without a "still".
        state = each[-1] if len(each) > 1 else frozenset[str]()
        of = frozenset[str]().union(*(each[:-1] or each))
        said = " ".join(found[0].split())
        if mode != "edit":
            if not rest and not of:
                continue
            line = None if rest else ("attribute", f"Does the picture show this: {what}?"[:LONGEST])
            yield Mention("keep", said, state or of, of, line)
            continue
        asked = "Apart from the change, is everything as it is in the given picture"
        if not rest:
            asked = f"Is this as it is in the given picture: {what}"
        yield Mention("keep", said, state, of, ("preservation", f"{asked}?"[:LONGEST]))


def _gone(text: str) -> Iterator[Mention]:
    """What must not be there."""
    for found in GONE.finditer(text):
        forms = frozenset(form for word in TOKEN.findall(found["what"]) if word not in BETWEEN for form in _forms(word))
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
    for clause in CLAUSE.split(text):
        inexact = leads(clause)
        for before, phrase in pairwise([None, *_phrases(clause)]):
            if phrase is not None:
                yield from _of_phrase(phrase, before, inexact)
        # Of a change, a place mostly tells which thing is meant; where something is put it must hold afterwards.
        if not change or PUTTING.search(clause):
            yield from _relations(clause)
            yield from _places(clause)


def _phrases(clause: str) -> Iterator[_Phrase]:
    run, after = list[str](), ""
    bare = re.sub(r"(?<=\w)n['’]t\b|(?<=\w)['’](?:s|re|ve|ll|d|m)\b", " ", RELATION.sub(" and ", clause))
    for word in [*TOKEN.findall(bare), "and"]:
        if word not in BETWEEN and _meant(word):
            run.append(word)
            continue
        if run:
            yield _Phrase(" ".join(run), tuple(canonical(one) for one in run), after)
            run = []
        if word not in ("a", "an", "the"):
            after = word


def _of_phrase(phrase: _Phrase, before: _Phrase | None, inexact: Mapping[str, str]) -> Iterator[Mention]:
    for at, word in enumerate(phrase.words):
        if inexact.get(word) == "" and (not phrase.words[at + 1 :] or phrase.words[at + 1].isdigit()):
            # The other number of its range asks for both.
            continue
        later = frozenset(form for one in phrase.words[at + 1 :] if not _is_look(one) for form in _forms(one))
        earlier = frozenset(form for one in phrase.words[:at] if not _is_look(one) for form in _forms(one))
        said = phrase.said
        if word in COLOURS:
            # "a red car", "the car is red": before the thing, or after it.
            of = later or earlier
            if not of and before is not None and phrase.after in PREDICATE:
                of, said = before.of, f"{before.said} {phrase.said}"
            yield Mention("colour", said, frozenset([word]), of, ("attribute", f"Does the picture show this: {said}?"))
        elif _counts(word, phrase.words[at + 1 :]):
            if word != "1":
                lead = inexact.get(word, "")
                told = f"{lead} {said}".strip()
                asked = ("count", f"Does the picture show {told if lead else f'exactly {said}'}?")
                yield Mention("number", told, frozenset([f"#{word}"]), later, asked)
        else:
            yield Mention(
                "word", said, frozenset(_forms(word)), line=("presence", f"Does the picture show this: {said}?")
            )


def _relations(clause: str) -> Iterator[Mention]:
    for found in RELATION.finditer(clause):
        after = clause[found.end() :].strip()
        if found[0] in ("on", "over", "near", "under") and ON_NO_THING.match(after):
            continue
        first, second = list(_phrases(clause[: found.start()])), list(_phrases(clause[found.end() :]))
        name, same = found[0], frozenset(f"@{each}" for each in RELATIONS[found[0]])
        if not second or not second[0].of:
            continue
        other = second[0]
        if not first or not first[-1].of:
            # "It sits under a tree", "left of her a piano": one of the two is named elsewhere.
            asked = f"Is something {name} the {other.said}?" if not THAT.match(after) else f"Is the {other.said} there?"
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
    for found in PLACE.finditer(clause):
        around = [*_phrases(clause[: found.start()])][-1:] or [*_phrases(clause[found.end() :])][:1]
        thing = around[0].said if around else "something"
        of = around[0].of if around else frozenset[str]()
        question = f"Is the {thing} {found[0]}?" if around else f"Is something {found[0]}?"
        yield Mention(
            "relation", f"{thing} {found[0]}", frozenset([canonical(found["side"])]), of, ("relation", question)
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
    for word in TOKEN.findall(text):
        value = canonical(word)
        if value.isdigit():
            yield str(int(value)) if len(value) < 10 else value


def _squeezed(text: str) -> str:
    return re.sub(r"[\W_]+", "", text).casefold()
