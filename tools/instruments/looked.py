"""What instruments are given to look at."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from PIL import Image

from omniagent.model.perception.boxes import BoxFinder
from omniagent.model.perception.text import TextReader
from omniagent.tools.types import Box


@dataclass(frozen=True, slots=True)
class Looked:
    """A picture to judge.

    Attributes:
        image: The picture.
        before: The picture that it was made from by an edit.
        reader: What reads its text, where one is installed; else the critic reads aloud.
        finder: What finds things in it, where one was set; else the critic locates them.
    """

    image: Image.Image
    before: Image.Image | None = None
    reader: TextReader | None = None
    finder: BoxFinder | None = None


def found_in(image: Image.Image, things: Sequence[str], finder: BoxFinder) -> tuple[Box, ...]:
    """The boxes of things that a detector finds."""
    return tuple(
        Box(label=one.name, left=one.left, top=one.top, right=one.right, bottom=one.bottom)
        for one in finder.find(image, things)
    )
