"""A stage: one step of a recipe from one frozen type to the next."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Generic, TypeVar

from omniagent.data.models.roles import Role
from omniagent.data.models.room import Models
from omniagent.tools.record.store import ImageStore
from omniagent.tools.types import Word

S = TypeVar("S", bound=Word)
A = TypeVar("A", bound=Word)
B = TypeVar("B", bound=Word)


@dataclass(frozen=True, slots=True)
class Place:
    """What a build works with, beside the item itself.

    Attributes:
        source: The folder that item ids are relative to.
        images: Store of the pictures of records, which is part of the output.
        work: Store of pictures between the stages; no record names one.
        models: The recipe's models, each loaded when it is asked for.
        seed: Of the recipe.
    """

    source: Path
    images: ImageStore
    work: ImageStore
    models: Models
    seed: int


@dataclass(frozen=True, slots=True)
class Stage(Generic[S, A, B]):
    """One step, a pure function of what it is given, its settings, its models and the files of the item.

    Attributes:
        name: As recipes write it.
        version: Raised when the same input and settings give another output, so that nothing old is used again.
        settings: Type of its thresholds and prompts; defaults are the documented starting values.
        takes: What the stage before gives; the first stage of a recipe takes an `Item`.
        gives: What it returns, kept in the ledger as JSON.
        work: The function. It raises a `CallerError` where the item cannot be used.
        uses: The models that it asks; the recipe's choice of them is part of the key of its entries in the ledger.
    """

    name: str
    version: int
    settings: type[S]
    takes: type[A]
    gives: type[B]
    work: Callable[[A, S, Place], B]
    uses: tuple[Role, ...] = ()


@dataclass(frozen=True, slots=True)
class Source:
    """Where items come from.

    Attributes:
        find: Ids of all items below a folder, always in the same order; it reads no item.
        digest: Of the content of one item, by the folder and its id.
    """

    find: Callable[[Path], list[str]]
    digest: Callable[[Path, str], str]
