"""Scores as judges write them."""

import math
from collections.abc import Callable, Mapping
from typing import Any, cast

from omniagent.model.mllm.yes_no import json_objects, without_thought


def json_in(answer: str) -> dict[str, Any] | None:
    """The first object of JSON in an answer, whatever stands around it but thinking aloud; None where there is none."""
    return next(json_objects(without_thought(answer)), None)


def number_in(value: object, low: float, high: float) -> float | None:
    """A number within its range, also as text or as the only one of a list; None for anything else."""
    if isinstance(value, list):
        given = cast("list[object]", value)
        return number_in(given[0], low, high) if len(given) == 1 else None
    if isinstance(value, bool) or not isinstance(value, int | float | str):
        return None
    try:
        number = float(value)
    except ValueError:
        return None
    return number if low <= number <= high else None


def with_mean(name: str) -> Callable[[Mapping[str, float]], Mapping[str, float]]:
    """What adds the geometric mean of a picture's two parts to them, before any mean over pictures."""

    def combined(parts: Mapping[str, float]) -> Mapping[str, float]:
        first, second = parts.values()
        return {**parts, name: math.sqrt(first * second)}

    return combined
