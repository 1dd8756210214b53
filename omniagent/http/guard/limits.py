"""How many requests a key may send: a token bucket of one minute for each."""

import time
from collections.abc import Callable

from omniagent.http.guard.errors import too_busy

_SECONDS = 60.0


class RateLimit:
    """Lets `per_minute` requests through at once, and then as many a minute; 0 lets all through.

    Args:
        per_minute: Requests of one owner.
        clock: Seconds that never go back.
    """

    def __init__(self, per_minute: int, clock: Callable[[], float] = time.monotonic) -> None:
        self._per_minute = per_minute
        self._clock = clock
        self._buckets: dict[str, tuple[float, float]] = {}

    def take(self, owner: str) -> None:
        """Count a request.

        Raises:
            ApiError: 429; there were too many, with the seconds until the next may come.
        """
        if not self._per_minute:
            return
        now, rate = self._clock(), self._per_minute / _SECONDS
        level, since = self._buckets.get(owner, (float(self._per_minute), now))
        level = min(self._per_minute, level + (now - since) * rate)
        if level < 1:
            self._buckets[owner] = (level, now)
            raise too_busy(
                f"more than {self._per_minute} requests a minute came with this key; wait a little",
                "rate_limit_exceeded",
                (1 - level) / rate,
            )
        self._buckets[owner] = (level - 1, now)
