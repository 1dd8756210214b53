"""Several instruments' answers to one requirement made one verdict: where they disagree, nothing is sure."""

from collections.abc import Sequence

from omniagent.model.profile import Thresholds
from omniagent.tools.types import Answer, Evidence


def answer_of(probability: float, thresholds: Thresholds) -> Answer:
    """yes, no, or unsure between the thresholds."""
    if probability >= thresholds.yes:
        return "yes"
    return "no" if probability <= thresholds.no else "unsure"


def agreed(evidence: Sequence[Evidence], thresholds: Thresholds) -> tuple[Answer, float]:
    """The answer and p(yes) of one or more instruments: their mean, `unsure` where one says yes and another no.

    Pixels that cannot tell weigh nothing.
    """
    evidence = [one for one in evidence if one.instrument != "pixels" or one.answer != "unsure"]
    probability = sum(one.probability for one in evidence) / len(evidence)
    said = {one.answer for one in evidence}
    if {"yes", "no"} <= said:
        return "unsure", probability
    return answer_of(probability, thresholds), probability
