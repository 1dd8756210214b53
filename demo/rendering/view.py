"""A thread as HTML. What is shown follows from its messages and the events of their runs alone."""

import base64
import io
import re
import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Final, Literal

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup

from omniagent.demo.rendering.story import Story
from omniagent.demo.rendering.words import Words
from omniagent.model.limits import MAX_REFERENCES
from omniagent.model.wording import counted, model_name
from omniagent.runs.marked import change_layer, change_of, marks_of
from omniagent.runs.status import evidence_of
from omniagent.tools.record.trace import RunEnded
from omniagent.tools.types import Attempt, Box, Critique

Stage = Literal["waiting", "loading", "working", "over"]
_GOES_ON: Final = (
    "cancelled",
    "critic_unavailable",
    "failed",
    "time_limit",
    "round_limit",
    "image_limit",
)
_MARKS: Final = {"yes": "✓", "no": "✗", "unsure": "?"}


@dataclass(frozen=True, slots=True)
class Thumbnail:
    """A picture of a message: its address on this server, what the person calls it, and what was marked on it.

    Attributes:
        outline: The marked part as the data of an SVG path in percent of the sides; empty where nothing was marked.
        stroke: Whether it is the line of a brush, else an area.
    """

    url: str
    label: str
    outline: str = ""
    stroke: bool = False


@dataclass(frozen=True, slots=True)
class Message:
    """One message and its run as far as it has come.

    Attributes:
        id: Names the message within its thread.
        number: Its place in the thread, from 1; tells pictures of several runs apart.
        words: What was typed.
        thumbnails: The pictures that it came with, in order.
        run: The run's id.
        story: What the run's events tell.
        stage: `over` once nothing more comes.
        ahead: Runs before it while it waits.
        error: Why there is no result.
        question: What the agent asks now.
        afresh: The words did not speak of the picture that was at hand.
        kept: Whether the run's files are there.
    """

    id: str
    words: str
    run: str
    number: int = 1
    thumbnails: Sequence[Thumbnail] = ()
    story: Story = field(default_factory=Story)
    stage: Stage = "over"
    ahead: int = 0
    error: str = ""
    question: str | None = None
    afresh: bool = False
    kept: bool = True


@dataclass(frozen=True, slots=True)
class Entry:
    """A thread in the history."""

    id: str
    title: str
    here: bool
    at_work: bool


@dataclass(frozen=True, slots=True)
class Chip:
    """What the next message goes on from; `pinned` when the person chose it, else only if the words speak of it."""

    thumbnail: Thumbnail | None = None
    pinned: bool = False
    editing: bool = False
    attached: Sequence[Thumbnail] = ()
    mark: str = ""
    note: str = ""


def render_messages(messages: Sequence[Message], words: Words) -> str:
    """The messages, oldest first."""
    template = _templates().get_template("message.html.j2")
    return "".join(template.render(m=message, w=words, **_HELPERS) for message in messages)


def render_welcome(examples: Sequence[str], domain: str, words: Words) -> str:
    """What an empty thread shows: what this is, what the model draws, and examples."""
    template = _templates().get_template("welcome.html.j2")
    return template.render(examples=examples, domain=domain, most=MAX_REFERENCES, w=words)


def render_history(entries: Sequence[Entry], words: Words) -> str:
    """The drawer with the visitor's threads."""
    return _templates().get_template("history.html.j2").render(entries=entries, w=words)


def render_chip(chip: Chip, words: Words) -> str:
    """What stands above the box: what the next message goes on from, and notes to the person."""
    return _templates().get_template("chip.html.j2").render(chip=chip, w=words)


def render_dialogs(words: Words) -> str:
    """The page's dialogs: one picture large, two compared, all of the thread."""
    return _templates().get_template("dialogs.html.j2").render(w=words)


def render_about(model: str, critic: str, preset: str, words: Words) -> str:
    """What the server was started with."""
    return (
        _templates()
        .get_template("about.html.j2")
        .render(model=model_name(model), critic=model_name(critic), preset=preset, w=words)
    )


def file_name(task: str, attempt: str) -> str:
    """A file's name that tells the task: `a-red-circle-a2.png`. Letters of any alphabet stay."""
    plain = unicodedata.normalize("NFKC", task).lower()
    slug = "-".join(re.findall(r"\w+", plain))[:60].strip("-_")
    return f"{slug or 'picture'}-{attempt}.png"


def outcome(ended: RunEnded) -> str:
    """The one word for how a run went, as `omniagent.runs.status.status_of` says it."""
    if ended.stop_reason in ("refused", "cancelled", "failed", "unchecked"):
        return ended.stop_reason
    if ended.accepted:
        return "answered" if ended.best is None else "accepted"
    return "failed" if ended.best is None else "best_effort"


def _changes(critique: Critique | None) -> str | None:
    """The map of what changed as a data URI, a pixel a cell; None where nothing was compared."""
    changed = change_of(critique)
    if changed is None:
        return None
    layer = io.BytesIO()
    change_layer(changed).save(layer, "PNG")
    return f"data:image/png;base64,{base64.b64encode(layer.getvalue()).decode()}"


def _place(box: Box, attempt: Attempt) -> Markup:
    width, height = attempt.image.width, attempt.image.height
    left, top = 100 * min(box.left / width, 1), 100 * min(box.top / height, 1)
    right, bottom = 100 * min(box.right / width, 1), 100 * min(box.bottom / height, 1)
    return Markup(
        f"left:{left:.1f}%;top:{top:.1f}%;width:{max(0, right - left):.1f}%;height:{max(0, bottom - top):.1f}%"
    )


def _goes_on(message: Message) -> bool:
    story = message.story
    if message.stage != "over" or story.started is None:
        return False
    return story.ended is None or story.ended.stop_reason in _GOES_ON


_HELPERS: Final = {
    "marks": _MARKS,
    "evidence_of": evidence_of,
    "marks_of": marks_of,
    "changes_of": _changes,
    "place_of_box": _place,
    "file_name": file_name,
    "outcome": outcome,
    "goes_on": _goes_on,
    "counted": counted,
}


@cache
def _templates() -> Environment:
    return Environment(
        loader=FileSystemLoader(Path(__file__).parent / "templates"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
