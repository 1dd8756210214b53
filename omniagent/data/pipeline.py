"""A recipe put together: its stages found by name, their settings checked, items worked on through the ledger."""

import hashlib
from collections.abc import Callable, Iterator
from pathlib import Path
from types import MappingProxyType
from typing import Any, Final

from pydantic import ValidationError

from omniagent.data.ledger import Ledger, key_after
from omniagent.data.recipe import Recipe
from omniagent.data.records import DataRecord, Item, SetAside, Split, Yielded
from omniagent.data.reflection.improvements import IMPROVEMENTS
from omniagent.data.reflection.trajectory import TRAJECTORY, find_runs
from omniagent.data.reflection.unrolling import UNROLLING
from omniagent.data.stage import Place, Stage
from omniagent.model.errors import BadSetting, Cancelled, HardFailure, OutputUnwritable
from omniagent.model.wording import fault, shown
from omniagent.tools.types import Word

STAGES: Final = MappingProxyType[str, Stage[Any, Any, Any]](
    {stage.name: stage for stage in (TRAJECTORY, IMPROVEMENTS, UNROLLING)}
)
SOURCES: Final = MappingProxyType[str, Callable[[Path], Iterator[Item]]]({"runs": find_runs})


class Pipeline:
    """The stages of one recipe.

    Args:
        recipe: Names the stages and their settings.

    Raises:
        BadSetting: an unknown source, stage or setting, or stages that do not fit together.
    """

    def __init__(self, recipe: Recipe) -> None:
        if recipe.source not in SOURCES:
            raise BadSetting(f"the recipe names the source {shown(recipe.source)}; give {', '.join(SOURCES)}")
        self._recipe = recipe
        self._steps: list[tuple[Stage[Any, Any, Any], Word]] = []
        expected: type[Word] = Item
        for choice in recipe.stages:
            if (stage := STAGES.get(choice.stage)) is None:
                raise BadSetting(f"the recipe names the stage {shown(choice.stage)}; give {', '.join(STAGES)}")
            if stage.takes is not expected:
                raise BadSetting(
                    f"the stage {stage.name} takes {stage.takes.__name__} and is given {expected.__name__}; "
                    "change the order of the stages"
                )
            try:
                self._steps.append((stage, stage.settings.model_validate(choice.settings)))
            except ValidationError as error:
                raise BadSetting(f"a setting of the stage {stage.name} is wrong: {fault(error)}") from error
            expected = stage.gives
        if expected is not Yielded:
            raise BadSetting(f"the last stage gives {expected.__name__}, not records; add the stages that are missing")

    def items(self, folder: Path) -> Iterator[Item]:
        """The items below a folder, always in the same order."""
        return SOURCES[self._recipe.source](folder)

    def work(self, item: Item, place: Place, ledger: Ledger) -> Yielded | SetAside:
        """Everything that the stages give for one item; finished stages are read from the ledger.

        Raises:
            HardFailure, OutputUnwritable, Cancelled: the build cannot go on; nothing is to blame on the item.
        """
        key = hashlib.sha256(item.model_dump_json().encode()).hexdigest()
        given: Word = item
        for stage, settings in self._steps:
            key = key_after(key, stage.name, stage.version, settings)
            if (found := ledger.recall(key, stage.gives)) is None:
                try:
                    found = stage.work(given, settings, place)
                except (HardFailure, OutputUnwritable, Cancelled, MemoryError):
                    raise
                except Exception as error:
                    # One poisoned item must not end a build of many, whatever its files make a library raise.
                    said = " ".join(str(error).split())[:500]
                    return SetAside(source=item.id, stage=stage.name, error=type(error).__name__, message=said)
                ledger.keep(key, found)
            given = found
        assert isinstance(given, Yielded)
        return given.model_copy(update={"records": tuple(self._stamped(record) for record in given.records)})

    def _stamped(self, record: DataRecord) -> DataRecord:
        recipe = self._recipe
        split = split_of(record.task, recipe.seed, recipe.test_share)
        return record.model_copy(update={"recipe": recipe.name, "licence": recipe.licence, "split": split})


def split_of(task: str, seed: int, test_share: float) -> Split:
    """Which split a task belongs to: by its words alone, whatever their case and spacing."""
    words = " ".join(task.casefold().split())
    drawn = int.from_bytes(hashlib.sha256(f"{seed} {words}".encode()).digest()[:8], "big") / 2**64
    return "test" if drawn < test_share else "train"
