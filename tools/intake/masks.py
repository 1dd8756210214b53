"""A mask that a person hands in: where image 1 may change."""

from collections.abc import Sequence

from PIL import Image, ImageChops

from omniagent.model.errors import BadImage, BadSetting
from omniagent.tools.intake.task import Given, read_whole

_NAME = "the mask"
_HALF = 128
"""From this level on a pixel may change."""


def read_mask(given: Given, pictures: Sequence[Image.Image]) -> Image.Image:
    """The mask as gray pixels, white where the picture may change.

    Of a mask with pixels that are more than half transparent these are where it may change, as in the OpenAI images
    API; of one without, the white ones are, as in diffusers' inpainting pipelines.

    Args:
        given: A path, bytes or a PIL image, upright of the picture's size.
        pictures: Those of the task as they were read, upright.

    Raises:
        BadImage: it is no picture, has another size than image 1, or leaves nothing to change.
        BadSetting: there is no image 1.
    """
    if not pictures:
        raise BadSetting("a mask was given without a picture; give the picture that may change as image 1")
    picture = pictures[0]
    image = read_whole(given, _NAME)
    if image.size != picture.size:
        raise BadImage(
            f"{_NAME} is {image.width}x{image.height} and image 1 is {picture.width}x{picture.height}; "
            "give both in one size"
        )
    alpha = image.convert("RGBA").getchannel("A")
    # Editors leave an alpha of 254 here and there, which is not meant.
    clear = alpha.point([255 * (level < _HALF) for level in range(256)]).getbbox() is not None
    mask = ImageChops.invert(alpha) if clear else image.convert("RGB").convert("L")
    if mask.point([255 * (level >= _HALF) for level in range(256)]).getbbox() is None:
        raise BadImage(
            f"{_NAME} leaves nothing to change: no pixel is transparent, and none is white; "
            "make the pixels that may change transparent"
        )
    return mask
