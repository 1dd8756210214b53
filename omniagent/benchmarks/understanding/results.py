"""The results that lmms-eval writes, read back; nothing is scored here."""

import math
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from omniagent.benchmarks.understanding.tasks import TASKS, UnderstandingTask
from omniagent.model.errors import BadSetting
from omniagent.model.wording import counted, cut, fault, shown, unknown
from omniagent.tools.types import Word


class _Number(BaseModel):
    model_config = ConfigDict(frozen=True, extra="ignore")

    original: int = Field(ge=0)
    effective: int = Field(ge=0)


class _File(BaseModel):
    """What is looked at of `<date>_results.json`, as lmms-eval 0.7.3 writes it."""

    model_config = ConfigDict(frozen=True, extra="ignore", populate_by_name=True)

    results: dict[str, dict[str, Any]]
    samples: dict[str, _Number] = Field(default={}, alias="n-samples")
    version: str = Field(default="", alias="lmms_eval_version")
    date: str = ""
    model: str | None = Field(default=None, alias="model_name")


class Understood(Word):
    """One figure of a benchmark of understanding.

    Attributes:
        label: The benchmark.
        task: Of lmms-eval.
        value: 0 to 100; None where the harness gives no number.
        standard_error: As the harness gives it, on the same scale; None where it gives none.
        items: How many were asked.
        of: How many the task has.
        model: As the harness calls it.
        version: Of the harness.
        date: Of the run.
        note: What a reader must know of the figure.
    """

    label: str
    task: str
    value: float | None
    standard_error: float | None = None
    items: int = 0
    of: int = 0
    model: str = ""
    version: str = ""
    date: str = ""
    note: str = ""

    @property
    def warnings(self) -> tuple[str, ...]:
        """In which ways the figure is not that of papers, a sentence each."""
        found = [self.note]
        if self.items < self.of:
            found.append(f"{self.label} is over {self.items} of {counted(self.of, 'item')}")
        if self.value is None:
            found.append(f"{self.label} has no figure: the harness gave none for {self.task}")
        return tuple(found)


def read_back(folder: Path) -> tuple[Understood, ...]:
    """The figures of a folder of results, in the order of `TASKS`; of several runs of a task the last.

    Raises:
        BadSetting: it holds no results, none of these tasks, or those of several models; or a file is damaged.
    """
    files = sorted(folder.rglob("*_results.json"), key=lambda path: (path.name, str(path)))
    if not files:
        raise BadSetting(
            f"{cut(str(folder))} holds no results of lmms-eval (…_results.json); give the folder of its --output_path"
        )
    found: dict[str, Understood] = {}
    others: list[str] = []
    models: dict[str, Path] = {}
    for path in files:
        told = _read(path)
        for task, metrics in told.results.items():
            known = next((each for each in TASKS.values() if task in (each.task, each.plain)), None)
            if known is None:
                others.append(task)
            else:
                found[known.label] = _figure(known, task, metrics, told)
                models.setdefault(told.model or "", path.parent)
    if len(models) > 1:
        (one, here), (other, there), *_ = models.items()
        raise BadSetting(
            f"{cut(str(folder))} holds results of {shown(one)} in {cut(str(here))} and of {shown(other)} in "
            f"{cut(str(there))}; give the folder of one model"
        )
    if not found:
        raise BadSetting(
            f"{cut(str(folder))} holds results of {', '.join(dict.fromkeys(others)) or 'no task'}; give those of "
            f"{', '.join(each.task for each in TASKS.values())}"
        )
    return tuple(found[each.label] for each in TASKS.values() if each.label in found)


def _figure(known: UnderstandingTask, task: str, metrics: dict[str, Any], told: _File) -> Understood:
    number = told.samples.get(task)
    static = "; letters are read by fixed rules, without a grader" if task != known.task else ""
    return Understood(
        label=known.label,
        task=task,
        value=_number(metrics, known.metric, known.scale),
        standard_error=_number(metrics, f"{known.metric}_stderr", known.scale),
        items=number.effective if number else 0,
        of=number.original if number else 0,
        model=told.model or "",
        version=told.version,
        date=told.date,
        note=known.note + static,
    )


def _number(metrics: dict[str, Any], name: str, scale: float) -> float | None:
    """A metric by its name before the comma, behind which the filter is named; None for `N/A`, null and NaN."""
    values = [value for key, value in metrics.items() if key.partition(",")[0] == name]
    numbers = [value for value in values if isinstance(value, int | float) and not isinstance(value, bool)]
    return numbers[0] * scale if numbers and math.isfinite(numbers[0]) else None


def _read(path: Path) -> _File:
    try:
        return _File.model_validate_json(path.read_bytes())
    except OSError as error:
        raise BadSetting(f"{cut(str(path))} cannot be read: {error.strerror or error}") from error
    except ValidationError as error:
        raise BadSetting(f"{cut(str(path))} is no file of lmms-eval's results: {fault(error)}") from error


def chosen(names: Sequence[str] | None) -> tuple[str, ...]:
    """Names of tasks, all of them where none are given.

    Raises:
        BadSetting: there is none of that name; the message has the nearest one.
    """
    for name in names or ():
        if name not in TASKS:
            raise BadSetting(unknown(name, TASKS))
    return tuple(TASKS) if not names else tuple(name for name in TASKS if name in names)
