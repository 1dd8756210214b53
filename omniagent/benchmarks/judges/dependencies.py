"""DPG-Bench's arithmetic: answers about a picture, of which some count only where others are yes (arXiv 2403.05135).

Source: TencentQQGYLab/ELLA, dpg_bench/compute_dpg_bench.py (Apache-2.0).
"""

from collections.abc import Mapping, Sequence
from typing import NamedTuple

from pydantic import JsonValue


class Question(NamedTuple):
    """A question about a picture.

    Attributes:
        number: Its number within its prompt.
        parents: Numbers of those that must be yes for it to count.
        category: Such as `attribute - color`; what stands before the dash is the category of the first level.
        words: The question.
    """

    number: int
    parents: tuple[int, ...]
    category: str
    words: str

    @property
    def facts(self) -> list[JsonValue]:
        """The question as JSON has it."""
        return [self.number, list(self.parents), self.category, self.words]

    @property
    def broad(self) -> str:
        """The category of the first level."""
        return self.category.partition("-")[0].strip()


def zeroed(answers: Mapping[int, float], questions: Sequence[Question]) -> dict[int, float]:
    """The answers, 1 for yes, with 0 for every question of which a parent is 0, in the order of the questions.

    Raises:
        KeyError: a parent is no question of these.
    """
    counted = dict(answers)
    for question in questions:
        if any(counted[parent] == 0 for parent in question.parents):
            counted[question.number] = 0.0
    return counted


def by_category(answers: Mapping[int, float], questions: Sequence[Question]) -> dict[str, tuple[float, int]]:
    """The mean and number of answers of each category, of both levels."""
    found: dict[str, list[float]] = {}
    for question in questions:
        for name in dict.fromkeys((question.broad, question.category)):
            found.setdefault(name, []).append(answers[question.number])
    return {name: (sum(values) / len(values), len(values)) for name, values in found.items()}
