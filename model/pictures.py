"""Pictures in and out: the size rules of OmniGen2, resizing, and the way between PIL and tensors.

Sides are in pixels. A latent pixel covers 8×8 pixels and a patch 2×2 latent pixels, so every side is a multiple of 16.
"""

from __future__ import annotations

import math
from typing import Literal, NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image
from torch.nn import functional

from omniagent.model.errors import BadImage, setting_out_of_range
from omniagent.model.limits import MAX_SIDE

SIDE_STEP = 16
DEFAULT_MAX_PIXELS = 1024 * 1024
DEFAULT_MAX_SIDE_LENGTH = 1024

OutputType = Literal["pil", "np", "pt", "latent"]
Pictures = list[Image.Image] | NDArray[np.float32] | torch.Tensor


class Size(NamedTuple):
    """Height and width in pixels."""

    height: int
    width: int


def fit(size: Size, max_pixels: int, max_side_length: int | None = None, step: int = SIDE_STEP) -> Size:
    """The published size rule: shrink to both limits, never enlarge, cut each side down to a multiple of `step`.

    A side of an extreme shape may come out as 0.
    """
    ratio = min(math.sqrt(max_pixels / (size.height * size.width)), 1.0)
    if max_side_length is not None:
        ratio = min(max_side_length / max(size), ratio)
    return Size(int(size.height * ratio) // step * step, int(size.width * ratio) // step * step)


def reference_size(
    size: Size,
    max_pixels: int = DEFAULT_MAX_PIXELS,
    max_side_length: int = DEFAULT_MAX_SIDE_LENGTH,
    step: int = SIDE_STEP,
) -> Size:
    """Size at which a reference picture is read.

    Raises:
        BadImage: a side would be under 16.
        BadSetting: a limit lies outside its range.
    """
    _check_limit("max_pixels", max_pixels, MAX_SIDE * MAX_SIDE)
    _check_limit("max_input_image_side_length", max_side_length, MAX_SIDE)
    found = fit(size, max_pixels, max_side_length, step)
    if min(found) < step:
        raise BadImage(
            f"a picture of {size.width}x{size.height} would be read at {found.width}x{found.height}; "
            f"give one with at least {step} pixels on each side and a less extreme shape"
        )
    return found


def legible(
    size: Size,
    max_pixels: int = DEFAULT_MAX_PIXELS,
    max_side_length: int = DEFAULT_MAX_SIDE_LENGTH,
    step: int = SIDE_STEP,
) -> Size:
    """The size, or where `reference_size` would refuse it a larger one of the same shape, or as near as can be.

    Small pictures are enlarged until their shorter side is `step`; what is still too narrow within the limits is
    stretched to it.
    """
    if min(fit(size, max_pixels, max_side_length, step)) >= step:
        return size
    ratio = min(step / min(size), max_side_length / max(size), math.sqrt(max_pixels / (size.height * size.width)))
    return Size(*(max(step, int(side * ratio) // step * step) for side in size))


def drawable(size: Size, sides: tuple[int, int], pixels: int, step: int = SIDE_STEP) -> Size:
    """The size if both sides lie within `sides` (shortest, longest), else one within that is as near in shape.

    Of the same shape, such a size has about `pixels` pixels; each side is a multiple of `step`.
    """
    shortest, longest = sides
    if shortest <= min(size) and max(size) <= longest:
        return size
    ratio = math.sqrt(pixels / (size.height * size.width))
    low, high = -(-shortest // step) * step, longest // step * step
    return Size(*(min(high, max(low, round(side * ratio / step) * step)) for side in size))


def output_size(size: Size, max_pixels: int = DEFAULT_MAX_PIXELS, step: int = SIDE_STEP) -> Size:
    """Size at which a picture is drawn before it is stretched to the `size` asked for.

    Raises:
        BadSetting: a side lies outside 16 to 4096, or would be under 16 within `max_pixels`.
    """
    for name, side in zip(("height", "width"), size, strict=True):
        if isinstance(side, bool) or not SIDE_STEP <= side <= MAX_SIDE:
            raise setting_out_of_range(name, side, f"a whole number of pixels from {SIDE_STEP} to {MAX_SIDE}")
    _check_limit("max_pixels", max_pixels, MAX_SIDE * MAX_SIDE)
    found = fit(size, max_pixels, step=step)
    if min(found) < step:
        raise setting_out_of_range(
            "max_pixels", max_pixels, f"a number that leaves {size.width}x{size.height} {step} pixels on each side"
        )
    return found


def _check_limit(name: str, value: int, most: int) -> None:
    low = SIDE_STEP if most == MAX_SIDE else SIDE_STEP * SIDE_STEP
    if isinstance(value, bool) or not low <= value <= most:
        raise setting_out_of_range(name, value, f"a whole number from {low} to {most}")


def preprocess(picture: Image.Image, size: Size) -> torch.Tensor:
    """Resize with Lanczos and scale to [-1, 1]: float32, (1, 3, height, width)."""
    rgb = resize(picture.convert("RGB"), size)
    values = np.asarray(rgb, dtype=np.float32) / 255.0
    return torch.from_numpy(values).permute(2, 0, 1).unsqueeze(0) * 2.0 - 1.0


def resize(picture: Image.Image, size: Size, filter: Image.Resampling = Image.Resampling.LANCZOS) -> Image.Image:
    """The picture at `size`, with the same pixels under every version of Pillow."""
    # Each pass rounds to 8 bits, so their order shows in the last bit. Pillow 13 begins with the vertical pass where
    # the height loses more than twice as many pixels as the width, older versions never do; here it always holds.
    vertical_first = picture.height - size.height > 2 * (picture.width - size.width)
    between = (picture.width, size.height) if vertical_first else (size.width, picture.height)
    for step in (between, (size.width, size.height)):
        if picture.size != step:
            picture = picture.resize(step, filter)
    return picture


def stretch(pictures: torch.Tensor, size: Size) -> torch.Tensor:
    """Resize (B, 3, h, w) bilinearly to `size`; the same tensor if it has that size."""
    if tuple(pictures.shape[-2:]) == size:
        return pictures
    return functional.interpolate(pictures, size=tuple(size), mode="bilinear")


def postprocess(pictures: torch.Tensor, output_type: OutputType) -> Pictures:
    """Turn (B, 3, h, w) in [-1, 1] into PIL pictures, an array (B, h, w, 3) or a tensor (B, 3, h, w) in [0, 1]."""
    scaled = (pictures.float() / 2 + 0.5).clamp(0, 1)
    if output_type == "pt":
        return scaled
    values = scaled.permute(0, 2, 3, 1).cpu().numpy()
    if output_type == "np":
        return values
    return [Image.fromarray((picture * 255).round().astype(np.uint8)) for picture in values]
