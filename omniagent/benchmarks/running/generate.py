"""The first phase: every picture of a benchmark that is not there yet, by an executor."""

from collections.abc import Callable, Iterator, Sequence
from typing import Final, Protocol

from omniagent.benchmarks.items import Sample
from omniagent.benchmarks.running.draw import Drawing, Drawn
from omniagent.benchmarks.running.folder import WHOLE, Shard
from omniagent.benchmarks.running.ledger import LineFile, by_key
from omniagent.model.errors import CriticUnavailable
from omniagent.tools.record.files import write_whole

_MOST_FAULTS: Final = 5
"""Pictures in a row that a passing fault may cost before the phase ends: then it is a server, not the pictures."""

Tell = Callable[[int, int, Drawn], None]
"""Told after each picture: how many of how many are there, and what became of it."""


class Spreads(Protocol):
    """Carries out an errand."""

    def __call__(self, errand: Drawing, keys: list[str]) -> Iterator[Drawn]:
        """What became of each picture, in the order of the keys."""
        ...


def generate(
    drawing: Drawing,
    samples: Sequence[Sample],
    spread: Spreads,
    *,
    shard: Shard = WHOLE,
    tell: Tell = lambda done, total, drawn: None,
) -> None:
    """Draw what is not there yet. May be killed at any moment and called again.

    A picture's file is whole before its line is written, so one without a line is drawn again, with the same seed.

    Args:
        drawing: What is drawn, how and where.
        samples: All pictures of the run, of all shards.
        spread: The executor that draws.
        shard: Which part of them.
        tell: Told each picture.

    Raises:
        BadSetting: the folder holds another run.
        OutputUnwritable, StorageFull: it cannot be written, or another process draws this part.
        CriticUnavailable: passing faults cost five pictures in a row.
        UnknownModel, BadCheckpoint, HubUnreachable, OutOfMemory: the models cannot be loaded.
    """
    folder = drawing.folder
    with folder.held("generate", shard):
        folder.begin(drawing.about)
        own = LineFile(folder.drawn_file(shard), Drawn)
        own.mend()
        done = by_key(folder.drawn_files, Drawn)
        mine = samples[shard.number - 1 :: shard.of]
        left = [sample for sample in mine if sample.key not in done]
        for item in {sample.item.key: sample.item for sample in left}.values():
            for path, data in drawing.benchmark.companions(item).items():
                write_whole(folder.pictures / path, data)
        faults, count = 0, len(mine) - len(left)
        items = list({sample.item.key: sample.item for sample in samples}.values())
        if not left:
            drawing.benchmark.finish(folder.pictures, items)
            return
        for drawn in spread(drawing, [sample.key for sample in left]):
            faults = faults + 1 if drawn.outcome == "fault" else 0
            if drawn.outcome == "fault":
                if faults >= min(_MOST_FAULTS, len(left)):
                    raise CriticUnavailable(f"{faults} pictures in a row failed, the last by: {drawn.message}")
                continue
            own.add(drawn)
            count += 1
            tell(count, len(mine), drawn)
        drawing.benchmark.finish(folder.pictures, items)
