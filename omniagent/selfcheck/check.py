"""Runs the tasks of a check one after the other and says what holds of them."""

import re
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Final

from pydantic import BaseModel, ConfigDict, Field

from omniagent.calibration.calibrate import calibrate
from omniagent.model.errors import OmniAgentError, RetryableError
from omniagent.runs.result import Result
from omniagent.runs.status import Status, status_of
from omniagent.selfcheck.memory import PeakMemory
from omniagent.selfcheck.tasks import CheckTask
from omniagent.tools.types import Budget, Mode

if TYPE_CHECKING:
    from omniagent.agent import Agent

RUNS: Final = "runs"
CALIBRATION: Final = "calibration"
_UNREAD: Final = ("the plan could not be read", "checklist could not be read")
_WANTED: Final = 0.9
"""Share of tasks of which a thing must hold."""


class _Kept(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class Checked(_Kept):
    """What came of one task.

    Attributes:
        ended: Whether it came to an end without a failure.
        read: Whether the critic's plan could be read.
        mode_right: Whether it was read as what it is.
        words_kept: Whether instruction and checklist say all that they must.
        answer_right: Of questions: whether the answer holds what it must.
        picture: The returned picture, relative to the check's folder.
    """

    name: str
    kind: str
    words: str
    status: Status | str
    message: str = ""
    mode: Mode | None = None
    ended: bool = False
    read: bool = False
    mode_right: bool = False
    words_kept: bool = False
    answer_right: bool | None = None
    answer: str | None = None
    pictures: int = 0
    seconds: float = 0.0
    picture: str | None = None
    report: str | None = None


class Judged(_Kept):
    """What the short calibration found of the critic; rates are shares of 0 to 1 with 95 % intervals, as text."""

    pictures: int
    right_accepted: str
    wrong_accepted: str
    discerns: bool


class Line(_Kept):
    """One thing that must hold of the check."""

    name: str
    held: int
    of: int
    right: bool


class Report(_Kept):
    """A whole check."""

    format_version: int = 1
    program: str
    generator: str
    critic: str
    machine: str
    loading_seconds: float
    seconds: float
    memory: str = Field(description="the most that was taken, in words")
    tasks: tuple[Checked, ...]
    critic_judged: Judged | None = None
    lines: tuple[Line, ...]

    @property
    def right(self) -> bool:
        """Whether everything holds that must."""
        return all(line.right for line in self.lines)


def check(
    agent: "Agent",
    tasks: Sequence[CheckTask],
    out: Path,
    *,
    program: str,
    machine: str,
    judged: int = 24,
    budget: Budget | None = None,
    tell: Callable[[str], None] = lambda line: None,
    should_stop: Callable[[], bool] = lambda: False,
) -> Report:
    """Run the tasks and judge the critic on a few known pictures; a stopped check goes on when it is called again.

    Args:
        agent: As a person would use it.
        tasks: What to run.
        out: Gets a folder of each run, and what was asked of the critic.
        program: Its version.
        machine: What it runs on, in words.
        judged: Known pictures that the critic is shown; 0: none.
        budget: Of one task.
        tell: Hears a line about each task.
        should_stop: Asked before each task.

    Raises:
        UnknownModel, BadCheckpoint, HubUnreachable, OutOfMemory: the models cannot be loaded.
        OutputUnwritable, StorageFull: the folder cannot be written.
    """
    memory, started = PeakMemory(), time.monotonic()
    runtime = agent.runtime
    loading = time.monotonic() - started
    found = _judge(agent, out, judged, tell) if judged and not should_stop() else None
    done: list[Checked] = []
    for task in tasks:
        if should_stop():
            break
        one = _run(agent, task, out, budget)
        memory.look()
        done.append(one)
        tell(f"{one.name}: {one.status.replace('_', ' ')}, {one.seconds:.1f} s{_faults(one)}")
    return Report(
        program=program,
        generator=f"{runtime.generator.model} ({runtime.generator.profile.label})",
        critic=f"{runtime.critic.backend} {runtime.critic.model} ({runtime.critic.profile.label})",
        machine=machine,
        loading_seconds=loading,
        seconds=time.monotonic() - started,
        memory=memory.told,
        tasks=tuple(done),
        critic_judged=found,
        lines=_lines(done, len(tasks), found),
    )


def _run(agent: "Agent", task: CheckTask, out: Path, budget: Budget | None) -> Checked:
    started = time.monotonic()
    base = Checked(name=task.name, kind=task.kind, words=task.words, status="failed")
    try:
        folder = out / RUNS / task.name
        result = agent.run(task.words, task.pictures(), thread_id=task.name, out=folder, budget=budget)
    except OmniAgentError as error:
        seconds = time.monotonic() - started
        return base.model_copy(update={"message": f"{type(error).__name__}: {error}", "seconds": seconds})
    return base.model_copy(update=_told(task, result, out) | {"seconds": time.monotonic() - started})


def _told(task: CheckTask, result: Result, out: Path) -> dict[str, object]:
    plan, status = result.plan, status_of(result)
    read = plan is not None and not any(mark in note for note in plan.assumptions for mark in _UNREAD)
    said = "" if plan is None else " ".join((plan.instruction, *(one.question for one in plan.checklist))).lower()
    kept = all(any(form in said for form in word.split("|")) for word in task.keeps)
    answer = None
    if task.mode == "answer":
        words = (result.answer or "").lower()
        answer = any(re.search(rf"(?<!\w){re.escape(word.lower())}", words) for word in task.answer)
    return {
        "status": status,
        "message": result.message,
        "mode": None if plan is None else plan.mode,
        "ended": status not in ("failed", "refused", "cancelled"),
        "read": read,
        "mode_right": plan is not None and plan.mode == task.mode,
        "words_kept": read and kept,
        "answer_right": answer,
        "answer": result.answer,
        "pictures": sum(not one.restored for one in result.attempts),
        "picture": None if result.best is None else _relative(result.path_of(result.best), out),
        "report": _relative(result.folder / "report.html", out),
    }


def _relative(path: Path, out: Path) -> str:
    return path.absolute().relative_to(out.absolute()).as_posix()


def _judge(agent: "Agent", out: Path, limit: int, tell: Callable[[str], None]) -> Judged | None:
    """The critic on a few known pictures. Kept beside the check: so few must not replace a whole calibration."""
    tell(f"the critic judges {limit} known pictures")
    try:
        made = calibrate(agent.runtime, out / CALIBRATION, limit=limit, config=agent.config.tools).measurement
    except RetryableError as error:
        tell(f"the critic could not be measured: {error}")
        return None
    tell(f"of right pictures it accepts {made.right_accept}, of wrong ones {made.false_accept}")
    return Judged(
        pictures=sum(made.pictures.values()),
        right_accepted=str(made.right_accept),
        wrong_accepted=str(made.false_accept),
        # A few pictures prove nothing, but a critic that accepts wrong ones as often as right ones shows already.
        discerns=(made.right_accept.value or 0) > (made.false_accept.value or 0),
    )


def _lines(done: Sequence[Checked], tasks: int, judged: Judged | None) -> tuple[Line, ...]:
    questions = [one for one in done if one.answer_right is not None]
    counted: Sequence[tuple[str, int, int, float]] = (
        ("tasks were run to an end", sum(one.ended for one in done), tasks, _WANTED),
        ("plans could be read", sum(one.read for one in done), tasks, _WANTED),
        ("tasks were read as what they are", sum(one.mode_right for one in done), tasks, _WANTED),
        ("plans keep the words that matter", sum(one.words_kept for one in done), tasks, _WANTED),
        ("answers hold what they must", sum(bool(one.answer_right) for one in questions), len(questions), 0.5),
    )
    made = [Line(name=name, held=held, of=of, right=held >= least * of) for name, held, of, least in counted]
    if judged is not None:
        made.append(
            Line(name="the critic tells right from wrong", held=int(judged.discerns), of=1, right=judged.discerns)
        )
    return tuple(made)


def _faults(one: Checked) -> str:
    wrong = [
        *([] if one.read or not one.ended else ["its plan could not be read"]),
        *([] if one.mode_right or one.mode is None else [f"it was read as {one.mode}"]),
        *([] if one.words_kept or not one.read else ["its plan loses words"]),
        *(["the answer is another"] if one.answer_right is False else []),
    ]
    return "".join(f"; {fault}" for fault in (*wrong, *([one.message] if not one.ended and one.message else [])))
