"""Counting the critic's calls against their cap, across retries and resumed runs."""

import threading

from omniagent.model.errors import CriticUnavailable


class CallMeter:
    """How many calls are left. Thread-safe."""

    def __init__(self, cap: int, used: int = 0) -> None:
        self._cap = cap
        self._used = used
        self._lock = threading.Lock()

    @property
    def used(self) -> int:
        """Calls that were made."""
        return self._used

    @property
    def left(self) -> int:
        """Calls that may still be made."""
        return max(0, self._cap - self._used)

    def spend(self) -> None:
        """Count one call.

        Raises:
            CriticUnavailable: none is left.
        """
        with self._lock:
            if self._used >= self._cap:
                raise CriticUnavailable(
                    f"the budget of {self._cap} critic calls is spent; give a larger max_critic_calls"
                )
            self._used += 1
