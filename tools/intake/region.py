"""Where a given picture may change: what is drawn outside of that is put back from the picture itself."""

from dataclasses import dataclass
from functools import cached_property

from PIL import Image, ImageChops, ImageFilter

from omniagent.model.limits import MIN_SIDE, Part

_EDGE = 128
"""The soft edge is this part of the shorter side, and lies within the region."""

_RAMP = [min(255, max(0, round(1.2 * (2 * level - 255)))) for level in range(256)]
"""From the middle of a blurred edge, which is the mask's own, to full strength."""


@dataclass(frozen=True)
class Region:
    """Image 1 of an edit, and its mask: white where it may change, of the picture's size.

    Attributes:
        size: Width and height of the results in pixels; None keeps the picture's own.
    """

    picture: Image.Image
    mask: Image.Image
    size: tuple[int, int] | None = None

    def kept(self, drawn: Image.Image) -> Image.Image:
        """What was drawn within the region, and the picture itself outside of it, pixel by pixel.

        In the picture's own size the pixels outside are exactly the given ones; in another size they are its resized
        ones. Within the region the drawn pixels fade in over a hundred-and-twenty-eighth of the shorter side.
        """
        size = self.size or self.picture.size
        picture, mask, drawn = _sized(self.picture, size), _sized(self._soft, size), _sized(drawn, size)
        return Image.composite(drawn, picture, mask)

    @property
    def drawing_size(self) -> tuple[int, int]:
        """A size in whole tokens, of the picture's shape and at most 1024² pixels, for what is drawn anew."""
        width, height = self.size or self.picture.size
        scale = min(1.0, (1024 * 1024 / (width * height)) ** 0.5)
        return _whole(width * scale), _whole(height * scale)

    @property
    def part(self) -> Part | None:
        """Left, top, right and bottom of all that may change, as shares of width and height; None of a black mask."""
        box = self.mask.getbbox()
        if box is None:
            return None
        (left, top, right, bottom), (width, height) = box, self.mask.size
        return left / width, top / height, right / width, bottom / height

    @cached_property
    def _soft(self) -> Image.Image:
        """The mask with an edge that falls off inwards; parts too thin for one, which would fade away, stay hard."""
        radius = min(self.mask.size) / _EDGE
        blurred = self.mask.filter(ImageFilter.GaussianBlur(radius)).point(_RAMP)
        return Image.composite(ImageChops.darker(self.mask, blurred), self.mask, _thick(self.mask, 1 + 2.5 * radius))


def _thick(mask: Image.Image, radius: float) -> Image.Image:
    """Where the mask is white over a square of that half width: its morphological opening, axis by axis."""
    found = mask.point([255 * (level > 127) for level in range(256)])
    for levels in ([255 * (level == 255) for level in range(256)], [255 * (level > 0) for level in range(256)]):
        for axis in ((radius, 0), (0, radius)):
            found = found.filter(ImageFilter.BoxBlur(axis)).point(levels)
    return found


def _sized(image: Image.Image, size: tuple[int, int]) -> Image.Image:
    return image if image.size == size else image.resize(size, Image.Resampling.LANCZOS)


def _whole(side: float) -> int:
    return max(MIN_SIDE, round(side / MIN_SIDE) * MIN_SIDE)
