"""Posters with known text: rendered letters over smooth random backgrounds, half of them misspelt by one letter."""

from collections.abc import Iterator
from typing import NamedTuple

import numpy as np
from PIL import Image, ImageDraw, ImageFilter, ImageFont

TEXTS = (
    "GRAND OPENING", "Blue Note", "FRIDAY 9 PM", "Farmers Market", "NO PARKING", "Happy Birthday", "Jazz Night",
    "SALE", "Welcome Home", "Coffee & Books", "Keep Quiet", "Exit Here", "LISBOA", "Winter Festival", "Camp 17",
    "Open Daily", "Harbour Museum", "Fresh Bread", "Platform 4", "Thank You",
)  # fmt: skip
_SWAPS = "abdefghkmnprstuwyz"


class Poster(NamedTuple):
    """A picture, the text that was asked for, and whether it says that."""

    image: Image.Image
    wanted: str
    right: bool


def posters(count: int, size: int, seed: int = 0) -> Iterator[Poster]:
    """That many posters of so many pixels a side, every second one misspelt."""
    rng = np.random.default_rng(seed)
    for number in range(count):
        wanted = TEXTS[number % len(TEXTS)]
        right = number % 2 == 0
        yield Poster(_drawn(wanted if right else misspelt(wanted, rng), size, rng), wanted, right)


def misspelt(text: str, rng: np.random.Generator) -> str:
    """The text with one letter exchanged for another one that does not look like it."""
    places = [at for at, sign in enumerate(text) if sign.isalpha()]
    at = places[int(rng.integers(len(places)))]
    others = [sign for sign in _SWAPS if sign not in text[at].lower()]
    sign = others[int(rng.integers(len(others)))]
    return f"{text[:at]}{sign.upper() if text[at].isupper() else sign}{text[at + 1 :]}"


def _drawn(text: str, size: int, rng: np.random.Generator) -> Image.Image:
    noise = Image.fromarray(rng.integers(0, 110, (8, 8, 3), dtype=np.uint8))
    picture = noise.resize((size, size), Image.Resampling.BICUBIC).filter(ImageFilter.GaussianBlur(2))
    draw = ImageDraw.Draw(picture)
    words = text.split() if len(text) > 9 else [text]
    font = ImageFont.load_default(size // 9)
    for row, word in enumerate(words):
        draw.text((size // 10, size // 4 + row * size // 5), word, font=font, fill="white")
    return picture
