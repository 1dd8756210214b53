"""What is done to photos by code: hats, other light, drawings, things gone, other faces; and what editors do to all.

The photos come with scikit-image.
"""

from __future__ import annotations

import functools
import io
from collections.abc import Callable
from typing import Final, Literal

import numpy as np
import numpy.typing as npt
import skimage.data
from PIL import Image, ImageChops, ImageDraw, ImageEnhance, ImageFilter, ImageOps

Corners = tuple[int, int, int, int]
Photo = Literal["astronaut", "chelsea", "coffee", "rocket", "camera", "stereo_motorcycle"]

SIDE: Final = 256
"""Pixels of the longer side."""


@functools.cache
def photo(name: Photo, side: int = SIDE) -> Image.Image:
    """A photo of scikit-image, its longer side that many pixels."""
    loaded = getattr(skimage.data, name)()
    pixels: npt.NDArray[np.uint8] = loaded[0] if isinstance(loaded, tuple) else loaded
    picture = Image.fromarray(pixels).convert("RGB")
    ratio = side / max(picture.size)
    return picture.resize((round(picture.width * ratio), round(picture.height * ratio)), Image.Resampling.LANCZOS)


def rendered(picture: Image.Image, number: int, *, closer: float = 1.0) -> Image.Image:
    """A picture as an editor gives it back: soft, drifted by some levels, noisy, now and then encoded as JPEG."""
    rng = np.random.default_rng(number)
    if closer != 1.0:
        picture = view(picture, closer)
    soft = picture.filter(ImageFilter.GaussianBlur(0.3 + 0.4 * rng.random()))
    drift = rng.uniform(-4, 4, 3) + rng.normal(0, 2, (soft.height, soft.width, 3))
    made = Image.fromarray(np.clip(np.asarray(soft, dtype=np.float64) + drift, 0, 255).astype(np.uint8))
    return encoded(made, 82) if number % 3 == 0 else made


def encoded(picture: Image.Image, quality: int) -> Image.Image:
    """The picture after a turn through JPEG."""
    buffer = io.BytesIO()
    picture.save(buffer, "JPEG", quality=quality)
    return Image.open(buffer).convert("RGB")


def view(picture: Image.Image, closer: float, right: float = 0, down: float = 0) -> Image.Image:
    """A view that many times closer, moved by so many pixels; what lies outside of the photo repeats its border."""
    pad = 16
    wide = Image.fromarray(np.pad(np.asarray(picture), ((pad, pad), (pad, pad), (0, 0)), mode="edge"))
    x, y = picture.width / 2, picture.height / 2
    data = (1 / closer, 0, x - (x + right) / closer + pad, 0, 1 / closer, y - (y + down) / closer + pad)
    return wide.transform(picture.size, Image.Transform.AFFINE, data, Image.Resampling.BICUBIC)


def drawn(picture: Image.Image, draw: Callable[[ImageDraw.ImageDraw], None]) -> Image.Image:
    """The picture with something painted on it, its edges as soft as those of a photo."""
    big = picture.resize((picture.width * 3, picture.height * 3), Image.Resampling.BICUBIC)
    draw(ImageDraw.Draw(big))
    made = big.resize(picture.size, Image.Resampling.LANCZOS)
    # What was not painted on keeps its pixels.
    mask = ImageChops.difference(made, picture).convert("L").point([0] * 25 + [255] * 231)
    return Image.composite(made, picture, mask.filter(ImageFilter.MaxFilter(3)))


def ellipse(box: Corners, colour: str) -> Callable[[ImageDraw.ImageDraw], None]:
    return lambda draw: draw.ellipse([3 * side for side in box], fill=colour)


def hat(x: int, y: int, width: int, colour: str) -> Callable[[ImageDraw.ImageDraw], None]:
    """A hat whose brim's middle lies at (x, y)."""

    def draw(on: ImageDraw.ImageDraw) -> None:
        half, high = width // 2, width // 2
        on.rectangle([3 * side for side in (x - half // 2 - 3, y - high, x + half // 2 + 3, y)], fill=colour)
        on.ellipse([3 * side for side in (x - half, y - 5, x + half, y + 5)], fill=colour)

    return draw


def recoloured(picture: Image.Image, box: Corners, turn: int, hues: tuple[int, int]) -> Image.Image:
    """The picture with colours of a range of hues, 0 to 255, turned within a box."""
    hsv = np.asarray(picture.convert("HSV")).copy()
    left, top, right, bottom = box
    part = hsv[top:bottom, left:right]
    low, high = hues
    hue = part[..., 0].astype(int)
    meant = (((hue - low) % 256) <= (high - low) % 256) & (part[..., 1] > 90) & (part[..., 2] > 40)
    part[..., 0] = np.where(meant, (hue + turn) % 256, hue).astype(np.uint8)
    return Image.fromarray(hsv, "HSV").convert("RGB")


def gone(picture: Image.Image, box: Corners) -> Image.Image:
    """The picture with a box filled in from what lies beside it."""
    pixels = np.asarray(picture).astype(np.float64)
    left, top, right, bottom = box
    from_left, from_right = pixels[top:bottom, max(left - 1, 0)], pixels[top:bottom, min(right, picture.width - 1)]
    share = np.linspace(0, 1, right - left)[None, :, None]
    pixels[top:bottom, left:right] = from_left[:, None] * (1 - share) + from_right[:, None] * share
    filled = Image.fromarray(pixels.astype(np.uint8))
    filled.paste(filled.crop(box).filter(ImageFilter.GaussianBlur(2)), box)
    return filled


def masked(picture: Image.Image, other: Image.Image, mask: Image.Image) -> Image.Image:
    """The picture inside the mask, the other one outside of it."""
    return Image.composite(picture, other, mask.filter(ImageFilter.GaussianBlur(1)))


def shape(size: tuple[int, int], draw: Callable[[ImageDraw.ImageDraw], None]) -> Image.Image:
    mask = Image.new("L", size, 0)
    draw(ImageDraw.Draw(mask))
    return mask


def beach(size: tuple[int, int]) -> Image.Image:
    """Sky, sea and sand."""
    made = Image.new("RGB", size, "#9fd3f0")
    draw = ImageDraw.Draw(made)
    draw.rectangle((0, size[1] * 0.45, size[0], size[1] * 0.7), fill="#1f6f94")
    draw.rectangle((0, size[1] * 0.7, size[0], size[1]), fill="#e2cf9c")
    for wave in range(6):
        y = size[1] * (0.47 + 0.04 * wave)
        draw.line((0, y, size[0], y + 3), fill="#5fa8c4", width=2)
    draw.ellipse((size[0] * 0.7, 8, size[0] * 0.7 + 36, 44), fill="#fff4c0")
    return made


def sunset(size: tuple[int, int]) -> Image.Image:
    """An evening sky with clouds."""
    rows = np.linspace(0, 1, size[1])[:, None, None]
    sky = (1 - rows) * np.array([70, 40, 110]) + rows * np.array([255, 150, 60])
    rng = np.random.default_rng(3)
    cloud = Image.fromarray(rng.integers(0, 255, (7, 5), dtype=np.uint8)).resize(size, Image.Resampling.BICUBIC)
    return Image.fromarray(np.clip(sky + 0.35 * (np.asarray(cloud)[..., None] - 128.0), 0, 255).astype(np.uint8))


def sketch(picture: Image.Image) -> Image.Image:
    """A pencil drawing of it."""
    grey = ImageOps.grayscale(picture)
    blurred = ImageOps.invert(grey).filter(ImageFilter.GaussianBlur(4))
    base, over = np.asarray(grey, dtype=np.float64), np.asarray(blurred, dtype=np.float64)
    return Image.fromarray(np.clip(base * 255 / np.maximum(255 - over, 1), 0, 255).astype(np.uint8)).convert("RGB")


def painting(picture: Image.Image) -> Image.Image:
    """It painted in oil: flat strokes of few colours."""
    made = picture.filter(ImageFilter.ModeFilter(7)).quantize(24).convert("RGB")
    return ImageEnhance.Color(made).enhance(1.4)


def lit(picture: Image.Image, gains: tuple[float, float, float], lift: float = 0, gamma: float = 1.0) -> Image.Image:
    """It in other light."""
    pixels = (np.asarray(picture, dtype=np.float64) / 255) ** gamma * 255 * np.array(gains) + lift
    return Image.fromarray(np.clip(pixels, 0, 255).astype(np.uint8))


def lit_from_the_left(picture: Image.Image) -> Image.Image:
    """It with a lamp on the left."""
    across = np.linspace(1.35, 0.6, picture.width)[None, :, None]
    return Image.fromarray(np.clip(np.asarray(picture) * across, 0, 255).astype(np.uint8))


def foggy(picture: Image.Image) -> Image.Image:
    return Image.blend(picture, Image.new("RGB", picture.size, "#c8ccd0"), 0.55)


def with_face(picture: Image.Image, box: Corners, other: Image.Image, other_box: Corners) -> Image.Image:
    """The picture with another one's face in the place of its own."""
    left, top, right, bottom = box
    face = other.crop(other_box).resize((right - left, bottom - top), Image.Resampling.LANCZOS)
    oval = shape(face.size, lambda draw: draw.ellipse((1, 1, face.width - 2, face.height - 2), fill=255))
    made = picture.copy()
    made.paste(face, (left, top), oval.filter(ImageFilter.GaussianBlur(2)))
    return made


OUTLINES: Final[dict[str, list[tuple[int, int]]]] = {
    "astronaut": [
        (18, 256), (10, 200), (22, 138), (58, 112), (78, 92), (86, 70), (76, 40), (92, 14), (122, 8), (146, 26),
        (146, 66), (158, 96), (182, 140), (186, 172), (222, 170), (256, 220), (256, 256),
    ],
    "camera": [
        (28, 256), (4, 210), (8, 170), (34, 110), (60, 84), (78, 66), (76, 46), (94, 34), (128, 46), (132, 70),
        (166, 72), (168, 92), (122, 140), (88, 180), (76, 256),
    ],
    "stereo_motorcycle": [
        (30, 70), (60, 56), (120, 50), (170, 30), (190, 50), (236, 100), (236, 150), (200, 160), (160, 120), (110, 150),
        (60, 146), (34, 120),
    ],
    "rocket": [
        (0, 0), (28, 0), (36, 140), (62, 140), (70, 46), (82, 140), (118, 140), (118, 50), (136, 44), (140, 140),
        (172, 140), (180, 48), (188, 140), (220, 140), (224, 0), (256, 0), (256, 171), (0, 171),
    ],
}  # fmt: skip


def subject(name: Photo) -> Image.Image:
    """A mask of a photo's main subject; of the rocket also of its towers and the ground."""

    def draw(on: ImageDraw.ImageDraw) -> None:
        if name == "coffee":
            on.ellipse((30, 30, 208, 168), fill=255)
            on.ellipse((72, 4, 178, 100), fill=255)
        else:
            on.polygon(OUTLINES[name], fill=255)

    return shape(photo(name).size, draw)
