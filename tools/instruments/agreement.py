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

    Where all say the same, so does the verdict; else their weighted mean decides. Pixels that cannot tell weigh nothing.

    Args:
        evidence: One piece at least.
        thresholds: From which mean the answer is yes or no.
        weights: By instrument, 1 where it is left out. What weighs 0 does not count, unless nothing else was measured.
    """
    evidence = [one for one in evidence if one.instrument != "pixels" or one.answer != "unsure"] or evidence
    weighed = [(one, weights.get(one.instrument, 1.0)) for one in evidence]
    counting = [(one, weight) for one, weight in weighed if weight > 0] or [(one, 1.0) for one in evidence]
    probability = sum(one.probability * weight for one, weight in counting) / sum(weight for _, weight in counting)
    said = {one.answer for one, _ in counting}
    if {"yes", "no"} <= said:
        return "unsure", probability
    return said.pop() if len(said) == 1 else answer_of(probability, thresholds), probability
