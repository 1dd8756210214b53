"""What may be said of one run besides its task, in the forms in which callers say it."""

import os
import re
import secrets
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Final, NamedTuple, TypedDict

from PIL import Image
from pydantic import ValidationError

from omniagent.config import Config
from omniagent.model.errors import BadSetting, setting_out_of_range
from omniagent.model.limits import MAX_GUIDANCE, MAX_SIDE, MAX_STEPS, MIN_SIDE
from omniagent.model.requests import LoraChoice
from omniagent.model.wording import fault, shown
from omniagent.runs.request import Order, given_as
from omniagent.tools.intake.masks import read_mask
from omniagent.tools.intake.task import read_images, read_instruction
from omniagent.tools.types import Budget, Mode, RenderSettings

RANDOM_SEED: Final = -1
_SIZE = re.compile(r"\s*(\d{1,6})\s*[xX×*]\s*(\d{1,6})\s*(?:px)?\s*")

Picture = str | Path | bytes | Image.Image
"""An input picture: a path, a URL where allowed, the bytes of a file, or a PIL image."""

Size = str | tuple[int, int]
"""Width and height in pixels: `512x384` or `(512, 384)`."""

Lora = str | Path | LoraChoice | tuple[str | Path, float]
"""A LoRA's file or folder, with its strength where it is not 1."""


class Loading(NamedTuple):
    """A run whose models are not loaded yet, which may take minutes.

    Attributes:
        run_id: Names the run.
        folder: Where its files will be.
        generator: What will draw: a checkpoint's name or folder, or servers' URLs.
        critic: What will judge: `local` for the checkpoint's own, `auto`, a URL, or the name of one that was given.
        part: What is being read now: empty at first, then the names of the checkpoint's networks in turn.
    """

    run_id: str
    folder: Path
    generator: str
    critic: str
    part: str = ""


class RunOptions(TypedDict, total=False):
    """What may be said of one run besides its task and pictures."""

    seed: int
    """The same seed, task and model give the same attempts; 0 by default."""
    thread_id: str | None
    """Names the run. A run that was killed or stopped goes on where it was."""
    out: str | Path | None
    """The run's own folder; `runs_dir/<thread_id>` by default."""
    budget: Budget | None
    """Caps of this run."""
    settings: RenderSettings | None
    """Size, steps and guidance in place of the agent's own choice."""
    mode: Mode | None
    """`generate`, `edit`, `compose` or `answer` in place of the agent's own reading of the task."""
    mask: Picture | None
    """Where image 1 may change: a picture of its size, transparent there, or white where none of it is transparent."""
    previews: bool
    """Whether step events carry rough pictures of what is being drawn, for those who show them; False by default."""
    on_question: Callable[[str], str] | None
    """Answers this run's question in words, in the run's own thread, in place of the agent's `on_question`."""
    on_loading: Callable[[Loading], None] | None
    """Called before the models load, if they are not loaded, and with each part of them, in the thread that loads."""
    size: Size | None
    """Width and height in pixels, `512x384` or `(512, 384)`, above those in `settings`."""
    steps: int | None
    """Denoising steps, above those in `settings`."""
    guidance: float | None
    """How strongly the words steer, above that in `settings`; up to 1 is off."""
    image_guidance: float | None
    """How strongly given pictures steer, above that in `settings`; up to 1 is off."""
    negative: str | None
    """What the picture must not show, in place of the generator's own words for that; empty: nothing."""
    lora: Lora | Sequence[Lora] | Mapping[str, float] | None
    """LoRAs of this run: a path, `(path, strength)`, several of these, or strengths by path."""


class RunRequest(NamedTuple):
    """A task, its pictures, and the options of its run, as they were given."""

    task: str
    images: Iterable[Picture] | None
    options: RunOptions


def order_of(request: RunRequest, config: Config) -> Order:
    """What a request asks for, checked.

    Raises:
        BadTask, BadImage, BadSetting: something of it is wrong.
    """
    options = request.options
    if unknown := sorted(set(options) - set(RunOptions.__annotations__)):
        raise BadSetting(
            f"the run option {shown(unknown[0])} is not known; there are {', '.join(RunOptions.__annotations__)}"
        )
    if (budget := options.get("budget")) is not None:
        config = config.model_copy(update={"budget": given_as(Budget, budget, "budget")})
    instruction, mask = read_instruction(request.task), options.get("mask")
    pictures = read_images(request.images, allow_urls=config.allow_urls)
    return Order.of(
        instruction,
        pictures,
        mask=None if mask is None else read_mask(mask, pictures),
        config=config,
        seed=options.get("seed", 0),
        thread_id=options.get("thread_id"),
        out=options.get("out"),
        settings=settings_in(options),
        mode=options.get("mode"),
        previews=bool(options.get("previews", False)),
    )


def settings_in(options: RunOptions) -> RenderSettings:
    """The render settings of a run: `size`, `steps`, guidance, `negative` and `lora` above those in `settings`.

    Raises:
        BadSetting: one is nothing of the kind, or out of range.
    """
    settings = options.get("settings")
    made = RenderSettings() if settings is None else given_as(RenderSettings, settings, "settings")
    if (size := options.get("size")) is not None:
        sized = size_of(size)
        made = made.model_copy(update={"width": sized.width, "height": sized.height})
    if (steps := options.get("steps")) is not None:
        if isinstance(steps, bool) or not isinstance(steps, int) or not 1 <= steps <= MAX_STEPS:  # pyright: ignore[reportUnnecessaryIsInstance]
            raise setting_out_of_range("steps", steps, f"an integer from 1 to {MAX_STEPS}")
        made = made.model_copy(update={"steps": steps})
    for name, field in (("guidance", "text_guidance"), ("image_guidance", "image_guidance")):
        if (scale := options.get(name)) is not None:
            made = made.model_copy(update={field: _guidance(name, scale)})
    if (negative := options.get("negative")) is not None:
        if not isinstance(negative, str):  # pyright: ignore[reportUnnecessaryIsInstance]
            raise BadSetting(f"negative={shown(negative)} is no text; give what the picture must not show in words")
        made = made.model_copy(update={"negative": negative})
    if (lora := options.get("lora")) is not None:
        made = made.model_copy(update={"loras": loras_of(lora)})
    return made


def _guidance(name: str, scale: object) -> float:
    if isinstance(scale, bool) or not isinstance(scale, int | float) or not 0 <= scale <= MAX_GUIDANCE:
        raise setting_out_of_range(name, scale, f"a number from 0 to {MAX_GUIDANCE:g}")
    return float(scale)


def size_of(size: Size | None) -> RenderSettings:
    """The settings that a size asks for, `512x512` or `(512, 512)`; none for None.

    Raises:
        BadSetting: it is neither, or out of range.
    """
    if size is None:
        return RenderSettings()
    given: list[object] = [f"{size[0]}x{size[1]}" if isinstance(size, tuple | list) and len(size) == 2 else size]
    (found,) = [_SIZE.fullmatch(text) if isinstance(text, str) else None for text in given]
    sides = [int(side) for side in found.groups()] if found else []
    if not sides or not all(MIN_SIDE <= side <= MAX_SIDE for side in sides):
        raise BadSetting(
            f"{shown(size)} is no size; give WxH with both sides from {MIN_SIDE} to {MAX_SIDE}, for example 512x512"
        )
    return RenderSettings(width=sides[0], height=sides[1])


def loras_of(lora: Lora | Sequence[Lora] | Mapping[str, float]) -> tuple[LoraChoice, ...]:
    """The LoRAs that are meant, their paths absolute; what is in a file is looked at when it is loaded.

    Raises:
        BadSetting: one is nothing of the kind, or there is no such file.
    """
    if isinstance(lora, Mapping):
        return tuple(_lora(path, scale) for path, scale in lora.items())
    if isinstance(lora, str | Path | LoraChoice) or _is_pair(lora):
        return (_one_lora(lora),)
    if not isinstance(lora, Sequence):  # pyright: ignore[reportUnnecessaryIsInstance]
        raise _no_lora(lora)
    return tuple(_one_lora(one) for one in lora)


def _one_lora(one: object) -> LoraChoice:
    if isinstance(one, LoraChoice):
        return _lora(one.path, one.scale)
    return _lora(one[0], one[1]) if _is_pair(one) and isinstance(one, tuple | list) else _lora(one, 1.0)


def _is_pair(value: object) -> bool:
    return (
        isinstance(value, tuple | list)
        and len(value) == 2
        and isinstance(value[1], int | float)
        and not isinstance(value[1], bool)
    )


def _lora(path: object, scale: object) -> LoraChoice:
    if not isinstance(path, str | Path) or not str(path):
        raise _no_lora(path)
    try:
        place = Path(path).expanduser().absolute()
        found = place.exists()
    except (OSError, RuntimeError, ValueError) as error:
        raise BadSetting(f"lora={shown(str(path))} cannot be looked up ({error}); give a LoRA file") from error
    if not found:
        raise BadSetting(f"lora={shown(str(path))} is missing; give a LoRA file, or a folder with one")
    try:
        return LoraChoice.model_validate({"path": os.fspath(place), "scale": scale})
    except ValidationError as error:
        raise BadSetting(f"the strength of lora={shown(str(path))}: {fault(error)}") from error


def _no_lora(value: object) -> BadSetting:
    return BadSetting(f"lora={shown(value)} is no LoRA; give a path, (path, strength), or a list of these")


def seed_of(seed: int | None) -> int:
    """The seed itself; in place of -1 or None a random one, to be shown to the caller."""
    return secrets.randbelow(2**31) if seed is None or seed == RANDOM_SEED else seed


def budget_with(budget: Budget, **caps: float | None) -> Budget:
    """A budget with the caps that are given in place of its own.

    Raises:
        BadSetting: a cap out of its range.
    """
    given = {name: value for name, value in caps.items() if value is not None}
    try:
        return Budget.model_validate({**budget.model_dump(), **given})
    except ValidationError as error:
        raise BadSetting(fault(error, Budget.model_fields)) from error
