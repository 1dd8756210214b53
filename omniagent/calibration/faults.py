"""Faults that are planted in photos: each takes a picture and gives a new one of the same size.

Boxes are (left, top, right, bottom) in pixels.
"""

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
from PIL import Image, ImageDraw, ImageFilter, ImageFont, ImageOps

Box = tuple[int, int, int, int]
Array = npt.NDArray[np.float32]


def masked(image: Image.Image, box: Box) -> Image.Image:
    """The box filled in from its border, as a Coons patch (S. A. Coons, MIT Project MAC TR-41, 1967).

    A side of the box that lies on the picture's edge is taken to look like the opposite one.
    """
    left, top, right, bottom = box
    pixels: Array = np.asarray(image, dtype=np.float32).copy()
    height, width = pixels.shape[:2]
    rows, columns = slice(top, bottom), slice(left, right)
    west = pixels[rows, left - 1] if left > 0 else pixels[rows, min(right, width - 1)]
    east = pixels[rows, right] if right < width else west
    north = pixels[top - 1, columns] if top > 0 else pixels[min(bottom, height - 1), columns]
    south = pixels[bottom, columns] if bottom < height else north
    west, east, north, south = (_smooth(line) for line in (west, east, north, south))
    u = np.linspace(0, 1, right - left, dtype=np.float32)[None, :, None]
    v = np.linspace(0, 1, bottom - top, dtype=np.float32)[:, None, None]
    across = (1 - u) * west[:, None] + u * east[:, None]
    down = (1 - v) * north[None] + v * south[None]
    corners = (1 - u) * (1 - v) * (west[0] + north[0]) / 2 + u * (1 - v) * (east[0] + north[-1]) / 2
    corners = corners + (1 - u) * v * (west[-1] + south[0]) / 2 + u * v * (east[-1] + south[-1]) / 2
    pixels[rows, columns] = across + down - corners
    return Image.fromarray(np.clip(pixels, 0, 255).astype(np.uint8))


def _smooth(line: Array) -> Array:
    """A line of pixels, (length, 3), each the mean of those around it, so that none draws a streak."""
    reach = max(1, len(line) // 4)
    padded = np.pad(line, ((reach, reach), (0, 0)), mode="edge")
    summed = np.cumsum(np.pad(padded, ((1, 0), (0, 0))), axis=0)
    span = 2 * reach + 1
    return ((summed[span:] - summed[:-span]) / span).astype(np.float32)


def recoloured(image: Image.Image, box: Box, hues: Sequence[tuple[int, int]], to: int, least: int = 60) -> Image.Image:
    """What has one of the hues within the box in another one; hues in degrees, `least` the saturation, 0 to 255."""
    hsv = np.asarray(image.convert("HSV")).copy()
    left, top, right, bottom = box
    part = hsv[top:bottom, left:right]
    degrees = part[..., 0].astype(np.float32) * 360 / 255
    chosen = np.zeros(degrees.shape, dtype=np.bool_)
    for low, high in hues:
        chosen |= (degrees >= low) & (degrees <= high)
    chosen &= part[..., 1] >= least
    part[..., 0] = np.where(chosen, np.uint8(to * 255 / 360), part[..., 0])
    return Image.fromarray(hsv, "HSV").convert("RGB")


def pasted(image: Image.Image, cutout: Image.Image, at: tuple[int, int], *, oval: bool = True) -> Image.Image:
    """A cutout with its middle at a place, its edge softened by two pixels; an oval, or all of it."""
    mask = Image.new("L", cutout.size, 0)
    draw, edge = ImageDraw.Draw(mask), (2, 2, cutout.width - 3, cutout.height - 3)
    draw.ellipse(edge, fill=255) if oval else draw.rectangle(edge, fill=255)
    made = image.copy()
    corner = (at[0] - cutout.width // 2, at[1] - cutout.height // 2)
    made.paste(cutout, corner, mask.filter(ImageFilter.GaussianBlur(1.5)))
    return made


def mirrored(image: Image.Image) -> Image.Image:
    """Left and right exchanged."""
    return ImageOps.mirror(image)


def in_grey(image: Image.Image) -> Image.Image:
    """Without colours."""
    return ImageOps.grayscale(image).convert("RGB")


def as_sketch(image: Image.Image) -> Image.Image:
    """Dark contours on white, as a pencil gives them: grey divided by its blurred negative (colour dodge)."""
    grey = ImageOps.grayscale(image)
    blurred: Array = np.asarray(grey.filter(ImageFilter.GaussianBlur(6)), dtype=np.float32)
    dodged = np.clip(np.asarray(grey, dtype=np.float32) * 250 / np.maximum(blurred, 1), 0, 255)
    return Image.fromarray(dodged.astype(np.uint8)).convert("RGB")


def lettered(image: Image.Image, text: str, at: tuple[int, int], size: int) -> Image.Image:
    """A white sign with black letters, its middle at a place; `size` is the height of the letters in pixels."""
    font = ImageFont.load_default(size)
    made = image.copy()
    draw = ImageDraw.Draw(made)
    left, top, right, bottom = draw.textbbox(at, text, font=font, anchor="mm")
    rim = size // 3
    draw.rectangle((left - rim, top - rim, right + rim, bottom + rim), fill="white", outline="black", width=2)
    draw.text(at, text, font=font, fill="black", anchor="mm")
    return made


def misspelt(text: str, turn: int) -> str:
    """The text with one letter in the place of another that looks unlike it; `turn` chooses which."""
    places = [place for place, sign in enumerate(text) if sign.isalpha()]
    place = places[turn % len(places)]
    others = [sign for sign in "abdefghkmnprstuwyz" if sign != text[place].lower()]
    sign = others[(turn * 7 + 3) % len(others)]
    return f"{text[:place]}{sign.upper() if text[place].isupper() else sign}{text[place + 1 :]}"


def encoded_again(image: Image.Image) -> Image.Image:
    """Nothing changed, but as an editor gives it back: every pixel a little off, by a soft blur."""
    return image.filter(ImageFilter.GaussianBlur(0.6))


def tinted(image: Image.Image, colour: tuple[int, int, int], *, lift: bool = False) -> Image.Image:
    """Its brightness from black to a colour; with `lift` from that colour to white."""
    grey = ImageOps.grayscale(image)
    return ImageOps.colorize(grey, colour, (255, 255, 255)) if lift else ImageOps.colorize(grey, (0, 0, 0), colour)
