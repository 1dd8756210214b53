"""Recipes: YAML files that name a source, stages, thresholds and prompts."""

from collections.abc import Iterable, Mapping
from importlib import resources
from pathlib import Path
from typing import Any

import yaml
from pydantic import Field, JsonValue, ValidationError

from omniagent.model.errors import BadSetting
from omniagent.model.wording import fault, shown
from omniagent.tools.types import Word


class StageChoice(Word):
    """A stage by its name, with what differs from its default settings."""

    stage: str
    settings: dict[str, JsonValue] = Field(default={})


class Recipe(Word):
    """How items become records.

    `test_share` is the share of tasks in [0, 1] whose records go to the test split; a task is never in both.
    """

    name: str = Field(pattern=r"^[a-z0-9][a-z0-9-]*$")
    source: str
    stages: tuple[StageChoice, ...] = Field(min_length=1)
    licence: str = Field(default="unknown", description="of the source, copied into each record")
    seed: int = Field(default=0, ge=0)
    test_share: float = Field(default=0.05, ge=0, le=1)


def shipped() -> tuple[str, ...]:
    """Names of the recipes that come with the package."""
    folder = resources.files("omniagent.data").joinpath("recipes")
    return tuple(sorted(each.name.removesuffix(".yaml") for each in folder.iterdir() if each.name.endswith(".yaml")))


def load_recipe(name: str, changes: Iterable[str] = ()) -> Recipe:
    """A recipe with changed settings.

    Args:
        name: A shipped recipe's name, or the path of a YAML file.
        changes: `STAGE.SETTING=VALUE` for a stage's setting, `FIELD=VALUE` for a field of the recipe; values are YAML.

    Raises:
        BadSetting: there is no such recipe, or it or a change is wrong.
    """
    if name in shipped():
        text = resources.files("omniagent.data").joinpath("recipes", f"{name}.yaml").read_text(encoding="utf-8")
    elif Path(name).suffix in (".yaml", ".yml"):
        try:
            text = Path(name).read_text(encoding="utf-8")
        except (OSError, UnicodeDecodeError) as error:
            raise BadSetting(f"the recipe {name} cannot be read: {error}; give another file") from error
    else:
        raise BadSetting(f"there is no recipe {shown(name)}; give {', '.join(shipped())} or a .yaml file")
    try:
        recipe = Recipe.model_validate(yaml.safe_load(text))
        for change in changes:
            recipe = _changed(recipe, change)
    except yaml.YAMLError as error:
        raise BadSetting(f"the recipe {name} is no YAML: {error}") from error
    except ValidationError as error:
        raise BadSetting(f"the recipe {name} is wrong: {fault(error)}") from error
    return recipe


def _changed(recipe: Recipe, change: str) -> Recipe:
    name, equals, text = change.partition("=")
    stage, dot, setting = name.partition(".")
    if not equals or not stage:
        raise BadSetting(f"the change {shown(change)} is not understood; write STAGE.SETTING=VALUE or FIELD=VALUE")
    fields: dict[str, Any] = recipe.model_dump()
    value = yaml.safe_load(text)
    if not dot:
        return Recipe.model_validate({**fields, name: value})
    choices: list[dict[str, Any]] = list(fields["stages"])
    if stage not in {choice["stage"] for choice in choices}:
        names = ", ".join(choice["stage"] for choice in choices)
        raise BadSetting(f"the change {shown(change)} names no stage of the recipe {recipe.name}; it has {names}")
    fields["stages"] = [_with(choice, setting, value) if choice["stage"] == stage else choice for choice in choices]
    return Recipe.model_validate(fields)


def _with(choice: Mapping[str, Any], setting: str, value: object) -> dict[str, Any]:
    return {**choice, "settings": {**choice["settings"], setting: value}}
