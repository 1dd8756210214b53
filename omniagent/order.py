"""What a caller asks for, checked and named, before any work begins."""

import secrets
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from PIL import Image

from omniagent.config import Config
from omniagent.folder import check_thread_id, run_in
from omniagent.model.errors import setting_out_of_range
from omniagent.model.limits import MAX_SEED
from omniagent.tools.store import ref_of
from omniagent.tools.types import RenderSettings, Task


@dataclass(frozen=True, slots=True)
class Order:
    """What was asked for, checked."""

    run_id: str
    folder: Path
    instruction: str
    pictures: tuple[Image.Image, ...]
    seed: int
    settings: RenderSettings
    config: Config

    @classmethod
    def of(
        cls,
        instruction: str,
        pictures: list[Image.Image],
        *,
        config: Config,
        seed: int,
        thread_id: str | None,
        out: Path | None,
        settings: RenderSettings,
    ) -> "Order":
        """Name the run and its folder.

        A folder `out` that holds a run of the same task and seed goes on with it; one that holds another run keeps
        it, and the new run gets a folder of its own in there.

        Raises:
            BadSetting: the seed or the thread id is out of range.
        """
        if isinstance(seed, bool) or not 0 <= seed <= MAX_SEED:
            raise setting_out_of_range("seed", seed, f"an integer from 0 to {MAX_SEED}")
        name = new_run_id() if thread_id is None else check_thread_id(thread_id)
        folder = (config.runs_dir / name if out is None else out).expanduser().absolute()
        held = None if out is None else run_in(folder)
        if held is not None and held.run_id != name:
            task = Task(instruction=instruction, images=tuple(ref_of(picture) for picture in pictures))
            if thread_id is None and (held.task, held.seed) == (task, seed):
                name = held.run_id
            else:
                folder = folder / name
        return cls(name, folder, instruction, tuple(pictures), seed, settings, config)


def new_run_id() -> str:
    """A name that sorts by time and that no other run has."""
    return f"{datetime.now(UTC):%Y%m%d-%H%M%S}-{secrets.token_hex(3)}"
