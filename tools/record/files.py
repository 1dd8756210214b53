"""Writing files that are whole or not there, with disk faults as our own errors."""

import errno
import os
import tempfile
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path

from omniagent.model.errors import BadSetting, OutputUnwritable, StorageFull
from omniagent.model.wording import cut

_FULL = {errno.ENOSPC, errno.EDQUOT}


@contextmanager
def writing(path: Path) -> Generator[None]:
    """Turns the disk faults of its body into ours.

    Raises:
        StorageFull: no room left on the disk.
        OutputUnwritable: every other reason why `path` cannot be written.
    """
    try:
        yield
    except OSError as error:
        if error.errno in _FULL:
            raise StorageFull(
                f"no room left while writing {cut(str(path))}; free some space and run again with the same thread id, "
                f"what was finished is kept"
            ) from error
        raise OutputUnwritable(
            f"cannot write {cut(str(path))}: {error.strerror or error}; give a folder you may write to"
        ) from error


def write_whole(path: Path, data: bytes) -> None:
    """Write `data` to `path` so that a reader finds the old file, the new file or none, never half of one.

    Raises:
        StorageFull, OutputUnwritable: see `writing`.
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
