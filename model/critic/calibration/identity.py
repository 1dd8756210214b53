"""What identifies a measured critic: its weights or its served name, and how it is asked."""

from __future__ import annotations

import hashlib
import re
from pathlib import Path
from typing import Final, Protocol, runtime_checkable

from pydantic import BaseModel, ConfigDict, Field

from omniagent.model.profile import CriticProfile
from omniagent.model.requests import Critic

_SAMPLES: Final = 8
_SAMPLE_BYTES: Final = 65_536
_ASKED_BY: Final = (
    "dialect",
    "describe_first",
    "picture_size",
    "plan_pixels",
    "verdict_pixels",
    "grounding",
    "samples",
)
"""Fields of a profile that change what a critic is asked; others only change what becomes of its answers."""


@runtime_checkable
class OnFiles(Protocol):
    """A critic whose weights lie in a folder of this machine."""

    @property
    def weights(self) -> Path | None: ...


class Identity(BaseModel):
    """Which critic a measurement is of.

    Two critics are one where their weights and their way of being asked are, whatever they are called and wherever
    they run. Behind a URL only the served name tells the weights.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    model: str = Field(description="the critic's name")
    weights: str = Field(default="", description="fingerprint of its weights; empty where only a server has them")
    asked: str = Field(description="fingerprint of how it is asked")

    @property
    def key(self) -> str:
        """Names the measurement's file: the model in letters that any file system takes, and a digest."""
        digest = hashlib.sha256(f"{self.weights or self.model}\n{self.asked}".encode()).hexdigest()[:16]
        # A name may be a path, whose last part says most; files are found by the digest alone.
        name = re.sub(r"[^A-Za-z0-9.]+", "-", self.model.rstrip("/").rsplit("/", 1)[-1]).strip("-.")[:40]
        return f"{name or 'critic'}-{digest}"

    def same(self, other: Identity) -> bool:
        """Whether both are one critic; of weights with a fingerprint, the name does not count."""
        mine = (self.weights or self.model, self.asked)
        return mine == (other.weights or other.model, other.asked)


def identity_of(critic: Critic) -> Identity:
    """What identifies a critic. One behind a URL that has not told its model's name yet is named by the URL."""
    folder = critic.weights if isinstance(critic, OnFiles) else None
    return identity_in(critic.model, critic.profile, folder)


def identity_in(model: str, profile: CriticProfile, folder: Path | None) -> Identity:
    """The identity of a critic whose weights lie in a folder; without one, of a served name."""
    return Identity(
        model=model,
        weights="" if folder is None else fingerprint(folder),
        asked=_digest(profile.model_dump_json(include=set(_ASKED_BY)).encode()),
    )


def fingerprint(folder: Path) -> str:
    """Of the weights in a folder: names and sizes of their files, and samples of their bytes; empty without any.

    Eight blocks of 64 KiB a file, evenly apart, its first and last bytes among them: other weights of the same shapes
    differ in all of them, and tens of gigabytes need not be read.
    """
    files = sorted(path for path in folder.glob("*.safetensors") if path.is_file())
    if not files:
        return ""
    digest = hashlib.sha256()
    for path in files:
        size = path.stat().st_size
        digest.update(f"{path.name} {size}\n".encode())
        with path.open("rb") as file:
            for number in range(_SAMPLES):
                file.seek(max(0, size - _SAMPLE_BYTES) * number // (_SAMPLES - 1))
                digest.update(file.read(_SAMPLE_BYTES))
    return digest.hexdigest()[:32]


def _digest(told: bytes) -> str:
    return hashlib.sha256(told).hexdigest()[:16]
