"""How a generator is called for a task: which picture sets the size, and how strongly text and pictures steer.

Pure rules over the generator's profile and what the caller set, so that a plan always gives the same call.
"""

import math
from typing import Final

from omniagent.model.limits import MAX_SIDE, MIN_SIDE
from omniagent.model.profile import GeneratorProfile, GuidanceScales
from omniagent.tools.config import GuidanceSettings
from omniagent.tools.dialects.plain.language.ground import ground_of, named_images
from omniagent.tools.types import ImageRef, Mode, RenderSettings, Word

_STEP: Final = 16
_SHAPE: Final = 4.0
"""Most times that a picture shaped after another one is as long as wide; beyond, the network repeats itself."""


def ground_image(mode: Mode, words: str, count: int) -> int | None:
    """Which of several input pictures, from 1, gives the new picture its shape; None when the generator's default does.

    An edit keeps the shape of the picture it changes: the first one named, else image 1. A composition takes that of
    the picture which it is made on, where the words say so (`ground_of`); the published program draws it at its
    default size.
    """
    if count == 0 or mode not in ("edit", "compose"):
        return None
    if (ground := ground_of(words, count)) is not None or mode == "compose":
        return ground
    return next((number for number in named_images(words) if number <= count), 1)


def shaped(picture: ImageRef, profile: tuple[int, int]) -> tuple[int, int]:
    """Width and height of a picture's shape at the area of the generator's default (width, height), sides cut to 16.

    A thumbnail and a photo of 12 megapixels of one shape give the same.
    """
    ratio = min(_SHAPE, max(1 / _SHAPE, picture.width / picture.height))
    width = math.sqrt(profile[0] * profile[1] * ratio)
    sides = (int(side + 0.5) // _STEP * _STEP for side in (width, width / ratio))
    width, height = (min(MAX_SIDE, max(MIN_SIDE, side)) for side in sides)
    return width, height


class CallRules(Word):
    """How strongly text and pictures steer by mode; None leaves it to the generator's own scale."""

    text: GuidanceScales = GuidanceScales()
    image: GuidanceScales = GuidanceScales()
    sized: bool = False
    default: tuple[int, int] = (1024, 1024)
    negative: str = ""
    max_side: int | None = None


def call_rules(profile: GeneratorProfile, settings: GuidanceSettings) -> CallRules:
    """The rules of a generator's profile with what the caller set in their place."""
    text, image = profile.text_by_mode, profile.image_by_mode
    if settings.text is not None:
        text = GuidanceScales(generate=settings.text, edit=settings.text, compose=settings.text)
    given = {"edit": settings.edit, "compose": settings.compose}
    image = image.model_copy(update={mode: scale for mode, scale in given.items() if scale is not None})
    sized = profile.sized_by_reference if settings.sized is None else settings.sized
    return CallRules(
        text=text,
        image=image,
        sized=sized,
        default=(profile.width, profile.height),
        negative=profile.negative if settings.negative is None else settings.negative,
        max_side=settings.max_side,
    )


def parameters(
    mode: Mode, words: str, images: tuple[ImageRef, ...], asked: RenderSettings, rules: CallRules
) -> RenderSettings:
    """The settings of a call: what the person asked for, else the rules, else None for the generator's own.

    Sizes are in pixels. With a single input picture an edit leaves the size to the generator, which takes the
    picture's. `words` are the person's, as they name the pictures.
    """
    ground = ground_image(mode, words, len(images))
    width, height = asked.width, asked.height
    if rules.sized and width is None and height is None and ground is not None and len(images) > 1:
        width, height = shaped(images[ground - 1], rules.default)
    text, image = getattr(rules.text, mode, None), getattr(rules.image, mode, None) if images else None
    return asked.model_copy(
        update={
            "width": width,
            "height": height,
            "text_guidance": text if asked.text_guidance is None else asked.text_guidance,
            "image_guidance": image if asked.image_guidance is None else asked.image_guidance,
            "negative": rules.negative if asked.negative is None else asked.negative,
            "max_side": rules.max_side if asked.max_side is None else asked.max_side,
        }
    )
