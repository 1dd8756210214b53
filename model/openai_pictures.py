"""Pictures on their way to a chat server: encoded once, and, where the server remembers them, sent once."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from typing import Any

from PIL import Image

from omniagent.model.cache import ByteCache, picture_key
from omniagent.model.openai_wire import data_url
from omniagent.model.requests import Prompt

KEYS_KEPT = 4096


class PictureParts:
    """Content parts of a prompt's pictures, by content. Thread-safe.

    With keys, a picture that the server has seen goes as its key alone; `forget` takes that back when the server has
    dropped it. The key is the SHA-256 of the pixels, so equal keys are equal pictures.
    """

    def __init__(self, cache_bytes: int = 64 * 2**20) -> None:
        self._urls: ByteCache[str, str] = ByteCache(cache_bytes, len)
        self._there: dict[str, None] = {}
        self._lock = threading.Lock()

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


def pictures_of(prompt: Prompt) -> list[Image.Image]:
    """The pictures of a prompt in order."""
    return [part for part in prompt.parts if isinstance(part, Image.Image)]
