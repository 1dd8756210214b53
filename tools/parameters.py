"""How a generator is called for a task: which picture sets the size, and how strongly text and pictures steer.

Pure rules over the generator's profile and what the caller set, so that a plan always gives the same call.
"""

import re
from collections.abc import Mapping

from omniagent.model.profile import GeneratorProfile, GuidanceScales
from omniagent.tools.config import GuidanceSettings
from omniagent.tools.types import ImageRef, Mode, RenderSettings, Word

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


def renumbered(instruction: str, numbers: Mapping[int, int]) -> str:
    """The words with the given pictures' numbers replaced; a number without another one stays."""

    def other(found: re.Match[str]) -> str:
        old = int(found[1]) if found[1] else _NUMBER[found[2].lower()]
        new = numbers.get(old, old)
        if new == old:
            return found[0]
        return found[0].replace(found[1], str(new)) if found[1] else f"image {new}"

    return re.sub(_IMAGE.pattern, other, instruction, flags=re.IGNORECASE)


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


class CallRules(Word):
    """How strongly text and pictures steer by mode; None leaves it to the generator's own scale."""

    text: GuidanceScales = GuidanceScales()
    image: GuidanceScales = GuidanceScales()
    sized: bool = False
    negative: str = ""


def call_rules(profile: GeneratorProfile, settings: GuidanceSettings) -> CallRules:
    """The rules of a generator's profile with what the caller set in their place."""
    text, image = profile.text_by_mode, profile.image_by_mode
    if settings.text is not None:
        text = GuidanceScales(generate=settings.text, edit=settings.text, compose=settings.text)
    given = {"edit": settings.edit, "compose": settings.compose}
    image = image.model_copy(update={mode: scale for mode, scale in given.items() if scale is not None})
    sized = profile.sized_by_reference if settings.sized is None else settings.sized
    return CallRules(text=text, image=image, sized=sized, negative=profile.negative)


def parameters(
    mode: Mode, instruction: str, images: tuple[ImageRef, ...], asked: RenderSettings, rules: CallRules
) -> RenderSettings:
    """The settings of a call: what the person asked for, else the rules, else None for the generator's own.

    Sizes are in pixels. With a single input picture an edit leaves the size to the generator, which takes the
    picture's.
    """
    ground = ground_image(mode, instruction, len(images))
    width, height = asked.width, asked.height
    if rules.sized and width is None and height is None and ground is not None and len(images) > 1:
        width, height = images[ground - 1].width, images[ground - 1].height
    text, image = getattr(rules.text, mode, None), getattr(rules.image, mode, None) if images else None
    return asked.model_copy(
        update={
            "width": width,
            "height": height,
            "text_guidance": text if asked.text_guidance is None else asked.text_guidance,
            "image_guidance": image if asked.image_guidance is None else asked.image_guidance,
            "negative": asked.negative or rules.negative,
        }
    )
