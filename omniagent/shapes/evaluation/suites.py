"""The suites: how many tasks of each kind, all from the test split, each a function of the seed and its number."""

from types import MappingProxyType
from typing import Final

import numpy as np

from omniagent.model.errors import BadSetting
from omniagent.model.wording import shown
from omniagent.shapes.tasks.task import Kind, ShapesTask, sample_task

SUITES: Final = MappingProxyType[str, tuple[Kind, int]](
    {
        "draw": ("draw", 300),
        "edit": ("edit", 150),
        "reference": ("reference", 80),
        "questions": ("question", 100),
        "outside": ("outside", 100),
    }
)
"""Each suite's kind of task and its full number."""


def tasks_of(suite: str, *, limit: int | None = None, seed: int = 0) -> list[ShapesTask]:
    """The suite's tasks from the test split; with a limit, the first of them.

    Raises:
        BadSetting: There is no such suite, or the limit is below 1.
    """
    if suite not in SUITES:
        raise BadSetting(f"suite={shown(suite)} does not exist; give one of {', '.join(SUITES)}")
    if limit is not None and limit < 1:
        raise BadSetting(f"limit={shown(limit)} is not allowed; give an integer of at least 1")
    kind, number = SUITES[suite]
    many = number if limit is None else min(limit, number)
    return [sample_task(np.random.default_rng([seed, *suite.encode(), index]), kind, "test") for index in range(many)]
