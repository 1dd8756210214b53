"""How a checkpoint wants to be used: the optional file ``omniagent.json`` in its folder."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from omniagent.model.errors import BadCheckpoint

SETTINGS_FILE = "omniagent.json"


class CheckpointDefaults(BaseModel):
    """What a request may leave open, and what a checkpoint is made for.

    The values here suit the published OmniGen2, whose authors recommend text guidance 4 to 5 and image guidance 1.2
    to 2.0 for edits (arXiv 2506.18871 and its programme's notes).
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    width: int = Field(default=1024, ge=16, le=4096, description="pixels, when no single reference gives the size")
    height: int = Field(default=1024, ge=16, le=4096)
    steps: int = Field(default=50, ge=1, le=1000)
    text_guidance: float = Field(default=4.0, ge=0, le=100, description="up to 1 is off")
    image_guidance: float = Field(default=2.0, ge=0, le=100, description="up to 1 is off; used with references only")
    cfg_range: tuple[float, float] = Field(default=(0.0, 1.0), description="part of the steps in which guidance acts")
    domain: str | None = Field(default=None, description="what it can draw, in a sentence; None: anything")
    reference_mode: Literal["mode", "sample"] = Field(
        default="mode", description="how a reference's latent comes from the VAE's posterior"
    )
    resize_inputs: tuple[int, int] | None = Field(
        default=None,
        description="(width, height) in pixels that every reference is brought to; None: by the size rules",
    )
    sides: tuple[int, int] | None = Field(
        default=None,
        description="(shortest, longest) side in pixels of the pictures it draws well; other sizes are drawn within "
        "and stretched to the size asked for, and that is said; None: any",
    )
    describe_first: bool = Field(
        default=False, description="whether its critic judges better with its own description before its eyes"
    )
    plain_requests: bool = Field(
        default=False,
        description="whether its critic knows plain words alone: case, white space and punctuation around a request "
        "are then brought to one form",
    )
    yes_from: float = Field(default=0.6, ge=0.5, le=1, description="its critic's probability that counts as a yes")

    @model_validator(mode="after")
    def _in_range(self) -> CheckpointDefaults:
        start, end = self.cfg_range
        if not 0.0 <= start <= end <= 1.0:
            raise ValueError(f"cfg_range={self.cfg_range} must be (start, end) with 0 <= start <= end <= 1")
        if self.resize_inputs is not None and not all(16 <= side <= 4096 for side in self.resize_inputs):
            raise ValueError(f"resize_inputs={self.resize_inputs} must be two sides of 16 to 4096 pixels")
        if self.sides is not None:
            shortest, longest = self.sides
            if not 16 <= shortest <= min(self.width, self.height) <= max(self.width, self.height) <= longest <= 4096:
                raise ValueError(f"sides={self.sides} must be (shortest, longest) within 16 to 4096 around the default")
        return self

    @classmethod
    def load(cls, folder: Path) -> CheckpointDefaults:
        """Read a checkpoint's file; the published values where it has none.

        Raises:
            BadCheckpoint: the file is no JSON of this form.
        """
        path = folder / SETTINGS_FILE
        try:
            return cls.model_validate_json(path.read_bytes())
        except FileNotFoundError:
            return cls()
        except (ValidationError, OSError) as error:
            raise BadCheckpoint(f"{path} cannot be used ({error}); mend it or take it away") from error

    def save(self, folder: Path) -> None:
        """Write the file into a checkpoint's folder."""
        (folder / SETTINGS_FILE).write_text(self.model_dump_json(indent=2) + "\n", encoding="utf-8")
