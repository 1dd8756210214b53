"""What a build works on and what it writes, as frozen types."""

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


class DataRecord(Word):
    """One training record: the published fields `task_type` to `output_image`, then where it comes from.

    Pictures are paths relative to the output folder; `sizes` gives each as (width, height) in pixels.
    """

    task_type: Literal["t2i", "reflect", "edit"]
    instruction: str = Field(min_length=1)
    input_images: tuple[str, ...] = ()
    output_image: str
    source: str
    task: str = Field(description="the words that the split between train and test is made by")
    models: dict[str, str] = Field(default={})
    seeds: tuple[int, ...] = ()
    sizes: dict[str, tuple[int, int]] = Field(default={})
    scores: tuple[Measured, ...] = ()
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
