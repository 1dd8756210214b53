"""How many of 60 posters the reading instrument judges right, of the set it was mended with and of one kept apart."""

from __future__ import annotations

import time
from collections.abc import Iterator
from typing import Final

from omniagent.model.perception.text import RapidReader
from tests.support.posters import FIRST, SECOND, judged_right, posters

_SEEDS: Final = {"first": (FIRST, 0), "second": (SECOND, 0)}


def compare() -> Iterator[tuple[str, float, str]]:
    """Posters judged right of 60 in each set, and processor seconds a poster."""
    reader = RapidReader()
    for name, (printing, seed) in _SEEDS.items():
        started = time.process_time()
        right = sum(judged_right(poster, reader) for poster in posters(60, 512, seed, printing))
        yield f"posters_{name}", right, "of 60"
        yield f"posters_{name}_seconds", (time.process_time() - started) / 60, "s a poster"
