"""A recipe put together: its stages found by name, their settings checked, items worked on through the ledger."""

import hashlib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from omniagent.data.catalogue import SOURCES, STAGES
from omniagent.data.ledger import Ledger, key_after
from omniagent.data.models.roles import ModelChoice
from omniagent.data.models.room import check_choice
from omniagent.data.recipe import Recipe
from omniagent.data.records import DataRecord, Item, SetAside, Split, Yielded
from omniagent.data.stage import Place, Stage
from omniagent.model.errors import BadSetting, Cancelled, HardFailure, OutputUnwritable, RetryableError
from omniagent.model.wording import fault, shown
from omniagent.tools.types import Word


class Passing(Word):
    """An item between two stages: the key of what the last one gave in the ledger, and that itself as JSON."""

    item: str
    key: str
    given: str


class Pipeline:
    """The stages of one recipe.

    Args:
        recipe: Names the stages and their settings.

    Attributes:
        stages: The names of the stages, in order.
        kinds: What each of them gives.

    Raises:
        BadSetting: an unknown source, stage, setting or model, or stages that do not fit together.
    """

    def __init__(self, recipe: Recipe) -> None:
        if recipe.source not in SOURCES:
            raise BadSetting(f"the recipe names the source {shown(recipe.source)}; give {', '.join(SOURCES)}")
        self._recipe = recipe
        self._source = SOURCES[recipe.source]
        self._steps: list[tuple[Stage[Any, Any, Any], Word, Mapping[str, ModelChoice]]] = []
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
                settings = stage.settings.model_validate(choice.settings)
            except ValidationError as error:
                raise BadSetting(f"a setting of the stage {stage.name} is wrong: {fault(error)}") from error
            self._steps.append((stage, settings, _models_of(stage, recipe)))
            expected = stage.gives
        if expected is not Yielded:
            raise BadSetting(f"the last stage gives {expected.__name__}, not records; add the stages that are missing")
        self.stages = tuple(stage.name for stage, _, _ in self._steps)
        self.kinds: tuple[type[Word], ...] = tuple(stage.gives for stage, _, _ in self._steps)

    def ids(self, folder: Path) -> list[str]:
        """The ids of the items below a folder, always in the same order; no item is read."""
        return self._source.find(folder)

    def begin(self, name: str, place: Place) -> Passing | SetAside:
        """An item before its first stage."""
        try:
            item = Item(id=name, digest=self._source.digest(place.source, name))
        except OSError as error:
            return SetAside(source=name, stage="", error=type(error).__name__, message=str(error))
        told = item.model_dump_json()
        return Passing(item=name, key=hashlib.sha256(told.encode()).hexdigest(), given=told)

    def advance(self, number: int, passing: Passing, place: Place, ledger: Ledger) -> Passing | SetAside:
        """What a stage gives for an item; a finished one is read from the ledger.

        Raises:
            HardFailure, OutputUnwritable, Cancelled: the build cannot go on; nothing is to blame on the item.
            RetryableError: it may work later.
            UnknownModel, BadCheckpoint: a model of the recipe cannot be loaded.
        """
        stage, settings, models = self._steps[number]
        key = key_after(passing.key, stage.name, stage.version, settings, models, self._recipe.seed)
        if (found := ledger.recall(key, stage.gives)) is None:
            # Loaded outside the block below: a missing model is no fault of the item.
            place.models.load(stage.uses)
            try:
                found = stage.work(stage.takes.model_validate_json(passing.given), settings, place)
            except (HardFailure, OutputUnwritable, Cancelled, RetryableError, MemoryError):
                raise
            except Exception as error:
                # One poisoned item must not end a build of many, whatever its files make a library raise.
                return set_aside(passing.item, stage.name, error)
            ledger.keep(key, found)
        return Passing(item=passing.item, key=key, given=found.model_dump_json())

    def finish(self, passing: Passing) -> Yielded:
        """The records of an item that passed all stages, with what the recipe says of all of them."""
        given = Yielded.model_validate_json(passing.given)
        return given.model_copy(update={"records": tuple(self._stamped(record) for record in given.records)})

    def work(self, name: str, place: Place, ledger: Ledger) -> Yielded | SetAside:
        """Everything that the stages give for one item.

        Raises:
            HardFailure, OutputUnwritable, Cancelled, RetryableError, UnknownModel, BadCheckpoint: as `advance`.
        """
        passing = self.begin(name, place)
        for number in range(len(self._steps)):
            if isinstance(passing, SetAside):
                return passing
            passing = self.advance(number, passing, place, ledger)
        return passing if isinstance(passing, SetAside) else self.finish(passing)

    def _stamped(self, record: DataRecord) -> DataRecord:
        recipe = self._recipe
        split = split_of(record.task, recipe.seed, recipe.test_share)
        return record.model_copy(update={"recipe": recipe.name, "licence": recipe.licence, "split": split})


def set_aside(item: str, stage: str, error: BaseException) -> SetAside:
    """The line of an item whose stage failed."""
    said = " ".join(str(error).split())[:500]
    return SetAside(source=item, stage=stage, error=type(error).__name__, message=said)


def split_of(task: str, seed: int, test_share: float) -> Split:
    """Which split a task belongs to: by its words alone, whatever their case and spacing."""
    words = " ".join(task.casefold().split())
    drawn = int.from_bytes(hashlib.sha256(f"{seed} {words}".encode()).digest()[:8], "big") / 2**64
    return "test" if drawn < test_share else "train"


def _models_of(stage: Stage[Any, Any, Any], recipe: Recipe) -> Mapping[str, ModelChoice]:
    for role in stage.uses:
        if role not in recipe.models:
            raise BadSetting(f"the stage {stage.name} needs a model for {role}; name one under models: in the recipe")
        try:
            check_choice(role, recipe.models[role])
        except ValidationError as error:
            raise BadSetting(f"the model for {role} is wrong: {fault(error)}") from error
    return {role: recipe.models[role] for role in stage.uses}
