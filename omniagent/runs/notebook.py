"""What a notebook shows of a run and of its attempts: one piece of self-contained HTML, drawn from the run's files."""

from typing import NamedTuple

from omniagent.model.wording import counted, cut
from omniagent.runs.marked import COLOURS, SIGNS
from omniagent.runs.pages import rendered, small_picture
from omniagent.runs.result import Result
from omniagent.runs.status import STOPS, evidence_of, returned, status_of
from omniagent.tools.types import Attempt

LARGE, SMALL = 256, 96
"""Longest sides of the pictures in pixels: a notebook file holds every output, so full sizes stay on disk."""

_MOST_IN_STRIP = 24
_TEMPLATE = "notebook.html.j2"


class _Row(NamedTuple):
    mark: str
    colour: str
    probability: str
    question: str
    evidence: str


class _Shown(NamedTuple):
    uri: str | None
    alt: str
    caption: str
    best: bool
    checks: tuple[_Row, ...]


def result_html(result: Result) -> str:
    """A run: how it went, its picture with the verdicts, and a strip of all attempts where there are several."""
    status = status_of(result).replace("_", " ")
    notes = [*returned(result), *result.warnings]
    if result.plan is not None:
        notes += [f"assumed: {one}" for one in result.plan.assumptions]
        notes += [f"not checked: {one}" for one in result.unchecked]
    many = result.attempts[-_MOST_IN_STRIP:] if len(result.attempts) > 1 else ()
    if len(result.attempts) > _MOST_IN_STRIP:
        notes.append(f"the last {_MOST_IN_STRIP} of {len(result.attempts)} attempts are shown")
    return rendered(
        _TEMPLATE,
        title=status,
        told=f"— {result.message or STOPS[result.stop_reason]} ({result.usage.seconds:.1f} s)",
        answer=result.answer,
        shown=None if result.best is None else _shown(result, result.best, LARGE),
        notes=[cut(note, 300) for note in notes],
        strip=[_shown(result, attempt, SMALL) for attempt in many],
    )


def attempt_html(result: Result, name: str) -> str:
    """One attempt of a run: its picture with the verdicts, and where it came from."""
    attempt = next((one for one in result.attempts if one.id == name), None)
    if attempt is None:
        return rendered(
            _TEMPLATE, title=name, told="is no attempt of this run", answer=None, shown=None, notes=[], strip=[]
        )
    origin = f" {'restored ' if attempt.restored else ''}from {attempt.parent}" if attempt.parent else ""
    return rendered(
        _TEMPLATE,
        title=attempt.id,
        told=f"— {attempt.image.width}x{attempt.image.height}{origin}, round {attempt.round}, seed {attempt.seed}",
        answer=None,
        shown=_shown(result, attempt, LARGE),
        notes=[cut(attempt.instruction, 300)],
        strip=[],
    )


def _shown(result: Result, attempt: Attempt, side: int) -> _Shown:
    critique = result.critique_of(attempt)
    verdicts = {verdict.requirement: verdict for verdict in critique.verdicts} if critique else {}
    rows: list[_Row] = []
    for need in result.checklist:
        if (seen := verdicts.get(need.id)) is None:
            rows.append(_Row("—", "inherit", "", need.question, ""))
        else:
            sign, colour = SIGNS[seen.answer], COLOURS[seen.answer]
            rows.append(_Row(sign, colour, f"{seen.probability:.2f}", need.question, evidence_of(seen)))
    best = result.best is not None and attempt.id == result.best.id
    score = f", {critique.passed} of {len(critique.verdicts)}" if critique else ""
    return _Shown(
        uri=small_picture(result.folder / "images" / f"{attempt.image.sha256}.png", side, lossless=48 * 1024),
        alt=f"{attempt.id}: {cut(attempt.instruction, 200)}"
        + (f"; {critique.passed} of {counted(len(critique.verdicts), 'requirement')} hold" if critique else ""),
        caption=f"{'★ ' if best else ''}{attempt.id}{score}",
        best=best,
        checks=tuple(rows),
    )
