"""Recipes: YAML files that name a source, stages, thresholds and prompts."""

from collections.abc import Iterable, Mapping
from importlib import resources
from pathlib import Path
from typing import Any

import yaml
from pydantic import Field, JsonValue, ValidationError

from omniagent.data.models.roles import ModelChoice, Role
from omniagent.model.errors import BadSetting
from omniagent.model.wording import fault, shown
from omniagent.tools.types import Word


class Resources(Word):
    """What one worker of a stage takes on a cluster, and how many workers there may be; fractions share a device."""

    cpus: float = Field(default=1, ge=0)
    gpus: float = Field(default=0, ge=0)
    least: int = Field(default=1, ge=1, description="workers that are always there")
    most: int = Field(default=2, ge=1, description="workers while there is work for them")


class StageChoice(Word):
    """A stage by its name, with what differs from its default settings; `resources` count with the ray executor."""

    stage: str
    settings: dict[str, JsonValue] = Field(default={})
    resources: Resources = Resources()


class Recipe(Word):
    """How items become records.

    `test_share` is the share of tasks in [0, 1] whose records go to the test split; a task is never in both.
    """

    name: str = Field(pattern=r"^[a-z0-9][a-z0-9-]*$")
    source: str
    stages: tuple[StageChoice, ...] = Field(min_length=1)
    models: dict[Role, ModelChoice] = Field(default={})
    licence: str = Field(default="unknown", description="of the source, copied into each record")
    seed: int = Field(default=0, ge=0)
    test_share: float = Field(default=0.05, ge=0, le=1)


def shipped(kind: str = "recipes") -> tuple[str, ...]:
    """Names of the `recipes` or `presets` that come with the package."""
    folder = resources.files("omniagent.data").joinpath(kind)
    return tuple(sorted(each.name.removesuffix(".yaml") for each in folder.iterdir() if each.name.endswith(".yaml")))


class Preset(Word):
    """Models and settings for any recipe; settings of stages that a recipe lacks are left out.

    `models` stand in the place of the recipe's own.
    """

    models: dict[Role, ModelChoice] = Field(default={})
    stages: dict[str, dict[str, JsonValue]] = Field(default={})


def load_recipe(name: str, changes: Iterable[str] = (), preset: str | None = None) -> Recipe:
    """A recipe with changed settings.

    Args:
        name: A shipped recipe's name, or the path of a YAML file.
        preset: A shipped preset's name, or the path of a YAML file; changes stand above it.
        changes: `STAGE.SETTING=VALUE` for a stage's setting, `models.ROLE=KIND` or `models.ROLE.SETTING=VALUE` for a
            model, `FIELD=VALUE` for a field of the recipe; values are YAML.

    Raises:
        BadSetting: there is no such recipe, or it or a change is wrong.
    """
    text, own = _text(name, "recipes"), None if preset is None else _text(preset, "presets")
    try:
        recipe = Recipe.model_validate(yaml.safe_load(text))
        if own is not None:
            recipe = _under(recipe, Preset.model_validate(yaml.safe_load(own)))
        for change in changes:
            recipe = _changed(recipe, change)
    except yaml.YAMLError as error:
        raise BadSetting(f"the recipe {name} is no YAML: {error}") from error
    except ValidationError as error:
        raise BadSetting(f"the recipe {name} is wrong: {fault(error)}") from error
    return recipe


def _text(name: str, kind: str) -> str:
    if name in shipped(kind):
        return resources.files("omniagent.data").joinpath(kind, f"{name}.yaml").read_text(encoding="utf-8")
    if Path(name).suffix not in (".yaml", ".yml"):
        raise BadSetting(f"there is no {kind[:-1]} {shown(name)}; give {', '.join(shipped(kind))} or a .yaml file")
    try:
        return Path(name).read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise BadSetting(f"the {kind[:-1]} {name} cannot be read: {error}; give another file") from error


def _under(recipe: Recipe, preset: Preset) -> Recipe:
    stages = tuple(
        choice.model_copy(update={"settings": {**choice.settings, **preset.stages.get(choice.stage, {})}})
        for choice in recipe.stages
    )
    models = {role: preset.models.get(role, choice) for role, choice in recipe.models.items()}
    return recipe.model_copy(update={"stages": stages, "models": models})


def _changed(recipe: Recipe, change: str) -> Recipe:
    name, equals, text = change.partition("=")
    stage, dot, setting = name.partition(".")
    if not equals or not stage:
        raise BadSetting(f"the change {shown(change)} is not understood; write STAGE.SETTING=VALUE or FIELD=VALUE")
    fields: dict[str, Any] = recipe.model_dump()
    value = yaml.safe_load(text)
    if not dot:
        return Recipe.model_validate({**fields, name: value})
    if stage == "models":
        return Recipe.model_validate({**fields, "models": _with_model(fields["models"], setting, value)})
    choices: list[dict[str, Any]] = list(fields["stages"])
    if stage not in {choice["stage"] for choice in choices}:
        names = ", ".join(choice["stage"] for choice in choices)
        raise BadSetting(f"the change {shown(change)} names no stage of the recipe {recipe.name}; it has {names}")
    fields["stages"] = [_with(choice, setting, value) if choice["stage"] == stage else choice for choice in choices]
    return Recipe.model_validate(fields)


def _with(choice: Mapping[str, Any], setting: str, value: object) -> dict[str, Any]:
    return {**choice, "settings": {**choice["settings"], setting: value}}


def _with_model(models: Mapping[str, Mapping[str, Any]], name: str, value: object) -> dict[str, Any]:
    role, dot, setting = name.partition(".")
    if not dot:
        # Another kind of model takes other settings.
        return {**models, role: {"use": value}}
    if role not in models:
        raise BadSetting(f"the recipe names no model for {shown(role)}; it has {', '.join(models) or 'none'}")
    return {**models, role: _with(models[role], setting, value)}
