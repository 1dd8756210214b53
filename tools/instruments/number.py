"""Counts by an open question: the probability of the right number, which a number in the question does not prime.

As Soft-TIFA of GenEval 2 asks for counts, in place of "are there five apples?".
"""

from typing import Final

from omniagent.model.errors import CriticBadOutput
from omniagent.model.profile import Thresholds
from omniagent.model.requests import Prompt
from omniagent.tools.dialects.base import Consultation, Dialect
from omniagent.tools.instruments.agreement import answer_of
from omniagent.tools.types import Evidence, Stated

NUMBERS: Final = tuple(str(number) for number in range(10))


def number_evidence(
    stated: Stated, prompt: Prompt, dialect: Dialect, critic: Consultation, thresholds: Thresholds
) -> Evidence | None:
    """How many the critic sees of what a requirement counts; None where it cannot be asked or names no number.

    Args:
        stated: What is counted, and how many there must be; above nine no one token tells it.
        prompt: The prefix of all questions about the picture.
        dialect: How the critic is asked.
        critic: The critic that counts.
        thresholds: From which probability of the right number the answer is yes or no.
    """
    question = dialect.count_question(stated.thing) if stated.thing else None
    if question is None or stated.number is None or not 0 <= stated.number < len(NUMBERS):
        return None
    try:
        likely = critic.choose(prompt.then(question), NUMBERS)
    except CriticBadOutput:
        return None
    right = likely[stated.number]
    most = max(range(len(NUMBERS)), key=lambda number: likely[number])
    note = f"counts {most} {stated.thing}"
    return Evidence(instrument="number", answer=answer_of(right, thresholds), probability=right, note=note)
