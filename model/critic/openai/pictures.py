"""Pictures on their way to a chat server: encoded once, and, where the server remembers them, sent once."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

from PIL import Image

from omniagent.model import lifetime
from omniagent.model.cache import ByteCache, picture_key
from omniagent.model.critic.openai.wire import data_url
from omniagent.model.errors import setting_out_of_range
from omniagent.model.mllm.proportions import MOST_OBLONG
from omniagent.model.requests import Prompt

KEYS_KEPT = 4096
# Servers of Qwen models refuse sides under one merged patch, and pictures more than 200 times as long as wide.
MIN_SIDE = 28
MAX_PIXELS = 2048 * MIN_SIDE * MIN_SIDE
"""Pixels of 2,048 picture tokens of a Qwen-VL: 1.6 megapixels, 1,267 pixels square."""


class PictureParts:
    """Content parts of a prompt's pictures, by content. Thread-safe.

    With keys, a picture that the server has seen goes as its key alone; `forget` takes that back when the server has
    dropped it. The key is the SHA-256 of the pixels, so equal keys are equal pictures.
    """

    def __init__(self, cache_bytes: int = 64 * 2**20) -> None:
        self._urls: ByteCache[str, str] = ByteCache(cache_bytes, len)
        self._there: dict[str, None] = {}
        self._lock = lifetime.Lock()

    def parts(self, pictures: Sequence[Image.Image], *, keyed: bool, bare: bool = False) -> list[dict[str, Any]]:
        """One content part for each picture. `bare` sends keys without pixels whatever the server has seen."""
        made: list[dict[str, Any]] = []
        for picture in pictures:
            key = picture_key(picture)
            known = keyed and (bare or key in self._there)
            url = None if known else {"url": self._urls.get_or_make(key, lambda each=picture: data_url(each))}
            made.append({"type": "image_url", "image_url": url} | ({"uuid": key} if keyed else {}))
        return made

    def sent(self, pictures: Sequence[Image.Image]) -> None:
        """Note that the server took these with their keys."""
        with self._lock:
            for picture in pictures:
                self._there[picture_key(picture)] = None
            while len(self._there) > KEYS_KEPT:
                del self._there[next(iter(self._there))]

    def forget(self) -> None:
        """The server has dropped pictures, or is a new one: send them all again."""
        with self._lock:
            self._there.clear()


def checked_pixels(most: int) -> int:
    """The limit of a picture's pixels.

    Raises:
        BadSetting: it leaves no room for a picture of the least size.
    """
    if most < MIN_SIDE * MIN_SIDE:
        raise setting_out_of_range("picture_pixels", most, f"a whole number from {MIN_SIDE * MIN_SIDE}")
    return most


def fit_prompt(prompt: Prompt, most: int = MAX_PIXELS, size: tuple[int, int] | None = None) -> Prompt:
    """The prompt with its pictures as they travel, all of one size if that is given; the same prompt where all fit."""

    def fitted(picture: Image.Image) -> Image.Image:
        if size is None:
            return fit_picture(picture, most)
        return picture if picture.size == size else picture.convert("RGB").resize(size, Image.Resampling.BICUBIC)

    parts = tuple(part if isinstance(part, str) else fitted(part) for part in prompt.parts)
    return prompt if parts == prompt.parts else Prompt(system=prompt.system, parts=parts)


def fit_picture(picture: Image.Image, most: int = MAX_PIXELS) -> Image.Image:
    """The picture within `most` pixels, sides of 28 at least and at most 200 times as long as wide; itself if it is.

    A larger one is shrunk and a smaller one enlarged by the same factor both ways; one that is too long is widened,
    since borders would be something to see that is not there. The least size counts for more than `most`.
    """
    size = _fitting(*picture.size, most)
    return picture if size == picture.size else picture.convert("RGB").resize(size, Image.Resampling.LANCZOS)


def _fitting(width: int, height: int, most: int) -> tuple[int, int]:
    long, short = max(width, height), min(width, height)
    if long * short <= most and short >= MIN_SIDE and long <= MOST_OBLONG * short:
        return width, height
    wide = max(1.0, float(short), long / MOST_OBLONG)
    factor = max(min(1.0, math.sqrt(most / (max(1, long) * wide))), MIN_SIDE / wide)
    long = max(MIN_SIDE, math.floor(long * factor))
    short = max(MIN_SIDE, math.floor(wide * factor), math.ceil(long / MOST_OBLONG))
    return (long, short) if width >= height else (short, long)


def pictures_of(prompt: Prompt) -> list[Image.Image]:
    """The pictures of a prompt in order."""
    return [part for part in prompt.parts if isinstance(part, Image.Image)]
