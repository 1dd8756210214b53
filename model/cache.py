"""A least-recently-used cache bounded in bytes, and the key of a picture's content."""

from __future__ import annotations

import hashlib
from collections import OrderedDict
from collections.abc import Callable, Hashable
from typing import Generic, NamedTuple, TypeVar

from PIL import Image

from omniagent.model import lifetime

K = TypeVar("K", bound=Hashable)
V = TypeVar("V")


class CacheStats(NamedTuple):
    """What a cache holds (entries, bytes of its budget) and how often it was asked, since it was made."""

    hits: int
    misses: int
    evictions: int
    entries: int
    bytes: int
    budget: int


class ByteCache(Generic[K, V]):
    """A thread-safe mapping that forgets what was used longest ago, so that its values never exceed `budget` bytes.

    A value larger than the whole budget is not kept, and drives nothing out. A budget of 0 keeps nothing.
    """

    def __init__(self, budget: int, size_of: Callable[[V], int]) -> None:
        """`budget` is in bytes, at least 0; `size_of` tells a value's bytes and must not change for a value."""
        self._budget = max(0, budget)
        self._size_of = size_of
        self._entries: OrderedDict[K, tuple[V, int]] = OrderedDict()
        self._bytes = 0
        self._hits = 0
        self._misses = 0
        self._evictions = 0
        self._lock = lifetime.Lock()

    def get(self, key: K) -> V | None:
        """The value kept under `key`, now the most recently used; None when there is none. Counted."""
        with self._lock:
            entry = self._entries.get(key)
            if entry is None:
                self._misses += 1
                return None
            self._hits += 1
            self._entries.move_to_end(key)
            return entry[0]

    def put(self, key: K, value: V) -> None:
        """Keep `value` under `key` in place of what was there, and forget old entries until the budget holds."""
        size = self._size_of(value)
        with self._lock:
            old = self._entries.pop(key, None)
            if old is not None:
                self._bytes -= old[1]
            if size > self._budget:
                return
            self._entries[key] = (value, size)
            self._bytes += size
            while self._bytes > self._budget:
                _, (_, freed) = self._entries.popitem(last=False)
                self._bytes -= freed
                self._evictions += 1

    def get_or_make(self, key: K, make: Callable[[], V]) -> V:
        """The value under `key`, made and kept first if it is missing. Two threads may both make it; one is kept."""
        value = self.get(key)
        if value is None:
            value = make()
            self.put(key, value)
        return value

    def clear(self) -> None:
        """Forget every entry; the counters stay."""
        with self._lock:
            self._entries.clear()
            self._bytes = 0

    @property
    def stats(self) -> CacheStats:
        """The counters, read at one instant."""
        with self._lock:
            return CacheStats(self._hits, self._misses, self._evictions, len(self._entries), self._bytes, self._budget)


def picture_key(image: Image.Image) -> str:
    """SHA-256 (hex) of a picture's mode, size and pixels: equal for equal content, whatever file it came from."""
    digest = hashlib.sha256(f"{image.mode} {image.width} {image.height}\n".encode())
    digest.update(image.tobytes())
    return digest.hexdigest()
