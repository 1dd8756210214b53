"""Settings of the whole program: defaults, then `OMNIAGENT_…` environment variables, then what a caller passes."""

import difflib
from collections.abc import Mapping
from pathlib import Path
from typing import Literal, Self

from pydantic import Field, ValidationError, field_validator
from pydantic_settings import BaseSettings, SettingsConfigDict, SettingsError

import omniagent
from omniagent.graphs.policy import LoopPolicy
from omniagent.model.denoising.presets import PresetName
from omniagent.model.errors import BadSetting
from omniagent.model.wording import fault, shown
from omniagent.tools.config import ToolConfig
from omniagent.tools.types import Budget

PREFIX = "OMNIAGENT_"
_OTHERS = ("CRITIC_DIR", "CRITIC_PYTHON", "DEBUG", "JUDGE_KEY", "LEAN_IMPORTS", "MCP_KEY")


def bundled_checkpoint() -> str:
    """The folder of the checkpoint that ships with the package: coloured shapes, no download, no GPU."""
    return str(Path(omniagent.__file__).parent / "checkpoints" / "shapes")


def misspelt(environ: Mapping[str, str]) -> dict[str, str]:
    """The `OMNIAGENT_…` variables that are no setting but nearly one, each with the setting that seems to be meant.

    Such a variable would be passed over without a word; others may belong to other programs.
    """
    known = [name.upper() for name in Config.model_fields]
    found: dict[str, str] = {}
    for variable in environ:
        first = variable.upper().removeprefix(PREFIX).partition("__")[0]
        if variable.upper().startswith(PREFIX) and first not in (*known, *_OTHERS):
            for near in difflib.get_close_matches(first, known, n=1, cutoff=0.75):
                found[variable] = PREFIX + near
    return found


def folder_of(path: str | Path) -> Path:
    """A folder's absolute path, `~` expanded, so that it stays the same place when the working folder changes.

    Raises:
        BadSetting: it begins with a home folder that does not exist.
    """
    return _expanded(Path(path)).absolute()


def _expanded(path: Path) -> Path:
    try:
        return path.expanduser()
    except RuntimeError as error:
        raise BadSetting(f"the path {shown(str(path))} begins with an unknown home folder ({error})") from error


class Config(BaseSettings):
    """Everything that may be set. Nested values take two underscores: `OMNIAGENT_BUDGET__MAX_ROUNDS=6`."""

    model_config = SettingsConfigDict(
        env_prefix=PREFIX, env_nested_delimiter="__", frozen=True, extra="forbid", protected_namespaces=()
    )

    model: str = Field(default_factory=bundled_checkpoint, description="a checkpoint folder or a hub name")
    generator: str = Field(
        default="local",
        description="`local`, or base URLs of servers that speak the OpenAI images API, with commas between",
    )
    generator_model: str = Field(default="OmniGen2/OmniGen2", description="the model to ask for at those URLs")
    generator_key: str | None = Field(default=None, repr=False, description="the API key for those URLs")
    generator_timeout: float = Field(default=300.0, gt=0, description="seconds that one picture may take at those URLs")
    critic: str = Field(
        default="local",
        description="`local`, the base URL of an OpenAI-compatible server, or `auto`: this machine's vLLM service, "
        "else a vLLM started for this process, else `local`",
    )
    critic_model: str | None = Field(
        default=None,
        description="the model to ask for at that URL (None: its first), or for `auto` the folder or hub name of the "
        "critic to serve (None: the model's own)",
    )
    critic_key: str | None = Field(default=None, repr=False, description="the API key for that URL")
    critic_timeout: float = Field(default=120.0, gt=0, description="seconds that one call to that URL may take")
    critic_stand_in: bool = Field(
        default=True,
        description="whether the checkpoint's own critic stands in while the one behind a URL does not answer",
    )
    generator_profile: str | None = Field(
        default=None,
        description="a generator profile by its name (omnigen2, boogu, boogu-turbo, plain), or a folder whose "
        "omniagent.json has one; "
        "None: the model's own, else the built-in one of its family",
    )
    critic_profile: str | None = Field(
        default=None,
        description="a critic profile by its name (qwen2.5-vl, qwen3-vl, editscore, omniverifier, plain), or a folder "
        "whose "
        "omniagent.json has one; None: the model's own, else the built-in one of its family",
    )
    ranker: str | None = Field(
        default=None,
        description="base URL of an OpenAI-compatible server whose model, such as EditScore, puts edits in order",
    )
    ranker_model: str | None = Field(default=None, description="the model to ask for at that URL; None: its first")
    ranker_key: str | None = Field(default=None, repr=False, description="the API key for that URL")
    detector: str | None = Field(
        default=None,
        description="a Grounding DINO that locates objects in place of the critic: a folder or a hub name, such as "
        "IDEA-Research/grounding-dino-tiny; None: no detector",
    )
    detector_offload: bool = Field(
        default=False, description="whether the detector's weights leave the device between calls"
    )
    calibrated: bool = Field(
        default=True, description="whether the critic's measured error rates set thresholds, weights and candidates"
    )
    calibration_dir: Path | None = Field(
        default=None, description="folder of what `omniagent calibrate` measured; None: in your state folder"
    )
    revision: str | None = Field(default=None, description="hub revision of the model")
    device: str | None = Field(default=None, description="`cpu`, `cuda`, `cuda:1`…; None: the best there is")
    preset: PresetName = Field(
        default="quality",
        description="`quality` is exact; `balanced` and `fast` are faster and slightly less accurate; `edit` is exact "
        "from words, and faster in edits, where it computes little but what changes",
    )
    memory: Literal["auto", "whole", "model", "group", "sequential"] = Field(
        default="auto",
        description="how weights are held: `whole` on the device, one `model` at a time, in a `group` of blocks, or "
        "layer by layer (`sequential`); `auto`: the fastest way that fits",
    )
    eight_bits: bool = Field(
        default=False,
        description="whether the transformer multiplies in eight bits (float8) and is compiled: lossy, some 1.4 times "
        "as fast and 3 GiB less; on CUDA cards of Ada, Hopper or newer, `memory` `auto`, `whole` or `model`, without "
        "LoRAs",
    )
    keep_memory: bool = Field(
        default=True,
        description="whether a model on the CPU has the process keep memory that is freed, where the C library is "
        "glibc: steps take less time and the memory of the largest picture stays with the process until its models are "
        "freed; off for a process that shares a small machine",
    )
    runs_dir: Path = Field(
        default=Path("runs"),
        validate_default=True,
        description="each run writes a folder in here; a relative path begins in the working folder, ~ is your home",
    )
    previews: bool = Field(
        default=True,
        description="whether the chat and the events of HTTP runs show rough pictures of what is being drawn",
    )
    allow_urls: bool = Field(default=False, description="whether input pictures may be fetched from URLs")
    budget: Budget = Budget()
    tools: ToolConfig = ToolConfig()
    loop: LoopPolicy = LoopPolicy()

    @field_validator("runs_dir")
    @classmethod
    def _whole(cls, value: Path) -> Path:
        return folder_of(value)

    @field_validator("model")
    @classmethod
    def _home(cls, value: str) -> str:
        return str(_expanded(Path(value))) if value.startswith("~") else value

    @classmethod
    def read(cls) -> Self:
        """The defaults with what the environment sets.

        Raises:
            BadSetting: an environment variable has a value that is not allowed.
        """
        try:
            return cls()
        except (ValidationError, SettingsError) as error:
            reason = fault(error, cls.model_fields) if isinstance(error, ValidationError) else str(error)
            raise BadSetting(f"an OMNIAGENT_… environment variable is not allowed: {reason}") from error
