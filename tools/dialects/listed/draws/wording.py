"""Reads a request for a picture in anybody's words: what was replaced, what it asks for, which words are unknown."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final, NamedTuple

from omniagent.tools.dialects.listed.draws import own_form
from omniagent.tools.dialects.listed.draws.chinese import in_english, is_chinese
from omniagent.tools.dialects.listed.draws.parts import COLOURS, GROUNDS, NUMBERS, SHAPES
from omniagent.tools.dialects.listed.draws.reader import NotDrawn, NotRead, read_draw
from omniagent.tools.dialects.listed.draws.scene import Asked
from omniagent.tools.dialects.listed.draws.ways import Way, ways
from omniagent.tools.dialects.listed.lexicon.entries import grammar
from omniagent.tools.dialects.listed.lexicon.limits import trained_refusals
from omniagent.tools.dialects.listed.plain_words import plain_request

_TOKEN: Final = re.compile(r"[^\W_]+(?:['’-][^\W_]+)*|[^\w\s]|_")
_EMOJI: Final = {
    "🔴": "red circle", "🟠": "orange circle", "🟡": "yellow circle", "🟢": "green circle", "🔵": "blue circle",
    "🟣": "purple circle", "🟥": "red square", "🟧": "orange square", "🟨": "yellow square", "🟩": "green square",
    "🟦": "blue square", "🟪": "purple square", "⭐": "yellow star", "🌟": "yellow star", "🔺": "red triangle",
    "⭕": "red ring",
}  # fmt: skip
_SPELT: Final = frozenset(
    word
    for word in (*COLOURS, *SHAPES, *(f"{shape}s" for shape in SHAPES), "striped", "dotted", "background", "spotted")
    if len(word) > 5
)
"""Words that are long enough to be known by all but one of their letters."""


class Change(NamedTuple):
    """A phrase and what it was read as, empty where it was left out; `near`: it means only nearly that."""

    said: str
    own: str
    near: bool = False


@dataclass(frozen=True)
class Heard:
    """A request for a picture, as far as these rules can read it.

    Attributes:
        words: In the model's own words: a sentence of its own grammar where `asked` is there.
        asked: The request as data; None where these rules cannot read it whole.
        changes: What was replaced.
        assumptions: How the reading filled in what the words leave open, in sentences.
        unknown: Words that carry meaning and are unknown.
        reason: Why it cannot be drawn at all, else empty.
    """

    words: str
    asked: Asked | None = None
    changes: tuple[Change, ...] = ()
    assumptions: tuple[str, ...] = ()
    unknown: tuple[str, ...] = ()
    reason: str = ""


def heard(words: str, *, held_out: bool = True) -> Heard:
    """What a request for a picture asks for; one of the model's own grammar keeps its words.

    Args:
        words: The person's own.
        held_out: Whether the phrases that are kept for tests are known.
    """
    plain = plain_request(words)
    if (refused := trained_refusals().fullmatch(plain)) is not None:
        return Heard(plain, unknown=(refused["colour"],))
    text = in_english(plain) if is_chinese(plain) else plain
    text = _without_emoji(text)
    if text == plain and own_form.is_own(plain):
        try:
            return Heard(plain, read_draw(own_form.bare(plain)))
        except NotDrawn as error:
            return Heard(plain, reason=str(error))
        except NotRead:
            return Heard(plain)
    return _Wording(held_out).read(plain, text.lower())


def in_own_words(text: str, *, held_out: bool = True) -> tuple[str, tuple[str, ...]]:
    """A plain text with its names, looks, places and numbers in the model's own words, and what that assumes."""
    wording = _Wording(held_out)
    return wording.named(_without_emoji(text))


def without_ground(text: str, *, held_out: bool = True) -> tuple[str, str | None]:
    """A text in the model's own words without the background that it names, and that background, if there is one."""
    rest, ground = _Wording(held_out).groundless(f" {text} ")
    return " ".join(rest.split()), ground


class _Wording:
    """Goes over a request step by step and notes what it changes."""

    def __init__(self, held_out: bool) -> None:
        self._ways = ways(held_out=held_out)
        self._longest = max(map(len, self._ways.phrases))
        self._changes: list[Change] = []

    def read(self, plain: str, text: str) -> Heard:
        if colour := re.search(rf"\b({'|'.join(COLOURS)}) (?:background|backdrop|canvas)\b", text):
            return Heard(
                plain, reason=f"a {colour[1]} background cannot be drawn: backgrounds are white, black or gray"
            )
        spoken, ground = self.groundless(f" {_tidy(text)} ")
        spoken = self._ways.frames.sub(" , ", spoken)
        spoken = self._without_fillers(self._without_vague(self._substituted(spoken)))
        spoken = self._spelt(f"{spoken}, on a {ground} background" if ground else spoken)
        assumed = _assumed(self._changes)
        try:
            asked = read_draw(spoken)
            # Once more in the order of its own words, in which the model's plans ask; two things of one name that
            # stand in several relations cannot be told apart there.
            ordered = read_draw(own_form.bare(asked.text))
        except NotDrawn as error:
            return Heard(plain, reason=str(error))
        except NotRead as error:
            unknown = tuple(word for word in error.unknown if word in GROUNDS or not self._may_go(word))
            return Heard(plain if unknown else spoken, None, tuple(self._changes), assumed, unknown)
        return Heard(asked.text, ordered, tuple(self._changes), (*assumed, *asked.assumptions))

    def named(self, text: str) -> tuple[str, tuple[str, ...]]:
        """The text in the model's own words, its other words as they were, and what is only nearly meant."""
        return self._spelt(self._substituted(_tidy(text))), _assumed(self._changes)

    def groundless(self, text: str) -> tuple[str, str | None]:
        rules, known = self._ways.ground, self._ways.grounds
        word = "|".join(re.escape(each) for each in sorted(known, key=len, reverse=True))
        plain = rf"(?:(?:{'|'.join(rules.plain)}),? )*"
        leading = "|".join(map(re.escape, sorted(rules.before, key=len, reverse=True)))
        ground = rf"(?P<g>{word})"
        behind = rf"(?:,? (?:{'|'.join(rules.plain)}))*[ -](?:colou?red )?(?:{'|'.join(rules.nouns)})\b"
        for pattern in (
            *(pattern.replace("{ground}", rf"{plain}{ground}") for pattern in rules.said),
            rf"(?:(?:,| and)? ?(?:{leading}) )?{plain}{ground}{behind}",
            rf"(?:on|against|over|onto) (?:a |an |the )?{plain}{ground}(?= *(?:[,.;:]|$|instead\b))(?: instead)?",
        ):
            found = list(re.finditer(rf"(?<![\w-]){pattern}(?![\w-])", text))
            if found:
                # Of several the last stands: "on black. hmm, on gray instead".
                said = found[-1]["g"]
                own, near = known[said]
                if said not in GROUNDS:
                    self._changes.append(Change(said, f"a {own} background", near))
                return re.sub(rf"(?<![\w-]){pattern}(?![\w-])", " , ", text), own
        return text, None

    def _substituted(self, text: str) -> str:
        tokens = _TOKEN.findall(text)
        out: list[str] = []
        at = 0
        while at < len(tokens):
            for length in range(min(self._longest, len(tokens) - at), 0, -1):
                said = tokens[at : at + length]
                way = self._ways.phrases.get(tuple(said))
                if way is None or _stays(said, tokens[at - 1] if at else "", tokens[at + length :], way):
                    continue
                out.append(way.own)
                self._changes.append(Change(" ".join(said), way.own, way.near))
                at += length
                break
            else:
                out.append(tokens[at])
                at += 1
        return re.sub(r"\s+([,.;:?])", r"\1", " ".join(" ".join(out).split()))

    def _without_vague(self, text: str) -> str:
        self._changes += [Change(match.group(), "", near=True) for match in self._ways.vague.finditer(text)]
        return self._ways.vague.sub(" ", text)

    def _without_fillers(self, text: str) -> str:
        text = self._ways.frames.sub(" , ", f" {text} ")
        text = _opened(text)
        kept = [each for each in _TOKEN.findall(text) if not self._is_filler(each)]
        text = _opened(re.sub(r"\s+([,.;:])", r"\1", " ".join(kept)))
        return re.sub(r"(?:[,.;]\s*){2,}", ", ", text).strip(" ,.;:")

    def _is_filler(self, word: str) -> bool:
        """Whether a word says nothing of the picture; those that change what is asked for never go."""
        if word in self._ways.binding or word in grammar().binding:
            return False
        return word in self._ways.fillers or re.fullmatch(r"\w{3,}ly|['’`_]", word) is not None

    def _spelt(self, text: str) -> str:
        """The text with long words that are one letter off brought to the only known one that they can be."""

        def mended(match: re.Match[str]) -> str:
            word = match.group()
            known = word in _SPELT or self._may_go(word)
            close = set[str]() if known else _alike(word)
            if len(close) != 1:
                return word
            (own,) = close
            self._changes.append(Change(word, own, near=True))
            return own

        return re.sub(r"[a-z]{5,}", mended, text)

    def _may_go(self, word: str) -> bool:
        return word in self._ways.binding or word in self._ways.fillers


def _stays(said: list[str], before: str, after: list[str], way: Way) -> bool:
    """Whether a phrase means something else here: a pattern ("with dots"), a look before its noun ("round shape")."""
    if said in (["dots"], ["spots"]) and before in ("with", "of", "has", "have", "polka", "in"):
        return True
    following = after[0] if after else ""
    if way.category == "numbers" and (following.isdigit() or following in NUMBERS):
        return True
    if way.category == "shapes" and len(said) == 1 and said[0] in ("round", "tri", "quad", "dot", "ball"):
        return following in ("shape", "shapes", "object", "objects", *SHAPES, *(f"{shape}s" for shape in SHAPES))
    return False


def _tidy(text: str) -> str:
    text = re.sub(r"\b(that|it|there|which|what)'s\b", r"\1 is", text.replace("’", "'"))
    text = re.sub(r"[\"()\[\]{}*#|<>~]", " ", re.sub(r"[!?\n]+|\s[-–—]+\s|…|\.\.\.", ". ", text))
    text = re.sub(r"\bsmaller\b", "small", re.sub(r"\b(?:bigger|larger)\b", "large", text))
    text = re.sub(r"\b(?:as well as|along with|together with|in addition to|followed by|and also|plus)\b", "and", text)
    text = re.sub(
        r"\b(?:each|every|all|both)(?: single)? (?:one )?of (?:them|these|those|which)\b|\beach one\b", "all", text
    )
    text = re.sub(r"\b(?:stack (?:them|these) )?(?:from )?top to bottom\b", "in a column", text)
    text = re.sub(r"\b(?:line them up )?(?:from )?left to right\b", "in a row", text)
    text = re.sub(
        r"\bup top\b|\bat the very top\b",
        "at the top",
        re.sub(r"\bdown (?:below(?! (?:it|them|that|the|an?|one|two)\b)|at the bottom)", "at the bottom", text),
    )
    text = re.sub(r"\b(?:[a-z]+-)?(white|black|grey|gray)-?(?:colou?red|ish)?\b", r"\1", text)
    # "take a black canvas and draw a ring on it": what it is on is the ground.
    text = re.sub(
        r"(\b(?:canvas|background|backdrop|page|sheet)\b[^;]{0,16}\b(?:draw|put|paint|place|add)\b[^.;]*?)"
        r" on(?:to)? (?:it|this|that)(?=\s*(?:[.;!]|$))",
        r"\1",
        text,
    )
    return re.sub(r"\b(\d+) ?x\b", r"\1", text)


def _opened(text: str) -> str:
    return own_form.OPENINGS.sub("", re.sub(r"^[\s,.;:]+", "", text))


def _assumed(changes: Iterable[Change]) -> tuple[str, ...]:
    """What is only nearly meant, and what is left out, in sentences."""
    return tuple(
        f"“{one.said}” is read as {one.own}" if one.own else f"“{one.said}” is left out: this model cannot draw it"
        for one in changes
        if one.near
    )


def _without_emoji(text: str) -> str:
    """The text with runs of known emoji as counted things."""

    def said(match: re.Match[str]) -> str:
        symbol = match.group()[0]
        count = match.group().count(symbol)
        return f" a {_EMOJI[symbol]} " if count == 1 else f" {count} {_EMOJI[symbol]}s "

    pattern = "|".join(rf"{symbol}(?:\ufe0f?{symbol})*\ufe0f?" for symbol in _EMOJI)
    return " ".join(re.sub(pattern, said, text).split()) if re.search(pattern, text) else text


def _alike(word: str) -> set[str]:
    return {known for known in _SPELT if _one_off(word, known)}


def _one_off(word: str, known: str) -> bool:
    """Whether a letter is missing, too much, wrong, or exchanged with the next one."""
    if abs(len(word) - len(known)) > 1 or word[0] != known[0]:
        return False
    if len(word) == len(known):
        wrong = [i for i in range(len(word)) if word[i] != known[i]]
        exchanged = len(wrong) == 2 and wrong[1] == wrong[0] + 1 and sorted(word) == sorted(known)
        return len(wrong) == 1 or exchanged
    longer, shorter = (word, known) if len(word) > len(known) else (known, word)
    return any(longer[:i] + longer[i + 1 :] == shorter for i in range(len(longer)))
