"""Recipes of trainings as files: `omniagent train recipe NAME` runs what one says, and a figure's command is that line.

A recipe is YAML: the checkpoint to start from, how long it may take, and `parts`, a list of groups. Groups are run one
after the other, the runs of one group side by side, each in a process of its own.
"""

from pathlib import Path
from typing import Any, Literal

import yaml
from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from omniagent.model.errors import BadSetting
from omniagent.shapes.training.stages import Choices, Stage, painted_at_once

RECIPES = Path(__file__).parent / "recipes"
BUNDLED = Path(__file__).parents[2] / "checkpoints" / "shapes"

RunPart = Literal["vae", "vision", "text", "mllm", "dit", "paint"]


class Run(Choices):
    """One training of a recipe: which part, and all that `omniagent train` may be told of it."""

    part: RunPart

    @model_validator(mode="after")
    def _drawn_at_once(self) -> "Run":
        if self.part == "paint":
            painted_at_once(self.batch)
        return self


class Recipe(BaseModel):
    """All of a training. `seconds` of the clock from its start, decay of the rates included; None sets no end."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    about: str = Field(min_length=1, description="what it is for, where it runs and what it costs")
    start: str | None = Field(default=None, description="checkpoint folder to go on from; `bundled` is the shipped one")
    seconds: float | None = Field(default=None, gt=0)
    parts: tuple[dict[str, Run], ...] = Field(min_length=1)

    @model_validator(mode="after")
    def _named_once(self) -> "Recipe":
        names = [name for group in self.parts for name in group]
        if len(set(names)) < len(names) or not all(self.parts):
            raise ValueError("each run needs a name of its own, and each group a run")
        for group in self.parts:
            trained = [run.part for run in group.values() if run.part != "paint"]
            if len(set(trained)) < len(trained):
                raise ValueError("a part cannot be trained twice at once")
        return self

    @property
    def runs(self) -> dict[str, Run]:
        """All runs by name."""
        return {name: run for group in self.parts for name, run in group.items()}


def shipped_recipes() -> list[str]:
    """Names of the recipes that come with the package."""
    return sorted(path.stem for path in RECIPES.glob("*.yaml"))


def read_recipe(name: str) -> Recipe:
    """The recipe of a shipped name or of a file.

    Raises:
        BadSetting: there is none, or it is broken; the text names the key at fault.
    """
    path = RECIPES / f"{name}.yaml" if name in shipped_recipes() else Path(name).expanduser()
    if not path.is_file():
        raise BadSetting(f"there is no recipe {name!r}; give a YAML file or one of {', '.join(shipped_recipes())}")
    try:
        found: Any = yaml.safe_load(path.read_text(encoding="utf-8"))
        return Recipe.model_validate(found)
    except (OSError, UnicodeDecodeError, yaml.YAMLError) as error:
        raise BadSetting(f"the recipe {path} cannot be read: {error}") from error
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(str(each) for each in first["loc"]) or "it"
        raise BadSetting(f"the recipe {path} is wrong at {where}: {first['msg']}") from error


def start_of(recipe: Recipe) -> Path | None:
    """The checkpoint's folder that a recipe starts from.

    Raises:
        BadSetting: it is no checkpoint.
    """
    if recipe.start is None:
        return None
    folder = BUNDLED if recipe.start == "bundled" else Path(recipe.start).expanduser().resolve()
    if not (folder / "model_index.json").is_file():
        raise BadSetting(f"the recipe starts from {folder}, which is no checkpoint folder")
    return folder


def stage_of(run: Run, work: Path, start: Path | None, ends_at: float) -> Stage:
    """What a run comes to in this work folder.

    From a checkpoint, a part starts with the checkpoint's own weights and text states, unless the recipe names others;
    where the work folder holds an earlier call's training, that goes on.
    """
    choices = run.model_dump(exclude={"part"})
    if start is not None:
        own = {"mllm": "mllm", "dit": "transformer", "paint": "transformer", "vae": "vae"}.get(run.part)
        if own is not None and run.init is None:
            choices["init"] = start / own
        if run.anchor is None:
            choices["anchor"] = start / "mllm"
        choices["resume"] = True
    return Stage(work=work, ends_at=ends_at, **choices)
