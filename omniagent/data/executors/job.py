"""A build as every executor gets it, and how one item is worked on."""

import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol, TypeVar

from omniagent.data.ledger import Ledger
from omniagent.data.models.roles import Role
from omniagent.data.models.room import Models
from omniagent.data.pipeline import Passing, Pipeline, set_aside
from omniagent.data.recipe import Recipe
from omniagent.data.records import SetAside, Yielded
from omniagent.data.stage import Place
from omniagent.model.errors import BadSetting, RetryableError
from omniagent.tools.record.store import ImageStore

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Job:
    """One build, an `Errand`. It can be sent to other processes as long as no models are given.

    Attributes:
        recipe: What to do.
        source: Folder of the items.
        out: Folder of the output.
        cache: Folder of the ledger and of the pictures between the stages; recipes may share one.
        waits: Seconds to wait before each further try after a passing fault, such as a server that restarts.
        models: Models that are there already, by role; only work in this process can use them.
    """

    recipe: Recipe
    source: Path
    out: Path
    cache: Path
    waits: tuple[float, ...] = (1.0, 5.0, 20.0)
    models: Mapping[Role, object] = field(default_factory=dict[Role, object])

    def check_sent(self) -> None:
        """As `Errand.check_sent`."""
        if self.models:
            raise BadSetting("models that were given cannot be sent to other processes; take one worker")

    def begin(self) -> "Callable[[str], Done]":
        """As `Errand.begin`."""
        return Worker(self).work

    def lost(self, item: str, message: str) -> "Done":
        """As `Errand.lost`."""
        return Done(item, SetAside(source=item, stage="", error="ProcessDied", message=message))


@dataclass(frozen=True, slots=True)
class Done:
    """What became of one item. `retryable` is true where a passing fault outlasted all tries."""

    item: str
    given: Yielded | SetAside
    retryable: bool = False


class Executor(Protocol):
    """Works on items."""

    def run(self, job: Job, items: list[str]) -> Iterator[Done]:
        """What became of each item, in the order given; the work runs ahead of the reader by a few items only.

        Raises:
            OmniAgentError: the build cannot go on.
        """
        ...


class Worker:
    """Does the work of a job in this process; its models are loaded at need and stay."""

    def __init__(self, job: Job) -> None:
        self._waits = job.waits
        self._pipeline = Pipeline(job.recipe)
        self._place = Place(
            source=job.source,
            images=ImageStore(job.out / "images"),
            work=ImageStore(job.cache / "work"),
            models=Models(job.recipe.models, job.models),
            seed=job.recipe.seed,
        )
        self._ledger = Ledger(job.cache / "ledger")

    def work(self, item: str) -> Done:
        """An item through all stages."""
        try:
            return Done(item, self._tried(lambda: self._pipeline.work(item, self._place, self._ledger)))
        except RetryableError as error:
            return Done(item, set_aside(item, "", error), retryable=True)

    def begin(self, item: str) -> Passing | SetAside:
        """An item before its first stage."""
        return self._pipeline.begin(item, self._place)

    def advance(self, number: int, passing: Passing) -> Passing | SetAside:
        """An item through one stage.

        Raises:
            RetryableError: a passing fault outlasted all tries.
        """
        return self._tried(lambda: self._pipeline.advance(number, passing, self._place, self._ledger))

    def finish(self, passing: Passing) -> Yielded:
        """The records of an item that passed all stages."""
        return self._pipeline.finish(passing)

    def _tried(self, work: Callable[[], T]) -> T:
        for wait in self._waits:
            try:
                return work()
            except RetryableError:
                time.sleep(wait)
        return work()
