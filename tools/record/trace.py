"""The trace of a run: one small event class for each thing that happens, and the append-only JSONL file of them.

A trace is enough to draw the whole run again without its models: pictures are named by `ImageRef` and lie beside the
file. The frontends render these very events live (`Agent.stream`) and afterwards (the report).
"""

import os
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, TypeAdapter, ValidationError

from omniagent.model.errors import BadSetting
from omniagent.tools.record.files import writing
from omniagent.tools.types import Attempt, Budget, Critique, Decision, Plan, RenderSettings, StopReason, Task, Usage

FORMAT_VERSION = 1


class _Event(BaseModel):
    """What every event carries. `sequence` counts from 1 in a run; `time` is seconds since the epoch."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    run_id: str = ""
    sequence: int = 0
    time: float = 0.0


class RunStarted(_Event):
    """A run began, or went on after a stop (`resumed`). Always the first event of a file."""

    event: Literal["run_started"] = "run_started"
    format_version: int = FORMAT_VERSION
    task: Task
    budget: Budget
    seed: int
    settings: RenderSettings | None = Field(default=None, description="what the caller asked for; None: not known")
    folder: str = Field(description="where the run's files are")
    generator: str = Field(description="what draws: a checkpoint's name or folder")
    critic_backend: str = Field(description="local, vllm, openai or scripted")
    critic: str = Field(description="what judges: a model's name or folder")
    generator_profile: str = Field(default="", description="the generator's profile and why it was chosen")
    critic_profile: str = Field(default="", description="the critic's profile and why it was chosen")
    versions: dict[str, str] = {}
    resumed: bool = False


class ToolStarted(_Event):
    """A tool is at work; live only, never written."""

    event: Literal["tool_started"] = "tool_started"
    tool: str
    summary: str = ""


class StepProgress(_Event):
    """A tool made `step` of `steps` steps; live only, never written.

    `previews` are rough pictures of what is being drawn, in the order of the seeds: JPEGs in base64, at most 160 pixels
    a side. Some steps have none; a run that was not asked for them (`RunOptions.previews`) has none at all.
    """

    event: Literal["step_progress"] = "step_progress"
    tool: str
    step: int
    steps: int
    previews: tuple[str, ...] = ()


class ToolCalled(_Event):
    """A tool finished; `summary` is one line for people."""

    event: Literal["tool_called"] = "tool_called"
    tool: str
    seconds: float
    prompt_tokens: int = 0
    completion_tokens: int = 0
    summary: str = ""


class ToolErrored(_Event):
    """A tool failed; `error` is the class name in `omniagent.model.errors`."""

    event: Literal["tool_errored"] = "tool_errored"
    tool: str
    seconds: float
    error: str
    message: str
    again: bool = Field(default=False, description="tried again within the tool, whose own seconds hold these")


class CriticConsulted(_Event):
    """The critic answered one call, after `tries` tries: what it took, and who answered.

    `stand_in_for` says, when another critic had to answer, which one was asked and how it failed.
    """

    event: Literal["critic_consulted"] = "critic_consulted"
    tool: str
    backend: str
    critic: str
    questions: int = Field(default=0, description="yes/no questions; 0 when a text was asked for")
    tries: int = 1
    prefills: int = Field(default=0, description="1 when it had to read pictures or words anew for this call")
    seconds: float
    prompt_tokens: int = 0
    cached_tokens: int = 0
    completion_tokens: int = 0
    stand_in_for: str = ""


class Planned(_Event):
    """The task was read; the checklist is fixed from here on."""

    event: Literal["planned"] = "planned"
    plan: Plan


class Asked(_Event):
    """The person was asked what they meant, and answered."""

    event: Literal["asked"] = "asked"
    question: str
    answer: str


class Warned(_Event):
    """Something about the request that the person should know before the pictures come, in a sentence."""

    event: Literal["warned"] = "warned"
    message: str


class Estimated(_Event):
    """How long drawing will take: told before it begins, or once the first steps were timed."""

    event: Literal["estimated"] = "estimated"
    seconds: float = Field(description="of one picture")
    pictures: int = Field(description="that are drawn now")
    source: Literal["measured", "profile", "card"] = Field(
        description="by earlier pictures on this machine, the generator's profile, or the card's name"
    )


class AttemptMade(_Event):
    """A picture was drawn and stored."""

    event: Literal["attempt_made"] = "attempt_made"
    attempt: Attempt


class Critiqued(_Event):
    """An attempt was looked at. A second one for the same attempt replaces the first (it adds the repair)."""

    event: Literal["critiqued"] = "critiqued"
    critique: Critique


class Decided(_Event):
    """What the agent does next, and why. `round` is the one just judged."""

    event: Literal["decided"] = "decided"
    decision: Decision
    round: int


class RunEnded(_Event):
    """The run is over; always a run's last event. `best` is the id of the returned attempt, None for no picture."""

    event: Literal["run_ended"] = "run_ended"
    stop_reason: StopReason
    accepted: bool
    best: str | None = None
    usage: Usage = Usage()
    answer: str | None = None
    message: str = ""
    folder: str = Field(default="", description="where the run's files are; `Result.load` reads its result from there")


Event = Annotated[
    RunStarted
    | ToolStarted
    | StepProgress
    | ToolCalled
    | ToolErrored
    | CriticConsulted
    | Planned
    | Asked
    | Warned
    | Estimated
    | AttemptMade
    | Critiqued
    | Decided
    | RunEnded,
    Field(discriminator="event"),
]
LIVE_ONLY = (ToolStarted, StepProgress)
Listener = Callable[[Event], None]

_EVENT: TypeAdapter[Event] = TypeAdapter(Event)


class Trace:
    """Writes one run's events to a file and tells listeners. Thread-safe; each event is one write of one line."""

    def __init__(self, path: Path, run_id: str, listener: Listener | None = None) -> None:
        """Open `path` for appending; a torn last line of an earlier, killed run is cut off.

        Raises:
            OutputUnwritable: the file cannot be written.
            StorageFull: the disk has no room.
        """
        self.path = path
        self.run_id = run_id
        self._listener = listener
        self._lock = threading.Lock()
        with writing(path):
            path.parent.mkdir(parents=True, exist_ok=True)
            _cut_torn_line(path)
        self._sequence = max((event.sequence for event in read_trace(path)), default=0)

    def add(self, event: Event) -> Event:
        """Stamp the event with run id, sequence and time, write it unless it is live only, and tell the listener.

        Raises:
            OutputUnwritable, StorageFull: as for the constructor.
        """
        with self._lock:
            live = isinstance(event, LIVE_ONLY)
            sequence = self._sequence if live else self._sequence + 1
            stamped = event.model_copy(update={"run_id": self.run_id, "sequence": sequence, "time": time.time()})
            if not live:
                with writing(self.path), self.path.open("ab") as file:
                    file.write(stamped.model_dump_json().encode() + b"\n")
                self._sequence = sequence
            if self._listener is not None:
                self._listener(stamped)
        return stamped

    def tell(self, event: Event) -> None:
        """Tell the listener alone of something that the file says already, in the part before the run went on."""
        with self._lock:
            if self._listener is not None:
                stamp = {"run_id": self.run_id, "sequence": self._sequence, "time": time.time()}
                self._listener(event.model_copy(update=stamp))


def parse_event(line: str | bytes) -> Event:
    """One line of a trace as its event.

    Raises:
        pydantic.ValidationError: the line is no event of this format version.
    """
    return _EVENT.validate_json(line)


def read_trace(path: Path) -> Iterator[Event]:
    """The events of a file in order; a torn last line (killed while writing) is left out.

    Raises:
        BadSetting: a line that is not the last is no event, or the format is newer than this version reads.
    """
    lines = path.read_bytes().split(b"\n")
    for number, line in enumerate(lines, start=1):
        if not line:
            continue
        try:
            event = parse_event(line)
        except ValidationError as error:
            if number == len(lines):
                return
            raise BadSetting(
                f"line {number} of {path} is no event of trace format {FORMAT_VERSION}; "
                f"read it with the version of omniagent that wrote it"
            ) from error
        if isinstance(event, RunStarted) and event.format_version > FORMAT_VERSION:
            raise BadSetting(
                f"{path} has trace format {event.format_version}, this omniagent reads up to {FORMAT_VERSION}; "
                f"upgrade it"
            )
        yield event


def _cut_torn_line(path: Path) -> None:
    with path.open("ab+") as file:
        file.seek(0)
        data = file.read()
        whole = data.rfind(b"\n") + 1
        if whole != len(data):
            os.truncate(path, whole)
