"""How a checkpoint wants to be used: the optional file `omniagent.json` in its folder, as profiles.

    {"format": 2, "generator": {"width": 128, …}, "critic": {"dialect": "listed", …}}

What a section leaves out is as in the profile `plain`; a section that is missing is the family's. The older flat form,
whose fields lie side by side, is read too.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any, Final, Literal, NamedTuple

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from omniagent.model.errors import BadCheckpoint, BadSetting
from omniagent.model.profile import (
    CRITICS,
    FINE_TUNES,
    GENERATORS,
    CriticProfile,
    GeneratorProfile,
    Thresholds,
    critic_named,
    generator_named,
)

SETTINGS_FILE = "omniagent.json"
FORMAT = 2


class Profiles(NamedTuple):
    """A checkpoint's two roles."""

    generator: GeneratorProfile
    critic: CriticProfile

    @property
    def builtin(self) -> bool:
        """Whether both are the families' own, so that a checkpoint need not say them."""
        return self.generator == FAMILY.generator and self.critic == FAMILY.critic

    def save(self, folder: Path) -> None:
        """Write `omniagent.json` into a checkpoint's folder."""
        sections = {name: getattr(self, name).model_dump(mode="json", exclude_defaults=True) for name in self._fields}
        text = json.dumps({"format": FORMAT, **sections}, indent=2)
        (folder / SETTINGS_FILE).write_text(text + "\n", encoding="utf-8")


FAMILY: Final = Profiles(
    GENERATORS["omnigen2"].model_copy(update={"source": "built in, the family of its pipeline"}),
    CRITICS["qwen2.5-vl"].model_copy(update={"source": "built in, the family of its MLLM"}),
)
"""Of a checkpoint that says nothing: the published OmniGen2 and its Qwen2.5-VL."""


class _Sections(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")

    format: Literal[2]
    generator: GeneratorProfile | None = None
    critic: CriticProfile | None = None


class _Flat(BaseModel):
    """The older form. Only checkpoints made by `omniagent train` say `describe_first`, and these speak `listed`."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    width: int = 1024
    height: int = 1024
    steps: int = 50
    text_guidance: float = 4.0
    image_guidance: float = 2.0
    cfg_range: tuple[float, float] = (0.0, 1.0)
    domain: str | None = None
    reference_mode: Literal["mode", "sample"] = "mode"
    resize_inputs: tuple[int, int] | None = None
    sides: tuple[int, int] | None = None
    critic_size: tuple[int, int] | None = None
    describe_first: bool = False
    plain_requests: bool = False
    yes_from: float = Field(default=0.6, ge=0.5, le=1)

    def sections(self) -> _Sections:
        drawing = self.model_dump(exclude={"critic_size", "describe_first", "plain_requests", "yes_from"})
        judging: dict[str, Any] = {"thresholds": Thresholds(yes=self.yes_from), "picture_size": self.critic_size}
        if self.describe_first:
            judging |= {"dialect": "listed", "describe_first": True, "plan_tokens": 640, "repair_tokens": 256}
            judging |= {"answer_tokens": 48, "description_tokens": 128}
        else:
            judging = {**CRITICS["qwen2.5-vl"].model_dump(exclude={"source"}), **judging}
        return _Sections(
            format=FORMAT, generator=GeneratorProfile.model_validate(drawing), critic=CriticProfile(**judging)
        )


def read_profiles(folder: Path) -> Profiles:
    """The profiles of a checkpoint's folder; those of the families OmniGen2 and Qwen2.5-VL where it says nothing.

    Raises:
        BadCheckpoint: `omniagent.json` is broken, has unknown fields, is of a newer format, or is a link out of the
            folder.
    """
    path = folder / SETTINGS_FILE
    found = None if _inside(folder, path) is None else _read(path)
    if found is None:
        return FAMILY
    generator, critic = FAMILY
    if found.generator is not None:
        generator = found.generator.model_copy(update=_origin(folder))
    if found.critic is not None:
        critic = found.critic.model_copy(update=_origin(folder))
    return Profiles(generator, critic)


def critic_profile_in(folder: Path) -> CriticProfile:
    """The profile of a critic's weights: of the checkpoint around them, else of the family that their config tells.

    Args:
        folder: Holds `config.json`, as the `mllm/` or `critic/` of a checkpoint does, or is a whole checkpoint.

    Raises:
        BadCheckpoint: as `read_profiles`.
    """
    for home in (folder, folder.parent):
        if (home / SETTINGS_FILE).is_file() and (home == folder or (home / "model_index.json").is_file()):
            return read_profiles(home).critic
    # A fine-tune has its family's architecture; only its name tells that it answers in another way.
    named = critic_named(_model_name(folder))
    return named if named.name in FINE_TUNES else critic_named(_model_type(folder) or folder.name)


def chosen_generator(name: str) -> GeneratorProfile:
    """The generator profile that a caller names: a built-in one, or a file or folder with one.

    Raises:
        BadSetting: there is none of that name.
        BadCheckpoint: the file is broken.
    """
    if name in GENERATORS:
        return GENERATORS[name].model_copy(update={"source": "set by the caller"})
    return _from_path(name, tuple(GENERATORS)).generator


def chosen_critic(name: str) -> CriticProfile:
    """The critic profile that a caller names; errors as `chosen_generator`."""
    if name in CRITICS:
        return CRITICS[name].model_copy(update={"source": "set by the caller"})
    found = _from_path(name, tuple(CRITICS)).critic
    return found.model_copy(update={"pinned": bool({"thresholds", "thresholds_by_kind"} & found.model_fields_set)})


def _from_path(name: str, known: tuple[str, ...]) -> Profiles:
    path = Path(name).expanduser()
    folder = path if path.is_dir() else path.parent
    if not (folder / SETTINGS_FILE).is_file() or (path.is_file() and path.name != SETTINGS_FILE):
        raise BadSetting(
            f"the profile {name!r} does not exist; give {', '.join(known)}, or a folder that holds {SETTINGS_FILE}"
        )
    return read_profiles(folder)


def _inside(folder: Path, path: Path) -> Path | None:
    """The file, if there is one; links may lead within the folder, and to the blobs of a hub's cache."""
    if not path.exists() and not path.is_symlink():
        return None
    target, home = path.resolve(), folder.resolve()
    blobs = home.parents[1] / "blobs" if home.parent.name == "snapshots" else home
    if home not in target.parents and blobs not in target.parents:
        raise BadCheckpoint(f"{path} is a link out of its folder, to {target}; put the file itself there")
    return path


def _read(path: Path) -> _Sections:
    try:
        told = json.loads(path.read_bytes())
        if not isinstance(told, dict):
            raise ValueError("it is no JSON object")
        sections = {"format", "generator", "critic"} & told.keys()
        if isinstance(told.get("format"), int) and told["format"] > FORMAT:
            raise BadCheckpoint(
                f"{path} has the format {told['format']}, this version of omniagent reads up to {FORMAT}; "
                "update omniagent"
            )
        if sections:
            return _Sections.model_validate({"format": FORMAT, **told})
        return _Flat.model_validate(told).sections()
    except (ValidationError, ValueError, RecursionError, OSError) as error:
        if isinstance(error, BadCheckpoint):
            raise
        raise BadCheckpoint(f"{path} cannot be used ({_fault(error)}); mend it or take it away") from error


def _fault(error: Exception) -> str:
    if not isinstance(error, ValidationError):
        return str(error)
    first = error.errors(include_url=False)[0]
    return f"{'.'.join(str(step) for step in first['loc'])}: {first['msg']}"


def _origin(folder: Path) -> dict[str, str]:
    return {"source": f"{SETTINGS_FILE} of {folder.name}"}


def _model_name(folder: Path) -> str:
    """The folder's name; in a hub's cache, where folders are named after commits, the repository's."""
    return folder.parents[1].name if folder.parent.name == "snapshots" else folder.name


def _model_type(folder: Path) -> str:
    """What the weights' config calls their architecture; empty when it says nothing."""
    try:
        told = json.loads((folder / "config.json").read_bytes())
    except (OSError, ValueError, RecursionError):
        told = None
    kind = told.get("model_type") if isinstance(told, dict) else None
    return str(kind or "").replace("qwen2_5_vl", "qwen2.5-vl").replace("qwen3_vl", "qwen3-vl")


__all__ = [
    "FAMILY",
    "SETTINGS_FILE",
    "Profiles",
    "chosen_critic",
    "chosen_generator",
    "critic_named",
    "critic_profile_in",
    "generator_named",
    "read_profiles",
]
