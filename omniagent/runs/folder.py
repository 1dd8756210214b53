"""A run's folder: who owns it, and its checkpoint file."""

import errno
import sqlite3
import time
from collections.abc import Generator
from contextlib import closing, contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING

from filelock import BaseFileLock, FileLock, SoftFileLease, Timeout

from omniagent.graphs.policy import LoopPolicy
from omniagent.graphs.state import Fault
from omniagent.model.errors import OutputUnwritable, StorageFull
from omniagent.runs.result import CHECKPOINT_FILE, TRACE_FILE
from omniagent.tools.record.files import writing
from omniagent.tools.record.trace import RunStarted, read_trace
from omniagent.tools.types import (
    Attempt,
    Budget,
    Critique,
    Decision,
    ImageRef,
    Plan,
    Preference,
    Refinement,
    RenderSettings,
    Requirement,
    Step,
    Task,
    Usage,
    Verdict,
)

if TYPE_CHECKING:
    from langgraph.checkpoint.sqlite import SqliteSaver

STORED = (
    Attempt,
    Budget,
    Critique,
    Decision,
    Fault,
    ImageRef,
    LoopPolicy,
    Plan,
    Preference,
    Refinement,
    RenderSettings,
    Requirement,
    Step,
    Task,
    Usage,
    Verdict,
)
"""All types that a checkpoint may bring back to life; no other code is loaded from one."""

LEASE_SECONDS = 30.0
"""How long a lock file of a process that does not keep it fresh any more bars others."""


def run_in(folder: Path) -> RunStarted | None:
    """How the run in a folder began, or None when there is none."""
    path = folder / TRACE_FILE
    try:
        event = next(read_trace(path), None) if path.is_file() else None
    except OSError:
        # Whether the folder can be used is said when it is written to.
        return None
    return event if isinstance(event, RunStarted) else None


@contextmanager
def owned(folder: Path) -> Generator[None]:
    """Holds the folder for one run; the claim dies with its process.

    Where the file system has no locks of its own (some NFS mounts), a file that is kept fresh serves as one: after a
    process was killed there, its folder is free again within a minute.

    Raises:
        OutputUnwritable: the folder cannot be written or locked, or another run is at work in it.
        StorageFull: the disk has no room.
    """
    with writing(folder):
        folder.mkdir(parents=True, exist_ok=True)
    lock = _locked(folder)
    try:
        yield
    finally:
        with suppress(OSError):
            lock.release()


def _locked(folder: Path) -> BaseFileLock:
    native = FileLock(folder / ".lock", fallback_to_soft=False, thread_local=False)
    lease = SoftFileLease(folder / ".lock-lease", lease_duration=LEASE_SECONDS, thread_local=False)
    try:
        native.acquire(blocking=False)
        return native
    except Timeout as error:
        raise _in_use(folder) from error
    except OSError as error:
        if error.errno in (errno.EACCES, errno.EPERM, errno.EROFS, errno.ENOSPC, errno.EDQUOT):
            with writing(folder / ".lock"):
                raise
        why = error.strerror or str(error)
    try:
        # Clocks of machines differ: that the file is no longer kept fresh is seen by waiting for so long.
        lease.acquire(timeout=1.5 * LEASE_SECONDS if _stale(Path(lease.lock_file)) else 0)
    except Timeout as error:
        raise _in_use(folder, f" (the file {lease.lock_file} says so)") from error
    except (OSError, ValueError) as error:
        raise OutputUnwritable(
            f"{folder} cannot be locked ({why}), nor by the file {lease.lock_file} ({error}); "
            "give a folder on another disk"
        ) from error
    return lease


def _stale(file: Path) -> bool:
    with suppress(OSError):
        return time.time() - file.stat().st_mtime > 2 * LEASE_SECONDS
    return False


def _in_use(folder: Path, how: str = "") -> OutputUnwritable:
    return OutputUnwritable(f"another run is at work in {folder}{how}; wait for it, or give another folder")


@contextmanager
def checkpoints(folder: Path) -> "Generator[SqliteSaver]":
    """The checkpoint file of a run, with disk faults as our own errors.

    Raises:
        OutputUnwritable, StorageFull: the file cannot be written.
    """
    from langgraph.checkpoint.serde.jsonplus import JsonPlusSerializer
    from langgraph.checkpoint.sqlite import SqliteSaver

    serde = JsonPlusSerializer(allowed_msgpack_modules=[(kind.__module__, kind.__name__) for kind in STORED])
    try:
        # The graph runs its nodes in threads of its own, one at a time.
        with closing(sqlite3.connect(folder / CHECKPOINT_FILE, check_same_thread=False)) as connection:
            # Enough for a killed process; only a machine that loses power may lose the last steps.
            connection.execute("PRAGMA synchronous=NORMAL")
            yield SqliteSaver(connection, serde=serde)
    except sqlite3.Error as error:
        if "full" in str(error):
            raise StorageFull(f"no room left for the checkpoints in {folder}; free some space and run again") from error
        raise OutputUnwritable(f"cannot keep checkpoints in {folder}: {error}; give another folder") from error
