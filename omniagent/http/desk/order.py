"""What a client asked for, as it lies on disk from the moment it is accepted."""

import time
from pathlib import Path
from typing import Literal

from PIL import Image
from pydantic import BaseModel, ConfigDict, Field

from omniagent.model.limits import MAX_SEED
from omniagent.runs.request import new_run_id
from omniagent.tools.record.store import ImageStore
from omniagent.tools.types import Budget, ImageRef, Mode, RenderSettings

Kind = Literal["images", "run"]
"""`images`: a client waits for the answer; `run`: it comes back for it, even after the server was started anew."""


class RunOrder(BaseModel):
    """One run. Its pictures lie in the run's own folder, so that this stays small and another process can run it."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    format_version: Literal[1] = 1
    run_id: str = Field(default_factory=new_run_id)
    owner: str
    folder: Path = Field(exclude=True, default=Path())
    kind: Kind
    created: float = Field(default_factory=time.time)
    task: str
    images: tuple[ImageRef, ...] = ()
    mask: ImageRef | None = None
    seed: int = Field(ge=0, le=MAX_SEED)
    settings: RenderSettings = RenderSettings()
    budget: Budget
    mode: Mode | None = None
    parent: str | None = Field(default=None, description="the run that this one was forked from")

    @property
    def store(self) -> ImageStore:
        """Where its pictures lie."""
        return ImageStore(self.folder / "images")

    def pictures(self) -> list[Image.Image]:
        """The given pictures, RGB.

        Raises:
            BadImage: a file is gone or was changed.
        """
        return [self.store.get(one) for one in self.images]

    def mask_picture(self) -> Image.Image | None:
        """The mask, white where image 1 may change.

        Raises:
            BadImage: its file is gone or was changed.
        """
        return None if self.mask is None else self.store.get(self.mask)
