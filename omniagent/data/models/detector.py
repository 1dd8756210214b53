"""Boxes of named things with their scores, as the stages ask for them."""

from collections.abc import Sequence
from typing import NamedTuple, Protocol, runtime_checkable

from PIL import Image

from omniagent.model.perception.masks import Rect


class Detected(NamedTuple):
    """A thing that was found: its name as it was asked for, its score in [0, 1], its box in pixels."""

    thing: str
    score: float
    box: Rect


@runtime_checkable
class Detector(Protocol):
    """Finds named things."""

    @property
    def name(self) -> str:
        """Of the weights or the method, for records."""
        ...

    def find(self, picture: Image.Image, things: Sequence[str]) -> list[Detected]:
        """Every box of each thing, the best scores first."""
        ...
