"""A mask that a person hands in: where image 1 may change."""

import io
from collections.abc import Sequence
from pathlib import Path

from PIL import Image, ImageChops

from omniagent.model.errors import BadImage, BadSetting
from omniagent.tools.intake.task import Given, read_images

_NAME = "the mask"


def read_mask(given: Given, pictures: Sequence[Image.Image]) -> Image.Image:
    """The mask as gray pixels, white where the picture may change.

    Of a mask with transparent pixels these are where it may change, as in the OpenAI images API; of one without, the
    white ones are, as in diffusers' inpainting pipelines.

    Args:
        given: A path, bytes or a PIL image, of the picture's size.
        pictures: Those of the task as they were read, upright.

    Raises:
        BadImage: it is no picture, has another size than image 1, or leaves nothing to change.
        BadSetting: there is no image 1.
    """
    if not pictures:
        raise BadSetting("a mask was given without a picture; give the picture that may change as image 1")
    picture = pictures[0]
    image = given if isinstance(given, Image.Image) else _opened(given)
    if image.size != picture.size:
        raise BadImage(
            f"{_NAME} is {image.width}x{image.height} and image 1 is {picture.width}x{picture.height}; "
            "give both in one size"
        )
    alpha = image.convert("RGBA").getchannel("A")
    clear = alpha.getextrema() != (255, 255)
    mask = ImageChops.invert(alpha) if clear else read_images([image])[0].convert("L")
    if mask.getextrema()[1] == 0:
        raise BadImage(
            f"{_NAME} leaves nothing to change: no pixel is transparent, and none is white; "
            "make the pixels that may change transparent"
        )
    return mask


def _opened(given: str | Path | bytes) -> Image.Image:
    """The mask with its transparency, which `read_images` lays on white."""
    try:
        read_images([given])
        data = given if isinstance(given, bytes) else Path(given).expanduser().read_bytes()
        with Image.open(io.BytesIO(data)) as image:
            image.load()
            return image.copy()
    except BadImage as error:
        raise BadImage(str(error).replace("image 1", _NAME, 1)) from error
    except OSError as error:
        raise BadImage(f"{_NAME} cannot be read ({error}); give a PNG with transparent pixels") from error
