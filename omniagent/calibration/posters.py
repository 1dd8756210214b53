"""Posters with a known text, by turns right and misspelt by one letter, on smooth colours and on photos."""

from collections.abc import Iterator

import numpy as np
from PIL import Image, ImageDraw, ImageEnhance, ImageFilter, ImageFont

from omniagent.calibration.cases import KnownLine, KnownPicture
from omniagent.calibration.faults import misspelt
from omniagent.calibration.photos import FOLDER

SIDE = 512
TEXTS = (
    "GRAND OPENING", "Blue Note", "FRIDAY 9 PM", "Farmers Market", "NO PARKING", "Happy Birthday", "Jazz Night",
    "SALE", "Welcome Home", "Coffee & Books", "Keep Quiet", "Exit Here", "LISBOA", "Winter Festival", "Camp 17",
    "Open Daily", "Harbour Museum", "Fresh Bread", "Platform 4", "Thank You",
)  # fmt: skip
COUNT = 3 * len(TEXTS)


def poster_pictures() -> Iterator[KnownPicture]:
    """Sixty posters, 512 pixels a side, the same ones at each call."""
    photos = sorted(FOLDER.glob("*.webp"))
    for number in range(COUNT):
        rng = np.random.default_rng([number, *b"posters"])
        wanted = TEXTS[number % len(TEXTS)]
        right = number % 2 == 0
        text = wanted if right else misspelt(wanted, int(rng.integers(100)))
        ground = _photo(photos[number // 3 % len(photos)].name) if number % 3 == 2 else _colours(rng)
        line = KnownLine("text", f'Does the poster say "{wanted}"?', right)
        # Three posters say the same.
        group = f"posters/{wanted}"
        yield KnownPicture(f"posters/{number:02d}", _written(ground, text, rng), (line,), group=group)


def _colours(rng: np.random.Generator) -> Image.Image:
    noise = Image.fromarray(rng.integers(0, 110, (8, 8, 3), dtype=np.uint8))
    return noise.resize((SIDE, SIDE), Image.Resampling.BICUBIC).filter(ImageFilter.GaussianBlur(2))


def _photo(name: str) -> Image.Image:
    with Image.open(FOLDER / name) as file:
        photo = file.convert("RGB")
    side = min(photo.size)
    # Darker than the letters, which are white.
    return ImageEnhance.Brightness(photo.crop((0, 0, side, side)).resize((SIDE, SIDE))).enhance(0.45)


def _written(ground: Image.Image, text: str, rng: np.random.Generator) -> Image.Image:
    size = int(rng.integers(40, 64))
    font, draw = ImageFont.load_default(size), ImageDraw.Draw(ground)
    top = int(rng.integers(SIDE // 8, SIDE // 2))
    for row, word in enumerate(text.split(" & ") if " & " in text else [text]):
        said = f"& {word}" if row else word
        draw.text((SIDE // 2, top + row * size * 5 // 4), said, font=font, fill="white", anchor="mm")
    return ground
