"""Many tasks from one file, one line of results each; what is done is skipped when it is run again.

    TASKS.jsonl          {"id": "t1", "task": "image 1 with a red circle", "images": ["a.png"]}
    DIR/results.jsonl    {"id": "t1", "image": "runs/t1/attempts/a1.png", "status": "accepted", …}
    DIR/index.html       all of them on one page

Image paths are relative to the tasks' file on the way in, and to DIR on the way out. A line with another key than these
three is an error of that line, since a misspelt one would be drawn without its pictures.
"""

import hashlib
import json
import os
import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Annotated, Literal, NamedTuple

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, ValidationError

from omniagent.agent import Agent, Picture
from omniagent.config import folder_of
from omniagent.model.errors import BadSetting, CallerError, OmniAgentError, OutputUnwritable, StorageFull
from omniagent.model.wording import cut, fault, shown
from omniagent.runs.result import REPORT_FILE, Result
from omniagent.runs.sheet import Card, write_sheet
from omniagent.runs.status import Status, status_of
from omniagent.tools.intake.addresses import located
from omniagent.tools.record.files import write_whole, writing
from omniagent.tools.record.trace import Event
from omniagent.tools.types import Budget, RenderSettings, StopReason, Usage

RESULTS_FILE = "results.jsonl"
_AGAIN = ("error", "failed", "cancelled")


def _list(value: object) -> object:
    """One path is a list of one, null an empty list."""
    return () if value is None else (value,) if isinstance(value, str) else value


class BatchTask(BaseModel):
    """One line of the tasks' file."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    id: str | int
    task: str
    images: Annotated[tuple[str, ...], BeforeValidator(_list)] = ()


class _Named(BaseModel):
    id: str | int


class BatchAttempt(BaseModel):
    """One picture of a task; `image` is relative to the results' folder. `restored`: as `Attempt.restored`."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    image: str
    accepted_by_critic: bool
    restored: bool = False


class BatchLine(BaseModel):
    """One line of `results.jsonl`. Status `error`: it could not be run at all; `message` says why a task stopped."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    id: str | int
    image: str | None = None
    status: Status | Literal["error"]
    stop_reason: StopReason | None = None
    answer: str | None = None
    attempts: tuple[BatchAttempt, ...] = ()
    usage: Usage = Usage()
    message: str = ""
    error: str | None = Field(default=None, description="class name of the error, if there was one")


class Entry(NamedTuple):
    """One line of the tasks' file: the task, or what is wrong with the line."""

    task: BatchTask | None
    bad: BatchLine | None


class Progress(NamedTuple):
    """Told after each line: how many of `total` are done, the line, and whether it was there already."""

    done: int
    total: int
    line: BatchLine
    skipped: bool


def run_batch(
    agent: Agent,
    tasks: Path,
    out: Path,
    *,
    seed: int = 0,
    budget: Budget | None = None,
    settings: RenderSettings | None = None,
    on_progress: Callable[[Progress], None] | None = None,
    on_event: Callable[[Event], None] | None = None,
    should_stop: Callable[[], bool] = lambda: False,
) -> list[BatchLine]:
    """Run every task of a file that has no finished line in `out` yet; returns all lines in the file's order.

    A bad line, a missing picture or a failed run costs its own line only. Tasks that failed are tried again by the
    next call; one that was killed half-way goes on where it was. A cancelled task writes no line and ends the batch,
    as does `should_stop`, which is asked before each task; lines that were there already are returned all the same.

    Raises:
        BadSetting: the tasks' file cannot be read.
        OutputUnwritable, StorageFull: the results cannot be written; finished lines stay.
        BadCheckpoint, UnknownModel, HubUnreachable, OutOfMemory: the models cannot be loaded.
    """
    tasks, out = folder_of(tasks), folder_of(out)
    entries = list(read_tasks(tasks))
    with writing(out):
        out.mkdir(parents=True, exist_ok=True)
    done = _kept(out / RESULTS_FILE)
    lines: list[BatchLine] = []
    stopped = False
    for entry in entries:
        name = entry.task.id if entry.task else None
        old = done.get(name) if name is not None else None
        line = old or (None if stopped else entry.bad)
        if line is None and entry.task is not None and not stopped:
            if not (stopped := should_stop()):
                _ = agent.runtime  # a model that does not load would fail every task alike
                stopped = should_stop()
            if not stopped:
                line = _run(agent, entry.task, tasks.parent, out, seed, budget, settings, on_event)
                stopped = line.status == "cancelled"
        if line is None or line.status == "cancelled":
            continue
        if old is None:
            _append(out / RESULTS_FILE, line)
        lines.append(line)
        if on_progress is not None:
            on_progress(Progress(len(lines), len(entries), line, old is not None))
    words = {entry.task.id: entry.task.task for entry in entries if entry.task is not None}
    write_sheet(out, tasks.name, [_card(line, words.get(line.id, ""), out) for line in lines])
    return lines


def read_tasks(path: Path) -> Iterator[Entry]:
    """The file's tasks in order; blank lines are left out, bad ones become lines of status `error`.

    Raises:
        BadSetting: the file cannot be read.
    """
    try:
        data = path.read_bytes()
    except OSError as error:
        raise BadSetting(
            f"the tasks' file {cut(str(path))} cannot be read: {error.strerror or error}; give a JSONL file"
        ) from error
    seen: dict[str, int] = {}
    for number, raw in enumerate(data.split(b"\n"), start=1):
        if not raw.strip():
            continue
        try:
            task = BatchTask.model_validate(json.loads(raw.decode("utf-8-sig")))
            # Half of a surrogate pair is JSON, but no text that a file or a run can hold.
            task.model_dump_json()
        except (ValueError, RecursionError) as error:
            name = _id_in(raw)
            name = name if seen.setdefault(str(name), number) == number else None
            yield Entry(None, _bad_line(number, f"line {number} is no task: {_reason(error)}", name))
            continue
        first = seen.setdefault(str(task.id), number)
        if first != number:
            yield Entry(None, _bad_line(number, f"line {number} uses the id {shown(task.id)} of line {first} again"))
            continue
        yield Entry(task, None)


def folder_name(task_id: str | int) -> str:
    """A folder name for a task's id: the id itself where that is safe, else a safe form with a hash."""
    text = str(task_id)
    safe = re.sub(r"[^A-Za-z0-9_-]+", "-", text).strip("-")[:60]
    return safe if safe and safe == text else f"{safe or 'task'}-{hashlib.sha256(text.encode()).hexdigest()[:8]}"


def _run(
    agent: Agent,
    task: BatchTask,
    home: Path,
    out: Path,
    seed: int,
    budget: Budget | None,
    settings: RenderSettings | None,
    on_event: Callable[[Event], None] | None,
) -> BatchLine:
    name = folder_name(task.id)
    try:
        pictures = [_picture(text, f"image {number}", home) for number, text in enumerate(task.images, start=1)]
        events = agent.stream(
            task.task,
            pictures,
            seed=seed,
            thread_id=name,
            out=out / "runs" / name,
            budget=budget,
            settings=settings,
        )
        while True:
            try:
                event = next(events)
            except StopIteration as end:
                return _line(task, end.value, out)
            if on_event is not None:
                on_event(event)
    except (OutputUnwritable, StorageFull):
        raise
    except OmniAgentError as error:
        status = "error" if isinstance(error, CallerError) else "failed"
        return BatchLine(id=task.id, status=status, message=str(error), error=type(error).__name__)


def _picture(text: str, name: str, home: Path) -> Picture:
    return text if re.match(r"\s*https?://", text, re.IGNORECASE) else located(text, name, home)


def _line(task: BatchTask, result: Result, out: Path) -> BatchLine:
    def relative(path: Path | None) -> str | None:
        return None if path is None else Path(os.path.relpath(path, out)).as_posix()

    def accepted(name: str) -> bool:
        critique = result.critique_of(name)
        return critique is not None and critique.accepted

    return BatchLine(
        id=task.id,
        image=relative(result.image_path),
        status=status_of(result),
        stop_reason=result.stop_reason,
        answer=result.answer,
        attempts=tuple(
            BatchAttempt(
                image=relative(result.path_of(made)) or "",
                accepted_by_critic=accepted(made.id),
                restored=made.restored,
            )
            for made in result.attempts
        ),
        usage=result.usage,
        message=result.message,
        error=result.error,
    )


def _card(line: BatchLine, task: str, out: Path) -> Card:
    report = f"runs/{folder_name(line.id)}/{REPORT_FILE}"
    return Card(
        name=str(line.id),
        task=task,
        status=line.status,
        note=line.answer or line.message,
        picture=line.image,
        report=report if (out / report).is_file() else None,
    )


def _kept(path: Path) -> dict[str | int, BatchLine]:
    """The finished lines of an earlier run, by id; the file is left with those alone."""
    if not path.exists():
        return {}
    kept: dict[str | int, BatchLine] = {}
    raw: list[bytes] = []
    data = path.read_bytes()
    for line in data.split(b"\n"):
        try:
            found = BatchLine.model_validate_json(line)
        except ValidationError:
            continue
        if found.status not in _AGAIN and found.id not in kept:
            kept[found.id] = found
            raw.append(line + b"\n")
    if b"".join(raw) != data:
        write_whole(path, b"".join(raw))
    return kept


def _append(path: Path, line: BatchLine) -> None:
    with writing(path), path.open("ab") as file:
        file.write(line.model_dump_json().encode() + b"\n")
        file.flush()
        os.fsync(file.fileno())


def _bad_line(number: int, message: str, name: str | int | None = None) -> BatchLine:
    return BatchLine(id=f"line-{number}" if name is None else name, status="error", message=message, error="BadTask")


def _id_in(raw: bytes) -> str | int | None:
    """The id of a line that is otherwise no task, for those who join results by it."""
    try:
        return _Named.model_validate_json(raw.decode("utf-8-sig")).id
    except ValueError:
        return None


def _reason(error: Exception) -> str:
    if isinstance(error, ValidationError):
        return fault(error, BatchTask.model_fields)
    return cut(str(error))
