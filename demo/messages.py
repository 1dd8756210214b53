"""Trace events as chat messages: a step for the plan, one for each round with its own inside, then the result."""

import html
import re
from pathlib import Path

import gradio as gr
from gradio.components.chatbot import FileDataDict, MessageContent, MetadataDict

from omniagent.model.wording import counted
from omniagent.runs.result import Result
from omniagent.runs.status import STOPS, doing, evidence_of, returned, status_of
from omniagent.tools.record.trace import (
    Asked,
    AttemptMade,
    Critiqued,
    Decided,
    Event,
    Planned,
    RunEnded,
    RunStarted,
    StepProgress,
    ToolErrored,
    ToolStarted,
    Warned,
)
from omniagent.tools.types import Attempt, Critique, Plan, Requirement

_MARKS = {"yes": "✓", "no": "✗", "unsure": "?"}
_SPECIAL = re.compile(r"([\\`*_{}\[\]()#+\-!|~>$:.])")
LIVE = "live"
Content = MessageContent | list[MessageContent]


def plain(text: str) -> str:
    """Text that Markdown shows as it is: no markup, no links, no pictures from elsewhere."""
    return _SPECIAL.sub(r"\\\1", html.escape(text, quote=False)).replace("\n", "  \n")


def failure(message: str) -> gr.ChatMessage:
    """An error as the agent's answer."""
    return gr.ChatMessage(role="assistant", content=f"**error** — {plain(message)}")


class Steps:
    """The messages of one run so far. Feed it every event of the run in order."""

    def __init__(self) -> None:
        self._messages: dict[str, gr.ChatMessage] = {}
        self._questions: dict[str, Requirement] = {}
        self._began: dict[str, float] = {}
        self._since = 0.0
        self._round = 0
        self._folder = Path()

    @property
    def messages(self) -> list[gr.ChatMessage]:
        """All messages, in order; the step at hand, if any, is the last."""
        return list(self._messages.values())

    def add(self, event: Event) -> None:
        """Take in one event."""
        match event:
            case RunStarted():
                self._folder, self._since = Path(event.folder), event.time
            case ToolStarted():
                self._live(event.tool, "")
            case StepProgress():
                self._live(event.tool, f"step {event.step} of {event.steps}")
            case Planned():
                self._planned(event.plan, event.time)
            case Asked():
                self._step("asked", f"Asked: {plain(event.question)}", plain(event.answer))
            case Warned():
                self._inside(f"warned-{event.sequence}", "Note", plain(event.message))
            case AttemptMade():
                self._drawn(event.attempt, event.time)
            case Critiqued():
                self._looked(event.critique)
            case Decided():
                self._inside(
                    f"decided-{event.round}",
                    f"Decision: {_words(event.decision.action)} — {plain(event.decision.reason)}",
                )
                self._close(event.time)
            case ToolErrored():
                self._inside(f"fault-{event.sequence}", f"{_doing(event.tool)} failed", plain(event.message))
            case RunEnded():
                self._messages.pop(LIVE, None)
                self._close(event.time)
            case _:
                pass

    def finish(self, result: Result) -> None:
        """Add the result itself: the best picture, its verdicts, why the run stopped, and the report."""
        reason = result.message or STOPS[result.stop_reason]
        lines = [f"**{_words(status_of(result))}** — {plain(reason)}"]
        if result.answer is not None:
            lines.append(plain(result.answer))
        content: list[MessageContent] = []
        if result.image_path is not None:
            content.append(picture(result.image_path))
            usage = result.usage
            lines += [plain(line) for line in returned(result)]
            cost = (counted(usage.images, "picture"), counted(usage.rounds, "round"), f"{usage.seconds:.1f} s")
            lines.append(", ".join(cost))
        report = result.folder / "report.html"
        self._messages["result"] = gr.ChatMessage(role="assistant", content=["\n\n".join(lines), *content])
        if report.is_file():
            self._messages["report"] = gr.ChatMessage(role="assistant", content=picture(report))

    def _planned(self, plan: Plan, time: float) -> None:
        self._questions = {need.id: need for need in plan.checklist}
        # A line right after a list would be read as part of its last point.
        parts = [
            plain(plan.instruction),
            "\n".join(f"- {plain(need.question)}" for need in plan.checklist),
            *(f"*image {number}: {plain(seen)}*" for number, seen in enumerate(plan.seen, start=1)),
            *(f"*assumed: {plain(one)}*" for one in plan.assumptions),
            *(f"*not checked: {plain(one)}*" for one in plan.unchecked),
        ]
        text = "\n\n".join(filter(None, parts))
        self._step("plan", f"Plan: {_words(plan.mode)}", text, max(0.0, time - self._since))
        self._since = time

    def _drawn(self, attempt: Attempt, time: float) -> None:
        if attempt.round != self._round:
            self._close(time)
            self._round = attempt.round
            self._began[self._parent] = self._since
            self._put(self._parent, {"title": f"Round {attempt.round}", "status": "pending"})
        origin = f"{attempt.id} from {attempt.parent}" if attempt.parent else attempt.id
        drawn = picture(self._folder / "attempts" / f"{attempt.id}.png")
        self._inside(f"drew-{attempt.id}", f"Drew {origin}: {plain(attempt.instruction)}", drawn)

    def _looked(self, critique: Critique) -> None:
        lines = ["| | requirement | p(yes) | evidence |", "|---|---|---|---|"]
        for verdict in critique.verdicts:
            need = self._questions.get(verdict.requirement)
            question = plain(need.question if need else verdict.requirement)
            told = plain(evidence_of(verdict))
            lines.append(f"| {_MARKS[verdict.answer]} | {question} | {verdict.probability:.2f} | {told} |")
        if critique.repair:
            lines.append(f"\nRepair: {plain(critique.repair)}")
        title = f"Looked at {critique.attempt}: {critique.passed} of {len(critique.verdicts)} hold"
        self._inside(f"looked-{critique.attempt}", title, "\n".join(lines))

    @property
    def _parent(self) -> str:
        return f"round-{self._round}"

    def _live(self, tool: str, log: str) -> None:
        self._messages.pop(LIVE, None)
        self._put(LIVE, {"title": f"{_doing(tool)}…", "status": "pending", "log": log})

    def _inside(self, name: str, title: str, content: Content = "") -> None:
        parent = self._parent if self._parent in self._messages else None
        self._step(name, title, content, parent=parent)

    def _step(
        self, name: str, title: str, content: Content, duration: float | None = None, parent: str | None = None
    ) -> None:
        self._messages.pop(LIVE, None)
        # Without a status the step stays open: the reflection is there to be seen.
        metadata: MetadataDict = {"title": title}
        if duration is not None:
            metadata["duration"] = round(duration, 2)
        if parent is not None:
            metadata["parent_id"] = parent
        self._put(name, metadata, content)

    def _close(self, time: float) -> None:
        if (began := self._began.pop(self._parent, None)) is not None:
            metadata = self._messages[self._parent].metadata
            metadata.pop("status", None)
            metadata["duration"] = round(max(0.0, time - began), 2)
            self._since = time

    def _put(self, name: str, metadata: MetadataDict, content: Content = "") -> None:
        self._messages[name] = gr.ChatMessage(role="assistant", content=content, metadata={**metadata, "id": name})


def picture(path: str | Path) -> FileDataDict:
    """A file for the chat to show."""
    return {"path": str(path), "meta": {"_type": "gradio.FileData"}}


def _doing(tool: str) -> str:
    return doing(tool).capitalize()


def _words(word: str) -> str:
    return word.replace("_", " ")
