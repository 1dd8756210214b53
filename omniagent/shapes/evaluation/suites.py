"""The suites: how many tasks of each kind, all from the test split, each a function of the seed and its number.

Those called `-said` are in held-out sentence frames and in words that the lexicon holds without its test's synonyms;
`draw-synonym` has just one of these synonyms in each request, each of `edit-two-said` asks for two changes, each of
`edit-three-said` for three.
"""

from collections.abc import Callable
from types import MappingProxyType
from typing import Final

import numpy as np

from omniagent.model.errors import BadSetting
from omniagent.model.wording import shown
from omniagent.shapes.said.tasks import said_edit, said_outside, said_task
from omniagent.shapes.said.vocabulary import Speech
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

SAID_SUITES: Final = MappingProxyType[str, tuple[Kind, int]](
    {
        "draw-said": ("draw", 300),
        "draw-synonym": ("draw", 150),
        "chinese-said": ("draw", 60),
        "edit-said": ("edit", 200),
        "edit-two-said": ("edit", 60),
        "edit-three-said": ("edit", 60),
        "reference-said": ("reference", 80),
        "questions-said": ("question", 100),
        "outside-said": ("outside", 150),
    }
)
"""The suites in other people's words."""

_TEST = Speech("test")


def tasks_of(suite: str, *, limit: int | None = None, seed: int = 0) -> list[ShapesTask]:
    """The suite's tasks from the test split; with a limit, the first of them.

    Raises:
        BadSetting: There is no such suite, or the limit is below 1.
    """
    known = {**SUITES, **SAID_SUITES}
    if suite not in known:
        raise BadSetting(f"suite={shown(suite)} does not exist; give one of {', '.join(known)}")
    if limit is not None and limit < 1:
        raise BadSetting(f"limit={shown(limit)} is not allowed; give an integer of at least 1")
    _, number = known[suite]
    many = number if limit is None else min(limit, number)
    return [_task(suite, index, np.random.default_rng([seed, *suite.encode(), index])) for index in range(many)]


def _task(suite: str, index: int, rng: np.random.Generator) -> ShapesTask:
    match suite:
        case "draw-synonym":
            return said_task(rng, "draw", Speech("test", one_new_word=True), "test")
        case "chinese-said":
            return said_task(rng, "draw", Speech("test", chinese=True), "test")
        case "edit-said":
            changes = 2 if index % 4 == 3 else 1
            return _made(lambda: said_edit(rng, _TEST, "test", changes))
        case "edit-two-said" | "edit-three-said":
            changes = 2 if suite == "edit-two-said" else 3
            return _made(lambda: said_edit(rng, _TEST, "test", changes))
        case "outside-said":
            beside = index % 3 == 0
            return _made(lambda: said_outside(rng, _TEST, "test", beside=beside))
        case _ if suite in SAID_SUITES:
            return said_task(rng, SAID_SUITES[suite][0], _TEST, "test")
        case _:
            return sample_task(rng, SUITES[suite][0], "test")


def _made(make: Callable[[], ShapesTask | None]) -> ShapesTask:
    while True:
        task = make()
        if task is not None:
            return task
