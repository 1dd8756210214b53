"""Work on items that an executor can carry out here, in processes beside this one, or on a cluster."""

from collections.abc import Callable
from typing import Protocol, TypeVar

from omniagent.tools.types import Word

D = TypeVar("D", covariant=True)
W = TypeVar("W", bound=Word, covariant=True)


class Errand(Protocol[D]):
    """Work that gives one answer an item. It is sent to other processes by pickling."""

    def check_sent(self) -> None:
        """Return if it may go to other processes.

        Raises:
            BadSetting: it holds what stays in its process.
        """
        ...

    def begin(self) -> Callable[[str], D]:
        """What does the work of one item after the other, in the process that calls this; models load here."""
        ...

    def lost(self, item: str, message: str) -> D:
        """The answer for an item whose process died with it."""
        ...


class WordErrand(Errand[W], Protocol[W]):
    """An `Errand` whose answers can travel as JSON."""

    @property
    def kind(self) -> type[W]:
        """Of its answers."""
        ...
