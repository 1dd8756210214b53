"""What a build works on and what it writes, as frozen types."""

from collections.abc import Iterable
from typing import Literal

from pydantic import Field

from omniagent.tools.types import Word

Split = Literal["train", "test"]


class Item(Word):
    """One source of a build: a folder, by its path relative to the input folder, and a digest of its content."""

    id: str
    digest: str


class Measured(Word):
    """A value that a stage compared with its threshold. Shares and probabilities are in [0, 1]."""

    name: str
    value: float
    threshold: float
    passed: bool


def at_least(name: str, value: float, threshold: float) -> Measured:
    """A value that must reach its threshold."""
    return Measured(name=name, value=value, threshold=threshold, passed=value >= threshold)


def at_most(name: str, value: float, threshold: float) -> Measured:
    """A value that must not exceed its threshold."""
    return Measured(name=f"{name} (most)", value=value, threshold=threshold, passed=value <= threshold)


def failed(scores: Iterable[Measured]) -> str:
    """The reason of the first value that did not pass; empty where all did."""
    bad = next((each for each in scores if not each.passed), None)
    return "" if bad is None else f"{bad.name} is {bad.value:.4g}, and its threshold {bad.threshold:.4g}"


class Subject(Word):
    """A thing in a picture of a record: its name, box in pixels, and mask as runs of unset and set pixels in turn.

    The runs go down the columns, as in COCO's uncompressed form; `picture` is the record's path of the picture.
    """

    thing: str
    picture: str
    box: tuple[float, float, float, float]
    runs: tuple[int, ...] = ()


class DataRecord(Word):
    """One training record: the published fields `task_type` to `output_image`, then where it comes from.

    Pictures are paths relative to the output folder; `sizes` gives each as (width, height) in pixels.
    """

    task_type: Literal["t2i", "reflect", "edit", "ic", "interleave"]
    instruction: str = Field(min_length=1)
    input_images: tuple[str, ...] = ()
    output_image: str
    source: str
    task: str = Field(description="what the split between train and test is made by: a task's words, or the source")
    models: dict[str, str] = Field(default={})
    seeds: tuple[int, ...] = ()
    sizes: dict[str, tuple[int, int]] = Field(default={})
    scores: tuple[Measured, ...] = ()
    times: dict[str, float] = Field(default={}, description="seconds into the source, by picture")
    subjects: tuple[Subject, ...] = ()
    steps: tuple[str, ...] = Field(default=(), description="of a sequence: what changes to each next picture")
    recipe: str = ""
    licence: str = ""
    split: Split = "train"


class Rejected(Word):
    """A candidate that a threshold dropped; `stage` names the stage that decided."""

    source: str
    stage: str
    candidate: str
    reason: str
    scores: tuple[Measured, ...] = ()


class SetAside(Word):
    """An item that gave no records because it could not be worked on."""

    source: str
    stage: str
    error: str
    message: str


class Yielded(Word):
    """What the last stage gives for one item."""

    records: tuple[DataRecord, ...] = ()
    rejected: tuple[Rejected, ...] = ()
