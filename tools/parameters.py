"""How OmniGen2 wants to be called for a task: which picture sets the size, and how strongly pictures steer.

The model cannot choose its size, and its authors steer edits with image guidance 1.2 to 2.0 and in-context work with
2.5 to 3.0 (OmniGen2 usage notes). Pure rules, so that a plan always gives the same call.
"""

import re

from omniagent.tools.config import CallRules
from omniagent.tools.types import ImageRef, Mode, RenderSettings

OMNIGEN2 = CallRules(text=5.0, edit=1.8, compose=2.8, sized=True)

_NUMBER = {"first": 1, "second": 2, "third": 3, "fourth": 4, "fifth": 5}
_IMAGE = re.compile(
    r"\b(?:image|picture|photo)\s*(\d+)\b|\b(first|second|third|fourth|fifth)\s+(?:image|picture|photo)\b"
)
_GROUND = re.compile(
    r"\b(?:background|scene|canvas|in|into|onto|on|to)\b(?:\s+(?:of|from|the))*\s+(?:image|picture|photo)\s*(\d+)\b"
)


def named_images(instruction: str) -> tuple[int, ...]:
    """The numbers of the input pictures that the words name, from 1, in order of first mention."""
    found = (int(match[1]) if match[1] else _NUMBER[match[2]] for match in _IMAGE.finditer(instruction.lower()))
    return tuple(dict.fromkeys(found))


def ground_image(mode: Mode, instruction: str, count: int) -> int | None:
    """Which input picture, from 1, gives the new picture its size; None when the checkpoint's default does.

    An edit keeps the size of the picture it changes: the first one named, else image 1. A composition takes the size
    of the picture whose background or scene is used; else of the first one named; else of image 1.
    """
    if count == 0 or mode not in ("edit", "compose"):
        return None
    text = instruction.lower()
    grounds = [int(match[1]) for match in _GROUND.finditer(text)] if mode == "compose" else []
    for number in (*grounds, *named_images(text)):
        if 1 <= number <= count:
            return number
    return 1


def parameters(
    mode: Mode, instruction: str, images: tuple[ImageRef, ...], asked: RenderSettings, rules: CallRules
) -> RenderSettings:
    """The settings of a call: what the person asked for, else the rules, else None for the checkpoint's default.

    Sizes are in pixels. With a single input picture an edit leaves the size to the model, which takes the picture's.
    """
    ground = ground_image(mode, instruction, len(images))
    width, height = asked.width, asked.height
    if rules.sized and width is None and height is None and ground is not None and len(images) > 1:
        width, height = images[ground - 1].width, images[ground - 1].height
    pictures = {"edit": rules.edit, "compose": rules.compose}.get(mode) if images else None
    return asked.model_copy(
        update={
            "width": width,
            "height": height,
            "text_guidance": asked.text_guidance if asked.text_guidance is not None else rules.text,
            "image_guidance": asked.image_guidance if asked.image_guidance is not None else pictures,
        }
    )
