"""One self-contained `report.html` for a run: drawn from its trace and pictures alone, without scripts or network."""

import io
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Literal

from omniagent.model.errors import BadSetting
from omniagent.model.wording import cut, model_name
from omniagent.runs.marked import COLOURS, SIGNS, Mark, change_layer, change_of, marks_of
from omniagent.runs.pages import data_uri, rendered, small_picture
from omniagent.runs.result import attempt_file
from omniagent.runs.status import STOPS, cost_of, doing, evidence_cost, evidence_of
from omniagent.tools.record.files import write_whole
from omniagent.tools.record.trace import (
    Asked,
    AttemptMade,
    Critiqued,
    Decided,
    Event,
    Planned,
    RunEnded,
    RunStarted,
    ToolCalled,
    ToolErrored,
    Warned,
    read_trace,
)
from omniagent.tools.types import Attempt, Critique, Decision, ImageRef, Plan, Requirement, Verdict

THUMBNAIL = 256
"""Longest side in pixels of the small pictures; only attempts themselves are kept at full size."""

_WHOLE = 1024 * 1024
"""Bytes, more than a picture within `THUMBNAIL` has: it is shown as it is."""

Tone = Literal["good", "middling", "bad"]


@dataclass(frozen=True, slots=True)
class Check:
    """One line of a verdict table; `verdict` is None before the critic has looked."""

    requirement: Requirement
    verdict: Verdict | None


@dataclass(frozen=True, slots=True)
class Shown:
    """One attempt as the page shows it: the pictures are data URIs, or None when the file is gone.

    `marks` and `changed`, a map as a data URI, are the evidence that lies over the picture.
    """

    attempt: Attempt
    picture: str | None
    before: tuple[tuple[str, str | None], ...]
    critique: Critique | None
    checks: tuple[Check, ...]
    best: bool
    marks: tuple[Mark, ...]
    changed: str | None


@dataclass(frozen=True, slots=True)
class Round:
    """What one round drew, and what was decided of it."""

    number: int
    attempts: tuple[Shown, ...]
    decisions: tuple[Decision, ...]


@dataclass(slots=True)
class ToolCost:
    """What one tool took over the whole run; `share` of the slowest tool's seconds, 0 to 1."""

    tool: str
    calls: int = 0
    errors: int = 0
    seconds: float = 0.0
    tokens: int = 0
    share: float = 0.0


@dataclass(slots=True)
class _Story:
    first: RunStarted | None = None
    started: RunStarted | None = None
    plan: Plan | None = None
    ended: RunEnded | None = None
    warnings: list[str] = field(default_factory=list[str])
    asked: list[Asked] = field(default_factory=list[Asked])
    attempts: dict[str, Attempt] = field(default_factory=dict[str, Attempt])
    critiques: dict[str, Critique] = field(default_factory=dict[str, Critique])
    decisions: list[Decided] = field(default_factory=list[Decided])
    errors: list[ToolErrored] = field(default_factory=list[ToolErrored])
    costs: dict[str, ToolCost] = field(default_factory=dict[str, ToolCost])

    def add(self, event: Event) -> None:
        match event:
            case RunStarted():
                # A run that went on has new caps and perhaps other models, and its old end is none.
                self.first, self.started, self.ended = self.first or event, event, None
            case Planned():
                self.plan = event.plan
            case Asked():
                self.asked.append(event)
            case Warned():
                self.warnings.append(event.message)
            case AttemptMade():
                self.attempts[event.attempt.id] = event.attempt
            case Critiqued():
                self.critiques[event.critique.attempt] = event.critique
            case Decided():
                self.decisions.append(event)
            case RunEnded():
                self.ended = event
            case ToolCalled():
                cost = self._cost(event.tool)
                cost.calls += 1
                cost.seconds += event.seconds
                cost.tokens += event.prompt_tokens + event.completion_tokens
            case ToolErrored():
                self.errors.append(event)
                cost = self._cost(event.tool)
                cost.errors += 1
                cost.seconds += 0.0 if event.again else event.seconds
            case _:
                pass

    def _cost(self, tool: str) -> ToolCost:
        return self.costs.setdefault(tool, ToolCost(tool))


def write_report(folder: str | Path) -> Path:
    """Draw `report.html` in a run's folder, from its `trace.jsonl` and pictures; returns its path.

    A run that was killed half-way gives the report of what it had done.

    Raises:
        BadSetting: the folder holds no trace, or one that this version cannot read.
        OutputUnwritable, StorageFull: the report cannot be written.
    """
    home = Path(folder).expanduser()
    trace = home / "trace.jsonl"
    if not trace.is_file():
        raise BadSetting(f"{cut(str(home))} holds no trace.jsonl; give the folder of a run, for example runs/<id>")
    page = render_report(read_trace(trace), home)
    write_whole(home / "report.html", page.encode())
    return home / "report.html"


def render_report(events: Iterable[Event], folder: Path) -> str:
    """The report as HTML; pictures are read from `folder`.

    Raises:
        BadSetting: no event says how the run started.
    """
    story = _Story()
    for event in events:
        story.add(event)
    if story.started is None or story.first is None:
        raise BadSetting(f"the trace in {folder} has no run_started event; it is no trace of a run")
    pictures = _Pictures(folder)
    best = story.ended.best if story.ended else None
    shown = {name: _shown(attempt, story, pictures, best) for name, attempt in story.attempts.items()}
    return rendered(
        "report.html.j2",
        run=story.started,
        when=datetime.fromtimestamp(story.first.time, UTC).strftime("%Y-%m-%d %H:%M:%S UTC"),
        plan=story.plan,
        asked=story.asked,
        warnings=list(dict.fromkeys(story.warnings)),
        ended=story.ended,
        tone=_tone(story.ended),
        inputs=[(f"image {n}", pictures.small(ref)) for n, ref in enumerate(story.started.task.images, start=1)],
        best=shown.get(best) if best else None,
        rounds=_rounds(story, shown),
        errors=story.errors,
        costs=_costs(story),
        stops=STOPS,
        doing=doing,
        evidence_of=evidence_of,
        cost_of=cost_of,
        evidence=evidence_cost([one for one in story.critiques.values() if one.attempt in story.attempts]),
        colours=COLOURS,
        signs=SIGNS,
        model_name=model_name,
    )


def _tone(ended: RunEnded | None) -> Tone:
    if ended is None or ended.stop_reason in ("failed", "refused"):
        return "bad"
    return "good" if ended.accepted else "middling"


def _shown(attempt: Attempt, story: _Story, pictures: "_Pictures", best: str | None) -> Shown:
    critique = story.critiques.get(attempt.id)
    verdicts = {verdict.requirement: verdict for verdict in critique.verdicts} if critique else {}
    parent = story.attempts.get(attempt.parent) if attempt.parent else None
    if parent:
        before = ((f"before: {parent.id}", pictures.small(parent.image)),)
    else:
        before = tuple(
            (_input_name(ref, story, number), pictures.small(ref))
            for number, ref in enumerate(attempt.references, start=1)
        )
    return Shown(
        attempt=attempt,
        picture=pictures.full(attempt),
        before=before,
        critique=critique,
        checks=tuple(
            Check(need, verdicts.get(need.id)) for need in (story.plan.checklist_of(attempt.step) if story.plan else ())
        ),
        best=attempt.id == best,
        marks=marks_of(critique),
        changed=_layer(critique),
    )


def _layer(critique: Critique | None) -> str | None:
    changed = change_of(critique)
    if changed is None:
        return None
    buffer = io.BytesIO()
    change_layer(changed).save(buffer, "PNG")
    return data_uri(buffer.getvalue(), "png")


def _input_name(ref: ImageRef, story: _Story, number: int) -> str:
    inputs = story.started.task.images if story.started else ()
    return f"image {inputs.index(ref) + 1}" if ref in inputs else f"reference {number}"


def _rounds(story: _Story, shown: dict[str, Shown]) -> list[Round]:
    numbers = sorted({a.round for a in story.attempts.values()} | {d.round for d in story.decisions})
    return [
        Round(
            number,
            tuple(one for one in shown.values() if one.attempt.round == number),
            tuple(event.decision for event in story.decisions if event.round == number),
        )
        for number in numbers
    ]


def _costs(story: _Story) -> list[ToolCost]:
    slowest = max((cost.seconds for cost in story.costs.values()), default=0.0)
    for cost in story.costs.values():
        cost.share = cost.seconds / slowest if slowest else 0.0
    return sorted(story.costs.values(), key=lambda cost: -cost.seconds)


class _Pictures:
    """A run's pictures as data URIs. A missing or broken file is None: the report must outlive it."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def full(self, attempt: Attempt) -> str | None:
        for path in (attempt_file(self._folder, attempt.id), self._stored(attempt.image)):
            if path.is_file():
                return data_uri(path.read_bytes(), "png")
        return None

    def small(self, ref: ImageRef) -> str | None:
        whole = max(ref.width, ref.height) <= THUMBNAIL
        return small_picture(self._stored(ref), THUMBNAIL, lossless=_WHOLE if whole else 0)

    def _stored(self, ref: ImageRef) -> Path:
        return self._folder / "images" / f"{ref.sha256}.png"
