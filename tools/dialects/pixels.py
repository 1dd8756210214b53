"""Pictures of a prompt within the pixels that a critic's profile allows."""

import math

from PIL import Image

from omniagent.model.requests import Prompt


def within(prompt: Prompt, pixels: int | None) -> Prompt:
    """The prompt with each larger picture shrunk to that many pixels, its shape kept; None is no limit."""
    if pixels is None:
        return prompt
    parts = tuple(part if isinstance(part, str) else shrunk(part, pixels) for part in prompt.parts)
    return prompt if parts == prompt.parts else Prompt(system=prompt.system, parts=parts)


def shrunk(picture: Image.Image, pixels: int) -> Image.Image:
    """The picture within that many pixels; itself where it fits."""
    if picture.width * picture.height <= pixels:
        return picture
    ratio = math.sqrt(pixels / (picture.width * picture.height))
    width, height = (max(1, math.floor(side * ratio)) for side in picture.size)
    return picture.convert("RGB").resize((width, height), Image.Resampling.LANCZOS)
