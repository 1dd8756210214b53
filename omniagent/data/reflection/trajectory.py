"""The first stage: a run's folder as a trajectory of judged pictures."""

import hashlib
from pathlib import Path

from omniagent.data.records import Item
from omniagent.data.stage import Place, Stage
from omniagent.model.errors import BadTask
from omniagent.model.wording import model_name
from omniagent.runs.folder import run_in
from omniagent.runs.result import RESULT_FILE, TRACE_FILE, Result
from omniagent.tools.types import Attempt, ImageRef, Word


class Step(Word):
    """One judged picture. `faults` are the questions that were not answered yes; `quality` is in [0, 1]."""

    attempt: str
    image: ImageRef
    parent: str | None
    seed: int
    quality: float
    accepted: bool
    faults: tuple[str, ...]
    repair: str | None


class Trajectory(Word):
    """A text-to-image run: its task in the person's words and its judged pictures in the order they were drawn."""

    source: str
    task: str
    steps: tuple[Step, ...]
    models: dict[str, str]


class TrajectorySettings(Word):
    """There is nothing to choose."""


def find_runs(folder: Path) -> list[str]:
    """Every folder at or below `folder` that holds a trace or a result, in the order of their paths."""
    homes = {path.parent for name in (RESULT_FILE, TRACE_FILE) for path in folder.rglob(name)}
    return [home.relative_to(folder).as_posix() for home in sorted(homes)]


def digest_of_run(folder: Path, name: str) -> str:
    """SHA-256 of a run's result; empty where there is none."""
    result = folder / name / RESULT_FILE
    return hashlib.sha256(result.read_bytes()).hexdigest() if result.is_file() else ""


def read_trajectory(item: Item, settings: TrajectorySettings, place: Place) -> Trajectory:
    """Read a run, and copy its judged pictures into the output's store.

    Raises:
        BadSetting: the run is not finished, or its result cannot be read.
        BadTask: it is no text-to-image run; the paper makes reflection from these alone (OmniGen2, section 9.5.2).
        BadImage: a picture is gone or damaged.
    """
    home = place.source / item.id
    result = Result.load(home)
    mode = "none" if result.plan is None else result.plan.mode
    if mode != "generate" or result.task.images:
        raise BadTask(
            f"the run {item.id} has the mode {mode} and {len(result.task.images)} input pictures; "
            "reflection takes runs of the mode generate without input pictures"
        )
    questions = {requirement.id: requirement.question for requirement in result.checklist}
    made = {attempt.id: attempt for attempt in result.attempts}

    def origin(attempt: Attempt) -> str | None:
        """Of which picture it was drawn; a restored one was drawn of what its parent was."""
        drawn = made[attempt.parent] if attempt.restored and attempt.parent is not None else attempt
        return drawn.parent

    steps: list[Step] = []
    for attempt in result.attempts:
        if (critique := result.critique_of(attempt)) is None:
            continue
        place.images.put(result.picture(attempt))
        failed = [verdict.requirement for verdict in critique.verdicts if verdict.answer != "yes"]
        steps.append(
            Step(
                attempt=attempt.id,
                image=attempt.image,
                parent=origin(attempt),
                seed=attempt.seed,
                quality=critique.quality,
                accepted=critique.accepted,
                faults=tuple(questions.get(name, name) for name in failed),
                repair=critique.repair,
            )
        )
    if not steps:
        raise BadTask(f"the run {item.id} has no judged picture; give runs in which the critic answered")
    began = run_in(home)
    models = {} if began is None else {"generator": model_name(began.generator), "critic": model_name(began.critic)}
    return Trajectory(source=item.id, task=result.task.instruction, steps=tuple(steps), models=models)


TRAJECTORY = Stage("trajectory", 1, TrajectorySettings, Item, Trajectory, read_trajectory)
