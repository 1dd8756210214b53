"""The note that a service of this machine leaves for others: where it listens, with which key, and who runs it."""

from __future__ import annotations

import fcntl
import os
from collections.abc import Generator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path

from platformdirs import user_state_path
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from omniagent.model.errors import BadSetting, OutputUnwritable

FOLDER_VARIABLE = "OMNIAGENT_CRITIC_DIR"
RECORD_FILE = "critic.json"
PID_FILE = "critic.pid"
LOG_FILE = "critic.log"
LOCK_FILE = "critic.lock"


class Record(BaseModel):
    """A service at work."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    pid: int = Field(description="of the process that keeps the server")
    server: int = Field(description="of the server, which leads a process group of its own")
    url: str
    key: str = Field(repr=False)
    name: str = Field(description="what the model is called in requests")
    weights: str = Field(description="folder of the served weights")
    log: str
    sleep: bool = False
    drawing: str | None = Field(default=None, description="how a generator on the same card must be held; None: anyhow")
    started: float = Field(description="seconds since the epoch")


def state_folder(given: Path | None = None, *, environ: Mapping[str, str] = os.environ) -> Path:
    """Where the service keeps its record and log: the given folder, `OMNIAGENT_CRITIC_DIR`, or the user's own."""
    if given is not None:
        return given.expanduser()
    named = environ.get(FOLDER_VARIABLE)
    return Path(named).expanduser() if named else user_state_path("omniagent") / "critic"


def write_record(folder: Path, record: Record) -> None:
    """Leave the note, readable for this user alone, and the keeper's process id beside it.

    Raises:
        OutputUnwritable: the folder cannot be written.
    """
    try:
        for name, text in ((RECORD_FILE, record.model_dump_json()), (PID_FILE, f"{record.pid}\n")):
            fresh = folder / f".{name}"
            fresh.touch(mode=0o600)
            fresh.write_text(text, encoding="utf-8")
            fresh.replace(folder / name)
    except OSError as error:
        raise OutputUnwritable(f"the critic's service cannot write to {folder}: {error}") from error


def remove_record(folder: Path) -> None:
    """Take the note away."""
    for name in (RECORD_FILE, PID_FILE):
        (folder / name).unlink(missing_ok=True)


def read_record(folder: Path) -> Record | None:
    """The note of a service at work; None when there is none, also when it was left by one that was killed."""
    try:
        record = Record.model_validate_json((folder / RECORD_FILE).read_bytes())
    except (OSError, ValidationError):
        return None
    return record if held(folder) else None


def held(folder: Path) -> bool:
    """Whether a service holds the folder's lock; the lock dies with its process."""
    try:
        with (folder / LOCK_FILE).open("rb") as file:
            fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
            return False
    except FileNotFoundError:
        return False
    except OSError:
        return True


@contextmanager
def owned(folder: Path) -> Generator[None]:
    """Holds the folder for the one service of it.

    Raises:
        BadSetting: another service holds it.
        OutputUnwritable: the folder cannot be written.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with suppress(OSError):
            folder.chmod(0o700)
        file = (folder / LOCK_FILE).open("ab")
    except OSError as error:
        raise OutputUnwritable(f"the critic's service cannot write to {folder}: {error}") from error
    with file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            raise BadSetting(
                f"a critic's service is at work already (its record is in {folder}); see omniagent critic status"
            ) from error
        try:
            yield
        finally:
            remove_record(folder)
