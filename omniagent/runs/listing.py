"""The runs that lie in a folder: what each was, without reading more than its result and the start of its trace."""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Literal

from pydantic import BaseModel, ConfigDict

from omniagent.model.errors import BadSetting
from omniagent.model.wording import shown
from omniagent.runs.folder import run_in
from omniagent.runs.request import check_thread_id
from omniagent.runs.result import RESULT_FILE, TRACE_FILE, Result, attempt_file
from omniagent.runs.status import Status, status_of

_ATTEMPT = re.compile(r"a[1-9]\d{0,3}")
LAST = "last"
"""Names the newest run."""


class RunSummary(BaseModel):
    """One run in a line. `unfinished`: at work, or stopped without a result; the same thread goes on with it.

    `began` is seconds since the epoch; `picture` is the best one's file, `passed` of `asked` requirements hold of it.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    run_id: str
    folder: Path
    began: float
    task: str
    status: Status | Literal["unfinished"]
    picture: Path | None = None
    passed: int = 0
    asked: int = 0
    attempts: int = 0
    seconds: float = 0.0


def runs_in(folder: Path) -> Iterator[RunSummary]:
    """The runs in a folder, the newest first; what is no run, or cannot be read, is left out."""
    for place in places_in(folder):
        if (summary := summary_of(place)) is not None:
            yield summary


def places_in(folder: Path) -> list[Path]:
    """The folders of the runs in a folder, the one that was written to last first."""
    found: list[tuple[float, str, Path]] = []
    try:
        inside = list(folder.iterdir())
    except OSError:
        return []
    for place in inside:
        try:
            # A link could lead to a folder that is no run of these.
            if not place.is_symlink() and place.is_dir():
                found.append(((place / TRACE_FILE).stat().st_mtime, place.name, place))
        except OSError:
            continue
    return [place for _, _, place in sorted(found, reverse=True)]


def summary_of(place: Path) -> RunSummary | None:
    """One run in a line; None when the folder holds none that can be read."""
    try:
        started = run_in(place)
    except BadSetting:
        return None
    if started is None:
        return None
    told = RunSummary(
        run_id=started.run_id, folder=place, began=started.time, task=started.task.instruction, status="unfinished"
    )
    try:
        result = Result.load(place)
    except BadSetting:
        return told
    critique = result.critique
    return told.model_copy(
        update={
            "status": status_of(result),
            "picture": result.image_path,
            "passed": critique.passed if critique else 0,
            "asked": len(critique.verdicts) if critique else 0,
            "attempts": len(result.attempts),
            "seconds": result.usage.seconds,
        }
    )


def place_of(folder: Path, run: str) -> Path:
    """The folder of a run: by its id, by `last`, or by the folder's own path.

    Raises:
        BadSetting: there is no such run.
    """
    if run == LAST:
        newest = next(runs_in(folder), None)
        if newest is None:
            raise BadSetting(f"there are no runs in {folder}; run a task first, or give another folder of runs")
        return newest.folder
    named = Path(run).expanduser()
    if named.name != run and (named / TRACE_FILE).is_file():
        return named
    place = folder / check_thread_id(run)
    if not (place / TRACE_FILE).is_file() and not (place / RESULT_FILE).is_file():
        raise BadSetting(f"there is no run {shown(run)} in {folder}; omniagent runs list shows those there are")
    return place


def attempt_in(folder: Path, run: str, attempt: str) -> Path | None:
    """The picture of an attempt of a run in a folder; None where there is none, or the names are none of a run's."""
    try:
        place = folder / check_thread_id(run)
    except BadSetting:
        return None
    path = attempt_file(place, attempt)
    return path if _ATTEMPT.fullmatch(attempt) and path.is_file() else None
