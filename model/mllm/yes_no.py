"""Yes and no: how the two words are spelt as tokens, and reading an answer off tokens or text."""

from __future__ import annotations

import json
import math
import re
import unicodedata
from collections.abc import Iterable, Iterator
from typing import Any

SPELLINGS = {
    answer: tuple(space + word for space in ("", " ") for word in (answer, answer.capitalize(), answer.upper()))
    for answer in ("yes", "no")
}
CHOICE_SCHEMA: dict[str, Any] = {
    "type": "object",
    "properties": {"answer": {"type": "string", "enum": ["yes", "no"]}},
    "required": ["answer"],
    "additionalProperties": False,
}


SAID = {"yes": 1.0, "是": 1.0, "是的": 1.0, "对": 1.0, "no": 0.0, "否": 0.0, "不是": 0.0, "不": 0.0}
OBJECTS_TRIED = 64

_THOUGHT = re.compile(r"<(think|thinking|thought|reasoning|analysis)>", re.IGNORECASE)
_THOUGHT_END = re.compile(r"</(think|thinking|thought|reasoning|analysis)>", re.IGNORECASE)
# What may stand before the word, and what makes the word another one: "no idea", "yes or no", "no-one".
_LEAD = r"(?:answer|verdict|response|result|conclusion|答案)(?:\W{1,4}is\b|是)?"
_WORD = (
    r"(yes|no|是的|是|对|否|不是|不)(?![\w'’-])"
    r"(?! (?:idea|clue|way|one|clear|answer|information|opinion|comment|doubt)\b)"
    r"(?!\W{0,3}(?:or|and|/)\W{0,3}(?:yes|no)\b)"
)
_FIRST = re.compile(
    rf"[\W\d]{{0,40}}(?:(?:(?:the|my|final|correct)\W{{1,4}}){{0,3}}{_LEAD}\W{{0,8}}|(?:assistant|boxed)\W{{1,4}})?{_WORD}"
)
_TOLD = re.compile(rf"\b{_LEAD}\W{{0,8}}{_WORD}")
_TOKEN_MARKS = " \t\r\n\u0120\u2581*\"'`"


def probability_of_yes(logprobs: Iterable[tuple[str, float]]) -> float | None:
    """P(yes)/(P(yes)+P(no)) over all spellings among first tokens and their natural log-probabilities.

    A word that is not among them counts as 0; None when neither is.
    """
    weight = {"yes": 0.0, "no": 0.0}
    for token, logprob in logprobs:
        word = token.strip(_TOKEN_MARKS).lower()
        if word in weight and math.isfinite(logprob):
            weight[word] += math.exp(logprob)
    total = weight["yes"] + weight["no"]
    return weight["yes"] / total if total > 0 else None


def spoken_answer(text: str) -> float | None:
    """1.0 or 0.0 for an answer that says yes or no; None for anything else, and for both.

    The word may stand first, after "Answer:", in another case or width, between marks of Markdown, behind a closed
    block of thinking, or in JSON: the first object with an `answer`, or with one value only.
    """
    said = unicodedata.normalize("NFKC", without_thought(text)).replace("_", " ")
    for found in json_objects(said):
        named = {name.strip().lower(): value for name, value in found.items()}
        value = named["answer"] if "answer" in named else next(iter(named.values())) if len(named) == 1 else None
        if isinstance(value, bool):
            return float(value)
        return _word_in(value) if isinstance(value, str) else None
    return _word_in(said)


def _word_in(text: str) -> float | None:
    said = text.lower().strip()
    told = {SAID[word] for word in _TOLD.findall(said)}
    if (first := _FIRST.match(said)) is not None:
        told.add(SAID[first[1]])
    return told.pop() if len(told) == 1 else None


def without_thought(text: str) -> str:
    """What a model says after its thinking aloud; nothing where it did not come to an end."""
    ends = list(_THOUGHT_END.finditer(text))
    rest = text[ends[-1].end() :] if ends else text
    begun = _THOUGHT.search(rest)
    return rest if begun is None else rest[: begun.start()]


def json_objects(text: str) -> Iterator[dict[str, Any]]:
    """The complete JSON objects in a text, from the left, whatever stands around them; none within another."""
    decoder = json.JSONDecoder(strict=False)
    start = text.find("{")
    for _ in range(OBJECTS_TRIED):
        if start < 0:
            return
        try:
            found, end = decoder.raw_decode(text, start)
        except (ValueError, RecursionError):
            end = start + 1
        else:
            yield found
        start = text.find("{", end)


def begins_choice(text: str) -> bool:
    """Whether a text, which may be cut, begins as `CHOICE_SCHEMA` wants, whatever white space it holds."""
    said = "".join(text.split())
    whole = tuple(json.dumps({"answer": word}, separators=(",", ":")) for word in ("yes", "no"))
    return bool(said) and any(each.startswith(said) for each in whole)
