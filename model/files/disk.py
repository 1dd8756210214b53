"""Faults of the disk as our own errors."""

import errno
import re
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path

from safetensors import SafetensorError

from omniagent.model.errors import OutputUnwritable, StorageFull
from omniagent.model.wording import cut


@contextmanager
def disk_faults(path: Path, *, when_full: str = "free some space and try again") -> Generator[None]:
    """Raise the operating system's errors of the body, which writes to `path`, as ours.

    Args:
        path: A file or folder, named in the message.
        when_full: What to do if the disk has no room left.

    Raises:
        StorageFull: no room left on the disk.
        OutputUnwritable: every other reason why `path` cannot be written.
    """
    try:
        yield
    except (OSError, SafetensorError) as error:
        # safetensors tells the system's number in its words alone.
        told = re.search(r"os error (\d+)", str(error))
        if isinstance(error, SafetensorError) and told is None:
            raise
        number = error.errno if isinstance(error, OSError) else int(told[1]) if told else 0
        if number in (errno.ENOSPC, errno.EDQUOT):
            raise StorageFull(f"no room left while writing {cut(str(path))}; {when_full}") from error
        said = getattr(error, "strerror", None) or error
        raise OutputUnwritable(f"cannot write {cut(str(path))}: {said}; give a folder you may write to") from error
