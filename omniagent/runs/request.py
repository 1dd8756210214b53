"""What a caller asks for, checked and named, before any work begins."""

import operator
import re
import secrets
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, SupportsIndex, TypeVar, cast

from PIL import Image
from pydantic import BaseModel, ValidationError

from omniagent.config import Config
from omniagent.model.errors import BadSetting, setting_out_of_range
from omniagent.model.limits import MAX_SEED
from omniagent.model.wording import cut, fault, shown
from omniagent.runs.result import TRACE_FILE
from omniagent.tools.intake.region import Region
from omniagent.tools.record.files import check_written
from omniagent.tools.record.store import ref_of
from omniagent.tools.types import Mode, RenderSettings, Task

if TYPE_CHECKING:
    from omniagent.tools.record.trace import RunStarted

MODES: tuple[Mode, ...] = ("generate", "edit", "compose", "answer")
"""What a caller may fix; to refuse is the critic's alone."""

_NAME = re.compile(r"[\w][\w.\-]{0,99}")


@dataclass(frozen=True, slots=True)
class Order:
    """What was asked for, checked."""

    run_id: str
    folder: Path
    instruction: str
    pictures: tuple[Image.Image, ...]
    seed: int
    settings: RenderSettings
    mode: Mode | None
    config: Config
    region: Region | None = None
    previews: bool = False

    @classmethod
    def of(
        cls,
        instruction: str,
        pictures: list[Image.Image],
        *,
        config: Config,
        seed: int,
        thread_id: str | None,
        out: str | Path | None,
        settings: RenderSettings,
        mode: Mode | None = None,
        mask: Image.Image | None = None,
        previews: bool = False,
    ) -> "Order":
        """Name the run and its folder.

        A folder `out` that holds a run of the same task, seed and settings goes on with it; one that holds another
        run keeps it, and the new run gets a folder of its own in there.

        Raises:
            BadSetting: the seed, the thread id or the folder is nothing of the kind, or out of range.
        """
        seed, mode = _seed(seed), _mode(mode)
        region = None if mask is None else _region(mask, pictures, settings)
        if region is not None:
            mode, settings = _masked(mode, pictures, settings, region)
        name = new_run_id() if thread_id is None else check_thread_id(thread_id)
        try:
            folder = (config.runs_dir / name if out is None else Path(out)).expanduser().absolute()
        except (TypeError, RuntimeError) as error:
            raise BadSetting(f"out={shown(out)} is no folder ({cut(str(error))}); give a path") from error
        check_written("the run's folder", folder)
        held = None if out is None else _run_in(folder)
        if held is not None and held.run_id != name:
            task = Task(
                instruction=instruction,
                images=tuple(ref_of(picture) for picture in pictures),
                mask=None if mask is None else ref_of(mask),
            )
            same = (held.task, held.seed, held.settings or settings) == (task, seed, settings)
            if thread_id is None and same:
                name = held.run_id
            else:
                folder = folder / name
        return cls(name, folder, instruction, tuple(pictures), seed, settings, mode, config, region, previews)


Model = TypeVar("Model", bound=BaseModel)


def given_as(kind: type[Model], value: object, name: str) -> Model:
    """The value as a model of the kind; a dictionary of its fields does too.

    Raises:
        BadSetting: it is neither.
    """
    try:
        return kind.model_validate(value)
    except ValidationError as error:
        raise BadSetting(f"{name}={shown(value)} is no {kind.__name__}: {fault(error, kind.model_fields)}") from error


def _seed(seed: object) -> int:
    try:
        number = -1 if isinstance(seed, bool) else operator.index(cast(SupportsIndex, seed))
    except TypeError:
        number = -1
    if not 0 <= number <= MAX_SEED:
        raise setting_out_of_range("seed", seed, f"an integer from 0 to {MAX_SEED}")
    return number


def _mode(mode: object) -> Mode | None:
    if mode is None or mode in MODES:
        return mode
    raise setting_out_of_range("mode", mode, f"one of {', '.join(MODES)}, or None for the agent's own reading")


def _region(mask: Image.Image, pictures: list[Image.Image], settings: RenderSettings) -> Region:
    width, height = settings.width, settings.height
    return Region(pictures[0], mask, None if width is None or height is None else (width, height))


def _masked(
    mode: Mode | None, pictures: list[Image.Image], settings: RenderSettings, region: Region
) -> tuple[Mode | None, RenderSettings]:
    """The mode and the settings of a run with a mask: it changes image 1, in whose shape everything is drawn."""
    if mode in ("generate", "answer"):
        raise BadSetting(f"mode={mode!r} changes no picture, so a mask has no meaning; leave the mask or the mode out")
    if len(pictures) == 1:
        return "edit", settings
    width, height = region.drawing_size
    return mode, settings.model_copy(update={"width": width, "height": height})


def check_thread_id(name: str) -> str:
    """The name, which becomes a folder.

    Raises:
        BadSetting: it has other characters than letters, digits, `.`, `-` and `_`, or more than 100.
    """
    if not isinstance(name, str) or not _NAME.fullmatch(name):  # pyright: ignore[reportUnnecessaryIsInstance]
        raise BadSetting(
            f"thread_id={shown(name)} is not allowed; give 1 to 100 letters, digits, dots, dashes and underscores, "
            f"a letter or digit first"
        )
    return name


def _run_in(folder: Path) -> "RunStarted | None":
    # Whether the folder can be used is said when it is written to.
    with suppress(OSError):
        if (folder / TRACE_FILE).is_file():
            # Brings the types of all that is written down of a run.
            from omniagent.runs.folder import run_in

            return run_in(folder)
    return None


def new_run_id() -> str:
    """A name that sorts by time and that no other run has."""
    return f"{datetime.now(UTC):%Y%m%d-%H%M%S}-{secrets.token_hex(3)}"
