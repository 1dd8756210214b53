"""A stage: one step of a recipe from one frozen type to the next."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Generic, TypeVar

from omniagent.tools.record.store import ImageStore
from omniagent.tools.types import Word

S = TypeVar("S", bound=Word)
A = TypeVar("A", bound=Word)
B = TypeVar("B", bound=Word)


@dataclass(frozen=True, slots=True)
class Place:
    """Where a build reads and writes: the folder that item ids are relative to, and the store of pictures."""

    source: Path
    images: ImageStore


@dataclass(frozen=True, slots=True)
class Stage(Generic[S, A, B]):
    """One step, a pure function of what it is given, its settings and the files of the item.

    Attributes:
        name: As recipes write it.
        version: Raised when the same input and settings give another output, so that nothing old is used again.
        settings: Type of its thresholds and prompts; defaults are the documented starting values.
        takes: What the stage before gives; the first stage of a recipe takes an `Item`.
        gives: What it returns, kept in the ledger as JSON.
        work: The function. It raises a `CallerError` where the item cannot be used.
    """

    name: str
    version: int
    settings: type[S]
    takes: type[A]
    gives: type[B]
    work: Callable[[A, S, Place], B]
