"""A picture whose truth is known: the lines that it is judged by, and whether each holds."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import NamedTuple

from PIL import Image

from omniagent.tools.types import RequirementKind


class KnownLine(NamedTuple):
    """A requirement's kind and question, and whether it holds of the picture."""

    kind: RequirementKind
    question: str
    holds: bool


@dataclass(frozen=True, slots=True)
class KnownPicture:
    """A picture, RGB, and what is true of it.

    Attributes:
        name: Unique within all sets: the set, the picture, and the fault that was planted, if any.
        image: What is judged.
        lines: What it is judged by, two lines of the same question never.
        before: The picture that it was made from by an edit; pairs of both are judged then.
        instruction: The words of that edit.
        group: Shared by pictures that are made of the same one, right and with a fault; empty: it has none beside it.
    """

    name: str
    image: Image.Image
    lines: tuple[KnownLine, ...]
    before: Image.Image | None = None
    instruction: str = ""
    group: str = ""

    @property
    def right(self) -> bool:
        """Whether every line holds."""
        return all(line.holds for line in self.lines)


@dataclass(frozen=True, slots=True)
class PictureSet:
    """Known pictures of one kind.

    Attributes:
        name: What it is called.
        count: At most so many are asked about; `pictures` may go on without end.
        pictures: Makes them, always the same in the same order.
    """

    name: str
    count: int
    pictures: Callable[[], Iterator[KnownPicture]]
