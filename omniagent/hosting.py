"""What the faces share that put OmniAgent inside another agent: argument types, pictures in text form, previews."""

import base64
import binascii
import io
import re
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, NamedTuple

from PIL import Image
from pydantic import Field

from omniagent.agent import Agent
from omniagent.model.errors import BadImage
from omniagent.tools.types import Budget

TaskText = Annotated[
    str, Field(description='What to draw, change or answer, in words; call the pictures "image 1", "image 2", …')
]
Images = Annotated[tuple[str, ...], Field(description="0 to 5 input pictures: file paths or data: URIs", max_length=5)]
Seed = Annotated[int, Field(description="The same seed gives the same picture", ge=0, le=2**63 - 1)]
Rounds = Annotated[int | None, Field(description="Rounds of drawing and looking at most", ge=1, le=100)]

CREATE_IMAGE = (
    "Draw or edit a picture from words and up to 5 input pictures. The picture is checked against the task and "
    "repaired until it fits. Returns the file path, the verdict of every requirement, and whether all hold."
)

_DATA_URI = re.compile(r"^data:image/[\w.+-]+;base64,", re.IGNORECASE)


class Preview(NamedTuple):
    """A picture small enough for a message, and its MIME type."""

    data: bytes
    mime_type: str


def pictures_of(images: Sequence[str]) -> list[str | bytes]:
    """Paths as they are, and data URIs as the bytes they hold.

    Raises:
        BadImage: a data URI is no base64.
    """
    found: list[str | bytes] = []
    for number, text in enumerate(images, start=1):
        head = _DATA_URI.match(text)
        if head is None:
            found.append(text)
            continue
        try:
            found.append(base64.b64decode(text[head.end() :], validate=True))
        except binascii.Error as error:
            raise BadImage(f"image {number} is a data URI that is no base64 ({error}); give a file path") from error
    return found


def budget_of(agent: Agent, max_rounds: int | None) -> Budget:
    """The agent's budget, with another number of rounds if one is given."""
    budget = agent.config.budget
    return budget if max_rounds is None else budget.model_copy(update={"max_rounds": max_rounds})


def preview_of(path: Path, limit: int = 384 * 1024) -> Preview:
    """The file itself when it has at most `limit` bytes, else a JPEG that does.

    Raises:
        OSError: the file is gone or broken.
    """
    data, side = path.read_bytes(), 1024
    if len(data) <= limit:
        return Preview(data, "image/png")
    with Image.open(io.BytesIO(data)) as image:
        small = image.convert("RGB")
    while True:
        small.thumbnail((side, side))
        buffer = io.BytesIO()
        small.save(buffer, "JPEG", quality=85)
        if buffer.tell() <= limit or side <= 64:
            return Preview(buffer.getvalue(), "image/jpeg")
        side = side * 3 // 4
