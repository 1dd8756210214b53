"""What instruments are given to look at."""

from __future__ import annotations

from dataclasses import dataclass

from PIL import Image

from omniagent.model.perception.text import TextReader


@dataclass(frozen=True, slots=True)
class Looked:
    """A picture to judge.

    Attributes:
        image: The picture.
        before: The picture that it was made from by an edit.
        reader: What reads its text, where one is installed; else the critic reads aloud.
    """

    image: Image.Image
    before: Image.Image | None = None
    reader: TextReader | None = None
