"""What a benchmark is: a small class of data, which the runner, the judges and the reports work by."""

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from pathlib import Path, PurePosixPath
from typing import ClassVar, NamedTuple

from omniagent.benchmarks.items import Item, Sample
from omniagent.benchmarks.judgement import Judge, JudgeOptions
from omniagent.benchmarks.statistics import Aggregate, mean_of_items
from omniagent.tools.types import RenderSettings


class HubData(NamedTuple):
    """A data set at the hub. `patterns` are the files that are fetched, as `fnmatch` patterns of their paths."""

    name: str
    patterns: tuple[str, ...] = ("*",)


class Column(NamedTuple):
    """One figure of the benchmark's table.

    Attributes:
        label: As the benchmark's own table calls it.
        part: The part of a judgement's scores that it sums up; pictures without that part are not in it.
        group: Of items of this group alone; None takes all.
        aggregate: The total of the values.
        weight: The part that says how many things a picture's value is the mean of; None counts each picture once.
        scale: What the total is multiplied by to be shown.
        digits: Decimals that are shown.
        main: Whether it is the benchmark's headline.
    """

    label: str
    part: str
    group: str | None = None
    aggregate: Aggregate = mean_of_items
    weight: str | None = None
    scale: float = 1.0
    digits: int = 2
    main: bool = False


class Benchmark(ABC):
    """A benchmark. To add one, write a subclass and name it in `catalogue.py`.

    Attributes:
        name: As the command line calls it.
        title: As its paper calls it.
        source: Where it was published, and its repository.
        hub: Where its data are, for a person who lets them be fetched; None where they are shipped or made here.
        local: Whether its data come with the package or are made, so that no folder is needed.
        samples: Pictures that are drawn for each item.
        settings: How they are drawn by the official script.
        columns: The figures, in the benchmark's own order; exactly one is the headline.
        items_in_full: How many items the whole benchmark has, where that is known; a report warns of another number.
        right: The part of the scores that is 1 for a right picture and 0 for a wrong one, where there is one:
            policies are then compared as shares, with a plot.
        rows_of: The benchmark whose published rows are also its own; empty where it has its own file, or none.
        needs_wording: What must be named by `--wording`, or empty.
    """

    name: ClassVar[str]
    title: ClassVar[str]
    source: ClassVar[str]
    hub: ClassVar[HubData | None] = None
    local: ClassVar[bool] = False
    samples: ClassVar[int] = 1
    settings: ClassVar[RenderSettings] = RenderSettings()
    columns: ClassVar[tuple[Column, ...]]
    items_in_full: ClassVar[int | None] = None
    right: ClassVar[str | None] = None
    rows_of: ClassVar[str] = ""
    needs_wording: ClassVar[str] = ""

    @abstractmethod
    def items(self, data: Path, work: Path, seed: int = 0) -> list[Item]:
        """All items, in a fixed order, with keys that are unique.

        Args:
            data: The folder of the data; of `local` benchmarks it may not exist.
            work: A folder of the output where pictures may be put that the data hold within other files.
            seed: Of benchmarks that are made here.

        Raises:
            BadSetting: the data are not those of the benchmark.
        """
        ...

    def files(self, data: Path) -> list[Path]:
        """The files of the data that scores hang on; their SHA-256 are kept. All files of the folder by default."""
        return sorted(path for path in data.rglob("*") if path.is_file() and not _hidden(path.relative_to(data)))

    @abstractmethod
    def path(self, item: Item, number: int) -> str:
        """Where the official layout has a picture, relative to the folder of the pictures, in POSIX form."""
        ...

    def companions(self, item: Item) -> Mapping[str, bytes]:
        """Other files that the official layout wants beside an item's pictures, by path."""
        return {}

    def elsewhere(self, item: Item, number: int, folder: Path) -> str:
        """Where a folder of pictures that were made elsewhere has a picture; as `path` by default."""
        return of_any_type(folder, self.path(item, number))

    def finish(self, folder: Path, items: Sequence[Item]) -> None:  # noqa: B027
        """Write what the official layout wants besides single pictures, such as grids, as far as these are there.

        Called whenever pictures were drawn, by each shard, with the folder of the pictures and all items of the run.
        """

    @abstractmethod
    def judge(self, options: JudgeOptions, data: Path) -> Judge:
        """The judge of its pictures.

        Raises:
            BadSetting: something that it needs was not given.
            OmniAgentError: a model of it cannot be loaded.
        """
        ...

    def seed_of(self, item: Item, number: int, seed: int) -> int:
        """The seed of a picture; the official scripts count up from the run's within an item."""
        return seed + number

    def settings_of(self, item: Item) -> RenderSettings:
        """How an item is drawn; as all of them by default."""
        return self.settings

    @property
    def main(self) -> Column:
        """The headline."""
        return next(column for column in self.columns if column.main)


def of_any_type(folder: Path, path: str) -> str:
    """The path of a PNG, or that of the same picture as JPEG or WebP where only such a one is there."""
    if not (folder / path).is_file():
        for ending in (".jpg", ".jpeg", ".webp"):
            if (folder / path).with_suffix(ending).is_file():
                return PurePosixPath(path).with_suffix(ending).as_posix()
    return path


def samples_of(
    benchmark: Benchmark, items: Sequence[Item], samples: int | None = None, elsewhere: Path | None = None
) -> list[Sample]:
    """Every picture of the items, in order; `elsewhere` is the folder of pictures that were made by other means."""
    many = benchmark.samples if samples is None else samples

    def path(item: Item, number: int) -> str:
        return benchmark.path(item, number) if elsewhere is None else benchmark.elsewhere(item, number, elsewhere)

    return [Sample(item, number, path(item, number)) for item in items for number in range(many)]


def _hidden(path: Path) -> bool:
    return any(part.startswith(".") for part in path.parts)
