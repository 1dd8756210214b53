"""Several instruments' answers to one requirement made one verdict: where they disagree, nothing is sure."""

from collections.abc import Mapping, Sequence
from types import MappingProxyType

from omniagent.model.profile import Thresholds
from omniagent.tools.types import Answer, Evidence


def answer_of(probability: float, thresholds: Thresholds) -> Answer:
    """yes, no, or unsure between the thresholds."""
    if probability >= thresholds.yes:
        return "yes"
    return "no" if probability <= thresholds.no else "unsure"


def agreed(
    evidence: Sequence[Evidence], thresholds: Thresholds, weights: Mapping[str, float] = MappingProxyType({})
) -> tuple[Answer, float]:
    """The answer and p(yes) of one or more instruments: `unsure` where one says yes and another no.

    Where all say the same, so does the verdict; else their weighted mean decides. Pixels that cannot tell do not
    count.

    Args:
        evidence: One piece at least.
        thresholds: From which mean the answer is yes or no.
        weights: By instrument, 1 where it is left out. What weighs 0 does not count, unless nothing else was measured.
    """
    pieces: list[tuple[Answer, float, float]] = [
        (one.answer, one.probability, weight_of(one.instrument, one.answer, weights)) for one in evidence
    ]
    return settled(pieces, thresholds)


def weight_of(instrument: str, answer: Answer, weights: Mapping[str, float]) -> float:
    """What an answer weighs: as its instrument does, but for pixels that cannot tell, which weigh nothing."""
    return 0.0 if instrument == "pixels" and answer == "unsure" else weights.get(instrument, 1.0)


def settled(pieces: Sequence[tuple[Answer, float, float]], thresholds: Thresholds) -> tuple[Answer, float]:
    """`agreed` for pieces as (answer, p(yes), weight)."""
    counting = [piece for piece in pieces if piece[2] > 0] or [(answer, p, 1.0) for answer, p, _ in pieces]
    probability = sum(p * weight for _, p, weight in counting) / sum(weight for _, _, weight in counting)
    said: set[Answer] = {answer for answer, _, _ in counting}
    if "yes" in said and "no" in said:
        return "unsure", probability
    return said.pop() if len(said) == 1 else answer_of(probability, thresholds), probability
