"""Runs the tasks of a suite one after the other, judges them, and keeps a line of each, so that a run can go on."""

import re
from collections.abc import Callable, Sequence
from contextlib import nullcontext
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from PIL import Image

from omniagent.model.errors import BadSetting, Cancelled, OmniAgentError
from omniagent.model.wording import shown
from omniagent.runs.result import Result
from omniagent.shapes.evaluation.figures import SuiteFigures, figures_of
from omniagent.shapes.evaluation.plans import is_right
from omniagent.shapes.evaluation.records import JudgedAttempt, Record, append_record, read_records
from omniagent.shapes.oracle.judge import judge
from omniagent.shapes.tasks.task import ShapesTask
from omniagent.shapes.words.requirements import Wanted
from omniagent.tools.dialects.listed.lexicon import without_held_out
from omniagent.tools.record.files import writing
from omniagent.tools.types import Attempt

if TYPE_CHECKING:
    from omniagent.agent import Agent

RESULTS_FILE = "results.jsonl"
RUNS_FOLDER = "runs"
OnRecord = Callable[[Record], None]


def run_suite(
    agent: "Agent", tasks: Sequence[ShapesTask], out: str | Path, *, seed: int = 0, on_record: OnRecord | None = None
) -> SuiteFigures:
    """Run the agent over the tasks and judge what it returns.

    `out` receives `results.jsonl` and each run's folder under `runs/`; tasks that have a line there are not run again,
    unless that line says that an error kept the agent from a result.

    Args:
        agent: The agent, as a person would use it.
        tasks: Tasks with their truth, in a fixed order.
        out: The folder of this suite.
        seed: Task number `i` is run with the seed `seed + i`.
        on_record: Called after each task, also for those done before.

    Raises:
        BadSetting: `out` holds the results of other tasks.
        Cancelled: a run was cancelled; it has no line, and the tasks before it keep theirs.
        UnknownModel, BadCheckpoint, HubUnreachable, OutOfMemory: the agent's model cannot be loaded.
        OutputUnwritable, StorageFull: `out` cannot be written; what was finished stays there.
    """
    folder = Path(out)
    with writing(folder):
        folder.mkdir(parents=True, exist_ok=True)
    done = _done(folder / RESULTS_FILE, tasks)
    if len(done) < len(tasks):
        # A model that cannot be loaded ends the evaluation here, not task by task.
        _ = agent.runtime
    for index, task in enumerate(tasks):
        if index not in done:
            done[index] = _run(agent, task, index, seed + index, folder / RUNS_FOLDER / f"{index:04d}")
            with writing(folder):
                append_record(folder / RESULTS_FILE, done[index])
        if on_record:
            on_record(done[index])
    return figures_of([done[index] for index in range(len(tasks))])


def _done(path: Path, tasks: Sequence[ShapesTask]) -> dict[int, Record]:
    done: dict[int, Record] = {}
    for record in read_records(path):
        if record.index >= len(tasks):
            continue
        if record.instruction != tasks[record.index].instruction:
            raise BadSetting(
                f"{path} holds other tasks: number {record.index} there is {shown(record.instruction)}, "
                f"here {shown(tasks[record.index].instruction)}; give another folder"
            )
        if record.error is None:
            done[record.index] = record
    return done


def _run(agent: "Agent", task: ShapesTask, index: int, seed: int, folder: Path) -> Record:
    about = Record(
        index=index,
        kind=task.kind,
        instruction=task.instruction,
        expected_mode=task.plan.mode,
        expected_answer=task.answer,
        new_word=task.new_word,
    )
    try:
        # Where the words hold one of the test's, the agent must not know it.
        with nullcontext() if task.new_word is None else without_held_out():
            pictures = [Image.fromarray(picture) for picture in task.images]
            result = agent.run(task.instruction, pictures, seed=seed, out=folder)
        if result.stop_reason == "cancelled":
            raise Cancelled(f"cancelled at task {index + 1}; the same call goes on with it")
        return _judged(about, task, result)
    except Cancelled:
        raise
    except OmniAgentError as error:
        return about.model_copy(update={"error": f"{type(error).__name__}: {error}"})


def _judged(about: Record, task: ShapesTask, result: Result) -> Record:
    wanted = task.wanted
    attempts = () if wanted is None else tuple(_attempt(result, attempt, wanted) for attempt in result.attempts)
    best = result.best.id if result.best is not None else None
    record = about.model_copy(
        update={
            "stop_reason": result.stop_reason,
            "accepted": result.accepted,
            "told": _told(task, result),
            "plan_right": None if result.plan is None else is_right(result.plan, task),
            "named": task.new_word is not None and _names(result, task.new_word),
            "mode": result.plan.mode if result.plan is not None else None,
            "answer": result.answer,
            "attempts": attempts,
            "best": best,
            "pictures": result.usage.images,
            "generator_seconds": result.usage.generator_seconds,
            "seconds": result.usage.seconds,
            "error": result.error if result.stop_reason in ("failed", "critic_unavailable") else None,
        }
    )
    return record.model_copy(update={"right": _is_right(record)})


def _attempt(result: Result, attempt: Attempt, wanted: Wanted) -> JudgedAttempt:
    judged = judge(np.asarray(result.picture(attempt).convert("RGB")), wanted)
    critique = result.critique_of(attempt)
    return JudgedAttempt(
        id=attempt.id,
        held=sum(one.holds for one in judged),
        of=len(judged),
        wrong=tuple(one.requirement for one in judged if not one.holds),
        accepted_by_critic=None if critique is None else critique.accepted,
        restored=attempt.restored,
    )


def _names(result: Result, word: str) -> bool:
    """Whether the result names the word, or one of the words of a phrase."""
    told = " ".join((result.message, *(result.plan.assumptions if result.plan is not None else ()))).lower()
    return any(part in told for part in re.findall(r"[a-z]{3,}", word.lower()))


def _told(task: ShapesTask, result: Result) -> bool | None:
    if task.kind not in ("edit", "reference"):
        return None
    return result.plan is not None and result.plan.instruction == task.plan.told


def _is_right(record: Record) -> bool:
    match record.kind:
        case "question":
            return record.answer is not None and same_answer(record.answer, record.expected_answer or "")
        case "outside":
            return record.stop_reason == "refused"
        case _:
            return record.returned is not None and record.returned.right


_NUMBERS = {word: str(number) for number, word in enumerate(["zero", "one", "two", "three", "four", "five", "six"])}


def same_answer(given: str, expected: str) -> bool:
    """Whether two short answers say the same: case, articles, punctuation and digits for number words aside."""

    def plain(text: str) -> list[str]:
        words: list[str] = re.findall(r"[a-z0-9]+", text.lower())
        return [_NUMBERS.get(word, word) for word in words if word not in ("a", "an", "the")]

    return plain(given) == plain(expected)
