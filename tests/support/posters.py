"""Posters with known text over photographs, Latin and Chinese, half of them misspelt by one letter or character."""

from __future__ import annotations

import importlib.util
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Literal, NamedTuple

import numpy as np
import numpy.typing as npt
from PIL import Image, ImageColor, ImageDraw, ImageFilter, ImageFont

from omniagent.model.perception.text import TextReader
from omniagent.tools.instruments.reading import reading_evidence

Fault = Literal["other", "missing", "twice"]
_FAULTS: Final[tuple[Fault, ...]] = ("other", "other", "missing", "twice")
LEAST: Final = 0.95
"""Share of posters that reading must judge right."""

_LETTERS: Final = "abcdefghijklmnopqrstuvwxyz"
_ALIKE: Final = ("il", "oce", "uv", "hn", "rn", "ft")
"""Small letters that look alike, which misspelt words get more often than chance has it."""


class Poster(NamedTuple):
    """A picture, the text that was asked for, whether it says that, and what it says."""

    image: Image.Image
    wanted: str
    right: bool
    says: str


@dataclass(frozen=True, slots=True)
class Printing:
    """What a set of posters is printed from.

    Attributes:
        latin: Texts in Latin letters.
        chinese: Texts in Chinese characters.
        fonts: (package, file in it) of fonts for Latin texts.
        chinese_font: The same for Chinese ones.
        photos: Files of scikit-image that lie behind the text.
    """

    latin: tuple[str, ...]
    chinese: tuple[str, ...]
    fonts: tuple[tuple[str, str], ...]
    chinese_font: tuple[str, str]
    photos: tuple[str, ...]


FIRST: Final = Printing(
    latin=(
        "GRAND OPENING", "Blue Note", "FRIDAY 9 PM", "Farmers Market", "NO PARKING", "Happy Birthday", "Jazz Night",
        "SALE", "Welcome Home", "Coffee & Books", "Keep Quiet", "Exit Here", "LISBOA", "Winter Festival", "Camp 17",
        "Open Daily", "Harbour Museum", "Fresh Bread", "Platform 4", "Thank You",
    ),
    chinese=(
        "欢迎光临", "生日快乐", "禁止吸烟", "新年快乐", "春节大促", "海边音乐节", "今日特价", "小心地滑", "北京图书馆",
        "周五晚上九点", "咖啡与书", "请勿停车", "夏日集市", "中秋月饼", "安静",
    ),
    fonts=(
        ("pylopdf_fonts_zh_cn", "NotoSansSC-Regular.otf"),
        ("font_lato", "files/Lato-Regular.ttf"),
        ("font_lato", "files/Lato-Black.ttf"),
        ("font_lato", "files/Lato-BoldItalic.ttf"),
    ),
    chinese_font=("pylopdf_fonts_zh_cn", "NotoSansSC-Regular.otf"),
    photos=("astronaut.png", "chelsea.png", "coffee.png", "brick.png", "grass.png", "camera.png"),
)  # fmt: skip
"""The set that the reader was mended with."""

SECOND: Final = Printing(
    latin=(
        "BOOK FAIR", "Night Train", "Room 204", "Fish and Chips", "WET PAINT", "Good Morning", "Open Mic", "RAMEN",
        "Never Give Up", "Salt & Pepper", "Mind the Gap", "Bus Stop", "PORTO", "Spring Concert", "Gate 12",
        "Closed Sunday", "City Library", "Hot Soup", "Track 8", "See You Soon",
    ),
    chinese=(
        "恭喜发财", "你好世界", "请保持安静", "夜市小吃", "开业大吉", "山水有相逢", "限时优惠", "出口", "上海博物馆",
        "早安", "热汤面", "禁止入内", "秋天的故事", "端午安康", "手冲咖啡",
    ),
    fonts=(
        ("font_fredoka_one", "files/FredokaOne-Regular.ttf"),
        ("fontpkg_roboto_slab", "files/RobotoSlab[wght].ttf"),
        ("pylopdf_fonts_zh_cn", "NotoSerifSC-Regular.otf"),
        ("font_lato", "files/Lato-Italic.ttf"),
    ),
    chinese_font=("pylopdf_fonts_zh_cn", "NotoSerifSC-Regular.otf"),
    photos=("rocket.jpg", "motorcycle_left.png", "gravel.png", "coins.png", "hubble_deep_field.jpg", "retina.jpg"),
)  # fmt: skip
"""Other words, fonts and photos, kept for the last look."""

_OTHERS: Final = "的一是在不了有和人这中大为上个国我以要他时来用们生到作地于出就分对成会可主发年动同工也能下过子说产"
_LOOK_ALIKE: Final = {
    "大": "太", "日": "目", "入": "人", "人": "入", "今": "令", "北": "比", "书": "节", "末": "未", "安": "案",
    "请": "清", "晚": "挽", "乐": "东", "开": "井", "口": "品", "早": "旱", "水": "永", "天": "夫", "手": "毛",
    "内": "肉", "汤": "场", "夜": "液", "优": "忧", "你": "您", "吉": "古",
}  # fmt: skip
_COLOURS: Final = ("#ffffff", "#ffe14d", "#111111", "#e2231a", "#12336b", "#7fe0ff", "#ff8c1a", "#0d5c2f")
_LEAST_CONTRAST: Final = 3.0
"""Of text and what lies behind it (WCAG's ratio), from which large text counts as legible."""

_BUSY: Final = 0.12
"""Deviation of the luminance behind a text from which it gets an outline, as printers do."""


def posters(count: int, size: int, seed: int = 0, printing: Printing = FIRST) -> Iterator[Poster]:
    """That many posters of so many pixels a side, every second one misspelt, every third one Chinese."""
    rng = np.random.default_rng(seed)
    for number in range(count):
        chinese = number % 3 == 2
        texts = printing.chinese if chinese else printing.latin
        wanted = texts[(number // (3 if chinese else 1)) % len(texts)]
        right = number % 2 == 0
        says = wanted if right else misspelt(wanted, rng)
        package, file = printing.chinese_font if chinese else printing.fonts[int(rng.integers(len(printing.fonts)))]
        photo = printing.photos[int(rng.integers(len(printing.photos)))]
        yield Poster(_printed(says, _in_package(package, file), photo, size, rng), wanted, right, says)


def judged_right(poster: Poster, reader: TextReader) -> bool:
    """Whether reading finds that a poster says what it must, or that it does not."""
    answer = reading_evidence(poster.wanted, reader.lines(poster.image)).answer
    return answer == ("yes" if poster.right else "no")


def misspelt(text: str, rng: np.random.Generator) -> str:
    """The text with one letter or character exchanged for another, left out, or written twice."""
    places = [at for at, sign in enumerate(text) if sign.isalpha()]
    at = places[int(rng.integers(len(places)))]
    fault = _FAULTS[int(rng.integers(len(_FAULTS)))]
    if fault == "missing":
        return text[:at] + text[at + 1 :]
    new = text[at] * 2 if fault == "twice" else _other(text[at], rng)
    return text[:at] + new + text[at + 1 :]


def _other(sign: str, rng: np.random.Generator) -> str:
    if not sign.isascii():
        others = [_LOOK_ALIKE[sign]] if sign in _LOOK_ALIKE and rng.random() < 0.5 else [*_OTHERS.replace(sign, "")]
        return others[int(rng.integers(len(others)))]
    alike = "".join(group for group in _ALIKE if sign.lower() in group)
    letters = (_LETTERS + 3 * alike).replace(sign.lower(), "")
    other = letters[int(rng.integers(len(letters)))]
    return other.upper() if sign.isupper() else other


def _in_package(package: str, file: str) -> Path:
    spec = importlib.util.find_spec(package)
    assert spec is not None and spec.origin is not None, f"{package} is part of the set-up for tests"
    return Path(spec.origin).parent / file


def _printed(text: str, font_file: Path, photo: str, size: int, rng: np.random.Generator) -> Image.Image:
    picture = _behind(photo, size, rng)
    rows = _rows(text, rng)
    font = _fitting(rows, font_file, size, rng)
    layer = Image.new("L", (size, size), 0)
    draw = ImageDraw.Draw(layer)
    block, spacing = "\n".join(rows), round(font.size * 0.3)
    box = draw.multiline_textbbox((0, 0), block, font=font, spacing=spacing, align="center")
    room = [max(1, round(size - (box[end + 2] - box[end]) - 0.12 * size)) for end in (0, 1)]
    left, top = (0.06 * size + int(rng.integers(space)) - box[end] for end, space in enumerate(room))
    draw.multiline_text((left, top), block, 255, font=font, spacing=spacing, align="center")
    turn = float(rng.uniform(-7, 7)) if rng.random() < 0.4 else 0.0
    middle = (left + (box[0] + box[2]) / 2, top + (box[1] + box[3]) / 2)
    mask = layer.rotate(turn, Image.Resampling.BICUBIC, center=middle)
    return _laid(picture, mask, font.size, rng)


def _laid(picture: Image.Image, mask: Image.Image, height: float, rng: np.random.Generator) -> Image.Image:
    """The text in a colour that a person can read there; where none is found, with an outline."""
    levels = _luminance(np.asarray(picture.crop(mask.getbbox())))
    behind = float(np.mean(levels))
    order = [_COLOURS[int(at)] for at in rng.permutation(len(_COLOURS))]
    colour = next((one for one in order if _contrast(_level(one), behind) >= _LEAST_CONTRAST), "#ffffff")
    if float(np.std(levels)) > _BUSY or rng.random() < 0.2:
        edge = "#000000" if _level(colour) > 0.3 else "#ffffff"
        wider = mask.filter(ImageFilter.MaxFilter(2 * max(1, round(height * 0.04)) + 1))
        picture.paste(Image.new("RGB", picture.size, edge), mask=wider)
    picture.paste(Image.new("RGB", picture.size, colour), mask=mask)
    return picture


def _luminance(pixels: npt.NDArray[np.uint8]) -> npt.NDArray[np.float64]:
    """Relative luminance, 0 to 1, of sRGB pixels (..., 3)."""
    levels = pixels / 255.0
    linear = np.where(levels <= 0.03928, levels / 12.92, ((levels + 0.055) / 1.055) ** 2.4)
    return linear @ np.array([0.2126, 0.7152, 0.0722])


def _level(colour: str) -> float:
    return float(_luminance(np.array(ImageColor.getrgb(colour)[:3], dtype=np.uint8)))


def _contrast(one: float, other: float) -> float:
    return (max(one, other) + 0.05) / (min(one, other) + 0.05)


def _behind(photo: str, size: int, rng: np.random.Generator) -> Image.Image:
    with Image.open(_in_package("skimage", f"data/{photo}")) as opened:
        whole = opened.convert("RGB")
    side = round(min(whole.size) * float(rng.uniform(0.6, 1.0)))
    left, top = (int(rng.integers(length - side + 1)) for length in whole.size)
    return whole.crop((left, top, left + side, top + side)).resize((size, size), Image.Resampling.LANCZOS)


def _rows(text: str, rng: np.random.Generator) -> list[str]:
    words = text.split(" ")
    if len(words) > 1 and (len(text) > 12 or rng.random() < 0.5):
        half = (len(words) + 1) // 2
        return [" ".join(words[:half]), " ".join(words[half:])]
    if not text.isascii() and len(text) > 4:
        return [text[: len(text) // 2], text[len(text) // 2 :]]
    return [text]


def _fitting(rows: list[str], file: Path, size: int, rng: np.random.Generator) -> ImageFont.FreeTypeFont:
    """A font between a twentieth and a fifth of the side high, that leaves the text inside the picture."""
    height = round(size * float(rng.uniform(0.06, 0.2)))
    while True:
        font = ImageFont.truetype(str(file), height)
        if max(font.getlength(row) for row in rows) <= 0.86 * size or height < 8:
            return font
        height = round(height * 0.9)
