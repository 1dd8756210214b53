"""Writing files that are whole or not there, with disk faults as our own errors."""

import os
import tempfile
from contextlib import AbstractContextManager
from pathlib import Path

from omniagent.model.errors import BadSetting
from omniagent.model.files.disk import disk_faults


def writing(path: Path) -> AbstractContextManager[None]:
    """`disk_faults` of a run's files: what was finished is kept, and the run goes on after a full disk."""
    again = "free some space and run the same again, a run with its thread id; what was finished is kept"
    return disk_faults(path, when_full=again)


def write_whole(path: Path, data: bytes) -> None:
    """Write `data` to `path` so that a reader finds the old file, the new file or none, never half of one.

    Raises:
        StorageFull, OutputUnwritable: see `disk_faults`.
    """
    with writing(path):
        path.parent.mkdir(parents=True, exist_ok=True)
        handle, name = tempfile.mkstemp(dir=path.parent, prefix=".part-")
        try:
            with os.fdopen(handle, "wb") as file:
                file.write(data)
                file.flush()
                os.fsync(file.fileno())
            Path(name).replace(path)
        except BaseException:
            Path(name).unlink(missing_ok=True)
            raise


def check_written(name: str, value: object) -> None:
    """Whether a path or a word can stand in the files of a run, which are UTF-8.

    Raises:
        BadSetting: it cannot, as a file name of other bytes.
    """
    text = str(value)
    try:
        text.encode()
    except UnicodeEncodeError as error:
        raise BadSetting(
            f"{name} {text[:200]!r} has characters that are no UTF-8; give or rename it in plain characters"
        ) from error
    if "\0" in text:
        raise BadSetting(f"{name} {text[:200]!r} has a null character; leave it out")
