"""What the tools answer other programs, as data: of a run, of a look at a picture, and of the runs there are.

Every text is cut to a length that leaves a whole answer, its preview included, under the 1 MiB that hosts take.
"""

from datetime import UTC, datetime
from pathlib import Path
from typing import Final, Literal

from pydantic import BaseModel, ConfigDict

from omniagent.model.wording import cut
from omniagent.runs.listing import RunSummary
from omniagent.runs.looking import Checked
from omniagent.runs.result import Result
from omniagent.runs.status import Status, evidence_of, status_of
from omniagent.tools.types import Answer, Critique, Requirement, StopReason

LINE: Final = 300
"""Characters of a question, a reason or a piece of evidence."""
TEXT: Final = 20_000
"""Characters of an answer in words."""
CHECKS: Final = 64


class _Answer(BaseModel):
    model_config = ConfigDict(frozen=True)


class Check(_Answer):
    """One requirement and its verdict; `probability` is that of yes, 0 to 1, `evidence` what it rests on, in words."""

    question: str
    verdict: Answer | None = None
    probability: float | None = None
    evidence: str = ""


class RunAnswer(_Answer):
    """A run. `running`: it is at work, `get_run` waits for it; `unfinished`: the same `thread_id` goes on with it.

    `path` is None when there is no picture; `unchecked`: what of the task no check asks for; `progress` is 0 to 1;
    `parts`: how many parts the resource of the full file has.
    """

    status: Status | Literal["running", "unfinished"]
    run_id: str
    accepted: bool = False
    stop_reason: StopReason | None = None
    message: str = ""
    answer: str | None = None
    path: str | None = None
    width: int | None = None
    height: int | None = None
    checks: list[Check] = []
    unchecked: list[str] = []
    attempts: int = 0
    seed: int | None = None
    seconds: float = 0.0
    progress: float = 1.0
    parts: int = 0


class CheckedImage(_Answer):
    """What `check_image` saw. `accepted`: every answer is yes, and the checks ask for all of the task."""

    accepted: bool
    checks: list[Check]
    unchecked: list[str]


class DescribedImage(_Answer):
    """What `describe_image` saw, in words."""

    text: str


class ListedRun(_Answer):
    """A run in a line."""

    run_id: str
    status: str
    task: str
    began: str
    path: str | None


class ListedRuns(_Answer):
    """The newest runs; `more`: there are older ones."""

    runs: list[ListedRun]
    more: bool


def run_answer(result: Result, parts: int = 0) -> RunAnswer:
    """A finished run."""
    path, best = result.image_path, result.best
    return RunAnswer(
        status=status_of(result),
        run_id=result.run_id,
        accepted=result.accepted,
        stop_reason=result.stop_reason,
        message=cut(result.message, 4 * LINE),
        answer=None if result.answer is None else cut(result.answer, TEXT),
        path=None if path is None else str(path.resolve()),
        width=None if best is None else best.image.width,
        height=None if best is None else best.image.height,
        checks=_checks(result.checklist, result.critique),
        unchecked=[cut(one, LINE) for one in result.unchecked[:CHECKS]],
        attempts=sum(not one.restored for one in result.attempts),
        seed=result.seed,
        seconds=round(result.usage.seconds, 2),
        parts=parts,
    )


def checked_answer(found: Checked) -> CheckedImage:
    """The verdicts on a picture from elsewhere."""
    return CheckedImage(
        accepted=found.accepted,
        checks=_checks(found.checklist, found.critique),
        unchecked=[cut(one, LINE) for one in found.unchecked[:CHECKS]],
    )


def checked_lines(answer: CheckedImage) -> str:
    """The same for people and for hosts that read text alone."""
    lines = [f"{one.verdict} {one.probability:.2f}  {one.question}" for one in answer.checks if one.verdict]
    return "\n".join((*lines, *(f"not checked: {one}" for one in answer.unchecked)))


def listed_answer(runs: list[RunSummary], more: bool) -> ListedRuns:
    """Runs in a line each."""
    return ListedRuns(
        runs=[
            ListedRun(
                run_id=one.run_id,
                status=one.status,
                task=cut(one.task, LINE),
                began=datetime.fromtimestamp(one.began, UTC).strftime("%Y-%m-%dT%H:%M:%SZ"),
                path=None if one.picture is None else str(Path(one.picture).resolve()),
            )
            for one in runs
        ],
        more=more,
    )


def listed_lines(answer: ListedRuns) -> str:
    """The same for hosts that read text alone."""
    lines = [f"{one.run_id}  {one.status.replace('_', ' ')}  {one.task}" for one in answer.runs]
    return "\n".join((*lines, *(["there are older ones; raise the limit"] if answer.more else []))) or "no runs yet"


def _checks(checklist: tuple[Requirement, ...], critique: Critique | None) -> list[Check]:
    verdicts = {one.requirement: one for one in critique.verdicts} if critique else {}
    return [
        Check(
            question=cut(need.question, LINE),
            verdict=seen.answer,
            probability=round(seen.probability, 4),
            evidence=cut(evidence_of(seen), LINE),
        )
        if (seen := verdicts.get(need.id))
        else Check(question=cut(need.question, LINE))
        for need in checklist[:CHECKS]
    ]
