"""What a run gives back, and the folder it lies in."""

import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, Self

from PIL import Image
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from omniagent.model.errors import BadImage, BadSetting
from omniagent.model.wording import cut, fault
from omniagent.tools.record.files import write_whole, writing
from omniagent.tools.record.store import ImageStore
from omniagent.tools.types import (
    Attempt,
    Budget,
    Critique,
    Decision,
    ImageRef,
    Plan,
    Requirement,
    StopReason,
    Task,
    Usage,
)

if TYPE_CHECKING:
    from omniagent.tools.record.trace import Event

RESULT_FILE = "result.json"
TRACE_FILE = "trace.jsonl"
ATTEMPTS_FOLDER = "attempts"
REPORT_FILE = "report.html"
PICTURE_FILE = "picture.png"
CHECKPOINT_FILE = "checkpoint.sqlite"


class Result(BaseModel):
    """One finished run. It holds references; pictures are read from `folder` when asked for.

    Attributes:
        run_id: The run's id, which is its folder's name too.
        folder: Where `trace.jsonl`, `result.json`, `report.html`, `picture.png`, `images/` and `attempts/` are.
        task: The instruction and the input pictures.
        seed: The seed from which every attempt's own seed follows.
        budget: The caps of the run.
        plan: How the task was read; None when it never was.
        attempts: The pictures in the order in which they were drawn or restored.
        critiques: The verdicts on them; the given picture of an edit is judged too.
        decisions: What was decided after each round, with the reason.
        best: The attempt that is returned; None when none was made.
        stop_reason: Why the run ended; exactly one.
        accepted: Whether every requirement holds by the critic's verdict, or the question was answered. An edit of a
            single picture is accepted only if that picture was judged too and some requirement did not hold of it.
            While some part of the task is neither asked for nor said to be assumed (`unchecked`), nothing is accepted.
        answer: The answer in words, of a task that asks for one.
        message: Why the run stopped, in a sentence, and the `warnings`.
        error: The class of the error when something failed.
        usage: What the run cost: pictures, calls, tokens, seconds.
        warnings: In which ways the pictures were not drawn as asked, a size for example.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    format_version: Literal[1] = 1
    run_id: str
    folder: Path = Field(default=Path(), description="holds trace.jsonl, result.json, report.html, images/, attempts/")
    task: Task
    seed: int
    budget: Budget
    plan: Plan | None = None
    attempts: tuple[Attempt, ...] = ()
    critiques: tuple[Critique, ...] = ()
    decisions: tuple[Decision, ...] = ()
    best: Attempt | None = None
    stop_reason: StopReason
    accepted: bool
    answer: str | None = None
    message: str = ""
    error: str | None = None
    usage: Usage = Usage()
    warnings: tuple[str, ...] = ()

    def model_post_init(self, context: Any, /) -> None:
        """Let the attempts show themselves as those of this run."""
        for attempt in self.attempts if self.best is None else (*self.attempts, self.best):
            attempt.shown_by(self._attempt_html)

    def _attempt_html(self, name: str) -> str:
        from omniagent.runs.notebook import attempt_html

        return attempt_html(self, name)

    def _repr_html_(self) -> str:
        from omniagent.runs.notebook import result_html

        return result_html(self)

    def __repr_args__(self) -> Iterator[tuple[str | None, Any]]:
        yield "run_id", self.run_id
        yield "stop_reason", self.stop_reason
        yield "accepted", self.accepted
        if self.answer is not None:
            yield "answer", cut(self.answer, 60)
        if self.best is not None:
            yield "best", self.best.id
        if (critique := self.critique) is not None:
            yield "holds", f"{critique.passed} of {len(critique.verdicts)}"
        yield "folder", str(self.folder)

    @property
    def thread_id(self) -> str:
        """Pass it to `Agent.run` to go on with this run."""
        return self.run_id

    @property
    def image(self) -> Image.Image | None:
        """The best picture, RGB, or None when none was made."""
        return None if self.best is None else self.picture(self.best)

    @property
    def checklist(self) -> tuple[Requirement, ...]:
        """What the picture had to show."""
        return () if self.plan is None else self.plan.checklist

    @property
    def unchecked(self) -> tuple[str, ...]:
        """The parts of the task that no requirement asks for, in the person's words."""
        return () if self.plan is None else self.plan.unchecked

    @property
    def critique(self) -> Critique | None:
        """What the critic says of the best picture."""
        return None if self.best is None else self.critique_of(self.best)

    @property
    def trace(self) -> "tuple[Event, ...]":
        """The run's events as they happened."""
        from omniagent.tools.record.trace import read_trace

        return tuple(read_trace(self.folder / TRACE_FILE))

    def critique_of(self, attempt: Attempt | str) -> Critique | None:
        """The verdicts of one attempt, or None when it was not judged."""
        name = attempt if isinstance(attempt, str) else attempt.id
        return next((critique for critique in self.critiques if critique.attempt == name), None)

    def picture(self, of: Attempt | ImageRef) -> Image.Image:
        """An attempt or an input picture as RGB pixels.

        Raises:
            BadImage: its file is gone or broken.
        """
        return ImageStore(self.folder / "images").get(of.image if isinstance(of, Attempt) else of)

    def path_of(self, attempt: Attempt | str) -> Path:
        """The PNG of one attempt, with lineage and settings in its text chunks."""
        return attempt_file(self.folder, attempt if isinstance(attempt, str) else attempt.id)

    @property
    def image_path(self) -> Path | None:
        """The PNG of the best attempt."""
        return None if self.best is None else self.path_of(self.best)

    def save(self, folder: str | Path) -> Path:
        """Copy the run into `folder`, the best picture also as `picture.png`; returns the folder.

        Raises:
            BadSetting: the run's own folder is gone.
            BadImage: its best picture is.
            OutputUnwritable: the folder cannot be written.
            StorageFull: the disk has no room; what was copied stays.
        """
        target = Path(folder).expanduser()
        if not self.folder.is_dir():
            raise BadSetting(f"the run's folder {self.folder} is gone, so there is nothing to save; run the task again")
        with writing(target):
            target.mkdir(parents=True, exist_ok=True)
            if target.resolve() != self.folder.resolve():
                for path in sorted(self.folder.rglob("*")):
                    inside = target.resolve() in path.resolve().parents
                    if path.is_file() and not inside and not path.name.startswith((CHECKPOINT_FILE, ".")):
                        copy = target / path.relative_to(self.folder)
                        copy.parent.mkdir(parents=True, exist_ok=True)
                        shutil.copyfile(path, copy)
        moved = self.model_copy(update={"folder": target})
        moved.put_picture(self.image_path)
        moved.write()
        return target

    def put_picture(self, source: Path | None = None) -> None:
        """Copy the best attempt, which is at `source` or in its own place, to `picture.png` in the run's folder.

        Raises:
            BadImage: it is gone.
            OutputUnwritable, StorageFull: the folder cannot be written.
        """
        path = source or self.image_path
        if path is None:
            return
        if not path.is_file():
            raise BadImage(f"the best picture {path} is gone; run the task again")
        write_whole(self.folder / PICTURE_FILE, path.read_bytes())

    def write(self) -> None:
        """Write `result.json` into the run's folder.

        Raises:
            OutputUnwritable, StorageFull: the folder cannot be written.
        """
        write_whole(self.folder / RESULT_FILE, self.model_dump_json(indent=2, exclude={"folder"}).encode())

    @classmethod
    def load(cls, folder: str | Path) -> Self:
        """The result that a finished run left in `folder`.

        Raises:
            BadSetting: there is no result, or not one that this version reads.
        """
        home = Path(folder).expanduser()
        path = home / RESULT_FILE
        try:
            found = cls.model_validate_json(path.read_bytes())
        except (OSError, ValidationError) as error:
            reason = fault(error) if isinstance(error, ValidationError) else error.strerror or str(error)
            raise BadSetting(f"{cut(str(path))} is no result of a finished run: {reason}") from error
        moved = found.model_copy(update={"folder": home})
        moved.model_post_init(None)
        return moved


def attempt_file(folder: Path, attempt: str) -> Path:
    """The PNG of an attempt in a run's folder."""
    return folder / ATTEMPTS_FOLDER / f"{attempt}.png"
