"""A judge whose scores are worked out further by what the item is: its language, its questions, its type."""

from collections.abc import Callable
from typing import TypeAlias

from omniagent.benchmarks.items import Look
from omniagent.benchmarks.judgement import Identity, Judge, Judgement

Derive: TypeAlias = Callable[[Look, Judgement], Judgement]
"""What becomes of a judgement that has scores."""


class DerivedJudge:
    """A `Judge` that asks another one.

    Args:
        inner: The judge that is asked.
        derive: What becomes of its judgements; those without scores stay as they are.
    """

    def __init__(self, inner: Judge, derive: Derive) -> None:
        self._inner, self._derive = inner, derive

    @property
    def identity(self) -> Identity:
        """Which judge it is."""
        return self._inner.identity

    @property
    def at_once(self) -> int:
        return self._inner.at_once

    def connect(self) -> None:
        """As `Judge.connect`."""
        self._inner.connect()

    def judge(self, look: Look) -> Judgement:
        """As `Judge.judge`."""
        made = self._inner.judge(look)
        return self._derive(look, made) if made.outcome == "scored" else made

    def close(self) -> None:
        """Free what the inner judge holds."""
        self._inner.close()
