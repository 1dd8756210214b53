"""How a checkpoint is drawn with when the caller leaves a setting open."""

from __future__ import annotations

import json
from pathlib import Path

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from .errors import BadCheckpoint

DEFAULTS_FILE = "generation_defaults.json"


class GenerationDefaults(BaseModel):
    """Settings a checkpoint may bring along in ``generation_defaults.json``; the values here are the published ones."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    num_inference_steps: int = Field(default=50, ge=1, le=1000)
    text_guidance_scale: float = Field(default=4.0, ge=0, le=100)
    image_guidance_scale: float = Field(default=1.0, ge=0, le=100, description="without input pictures it is unused")
    height: int = Field(default=1024, ge=16, le=4096, description="pixels")
    width: int = Field(default=1024, ge=16, le=4096, description="pixels")

    @classmethod
    def load(cls, folder: Path) -> GenerationDefaults:
        """Read a checkpoint's defaults; the published ones where it has no such file.

        Raises:
            BadCheckpoint: The file is no JSON of this form.
        """
        path = folder / DEFAULTS_FILE
        if not path.is_file():
            return cls()
        try:
            return cls.model_validate_json(path.read_bytes())
        except (ValidationError, OSError) as error:
            raise BadCheckpoint(f"{path} is no set of generation defaults: {error}") from error

    def save(self, folder: Path) -> None:
        """Write the file, unless these are the published defaults."""
        if self != GenerationDefaults():
            (folder / DEFAULTS_FILE).write_text(json.dumps(self.model_dump(), indent=2) + "\n", encoding="utf-8")
