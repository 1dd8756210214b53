"""Yes and no: how the two words are spelt as tokens, and reading an answer off tokens or text."""

from __future__ import annotations

import json
import math
from collections.abc import Iterable
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


def probability_of_yes(logprobs: Iterable[tuple[str, float]]) -> float | None:
    """P(yes)/(P(yes)+P(no)) over all spellings among first tokens and their natural log-probabilities.

    A word that is not among them counts as 0; None when neither is.
    """
    weight = {"yes": 0.0, "no": 0.0}
    for token, logprob in logprobs:
        word = token.strip().lower()
        if word in weight and math.isfinite(logprob):
            weight[word] += math.exp(logprob)
    total = weight["yes"] + weight["no"]
    return weight["yes"] / total if total > 0 else None


def spoken_answer(text: str) -> float | None:
    """1.0 or 0.0 for an answer that says yes or no, in words or as `CHOICE_SCHEMA` JSON; None for anything else."""
    try:
        said = json.loads(text)
    except ValueError:
        said = text
    if isinstance(said, dict):
        said = said.get("answer")
    words = str(said).lower().replace(".", " ").replace(",", " ").split()
    return {"yes": 1.0, "no": 0.0}.get(words[0]) if words else None


def begins_choice(text: str) -> bool:
    """Whether a text, which may be cut, begins as `CHOICE_SCHEMA` wants, whatever white space it holds."""
    said = "".join(text.split())
    whole = tuple(json.dumps({"answer": word}, separators=(",", ":")) for word in ("yes", "no"))
    return bool(said) and any(each.startswith(said) for each in whole)
