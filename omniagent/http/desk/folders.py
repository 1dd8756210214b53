"""The runs of each owner on disk: `<runs>/<owner>/<run id>/`. An owner without such a folder has no such run."""

import itertools
from collections import OrderedDict
from collections.abc import Iterator, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Final

from PIL import Image
from pydantic import BaseModel, ConfigDict, ValidationError

from omniagent.http.desk.order import RunOrder
from omniagent.http.guard.errors import ApiError, ErrorDetail, missing
from omniagent.model import lifetime
from omniagent.model.errors import BadSetting
from omniagent.model.wording import shown
from omniagent.runs.request import check_thread_id
from omniagent.runs.result import RESULT_FILE, TRACE_FILE
from omniagent.tools.record.files import write_whole
from omniagent.tools.record.trace import Event, read_trace

ORDER_FILE: Final = "request.json"
FAILURE_FILE: Final = "failure.json"
INTERRUPTED_FILE: Final = "interrupted"
"""Beside a result: the server's end stopped the run, which goes on when it is started again."""
_KEPT: Final = 200
"""Traces that are kept in memory, so that a list of runs does not read them all anew each time it is asked for."""


class Failure(BaseModel):
    """How a run ended that left no result."""

    model_config = ConfigDict(frozen=True)

    status: int
    error: ErrorDetail


class RunFolders:
    """Reads and writes them; every call touches the disk, so call it in a thread."""

    def __init__(self, home: Path) -> None:
        self.home = home
        self._read: OrderedDict[Path, tuple[tuple[int, int], tuple[Event, ...]]] = OrderedDict()
        self._lock = lifetime.Lock()

    def folder(self, owner: str, run_id: str) -> Path:
        """Where a run of that owner is or would be.

        Raises:
            ApiError: 404; no run can have that name.
        """
        try:
            return self.home / owner / check_thread_id(run_id)
        except BadSetting as error:
            raise _unknown(run_id) from error

    def placed(self, order: RunOrder) -> RunOrder:
        """The order with the folder that its run gets."""
        return order.model_copy(update={"folder": self.home / order.owner / order.run_id})

    def write(self, order: RunOrder, pictures: Sequence[Image.Image], mask: Image.Image | None) -> None:
        """Keep the order with its pictures.

        Raises:
            StorageFull, OutputUnwritable: it cannot be kept.
        """
        for picture in (*pictures, *(() if mask is None else (mask,))):
            order.store.put(picture)
        write_whole(order.folder / ORDER_FILE, order.model_dump_json(indent=2).encode())

    def order(self, owner: str, run_id: str) -> RunOrder:
        """What was asked for.

        Raises:
            ApiError: 404; this owner has no such run.
        """
        folder = self.folder(owner, run_id)
        if folder.is_symlink():
            # The server makes none: one that is there could lead to another owner's runs.
            raise _unknown(run_id)
        try:
            found = RunOrder.model_validate_json((folder / ORDER_FILE).read_bytes())
        except (OSError, ValidationError) as error:
            raise _unknown(run_id) from error
        return found.model_copy(update={"folder": folder})

    def orders(self, owner: str) -> Iterator[RunOrder]:
        """All of an owner, the newest first."""
        home = self.home / owner
        names = sorted((path.name for path in home.iterdir()), reverse=True) if home.is_dir() else []
        for name in names:
            with suppress(ApiError):
                yield self.order(owner, name)

    def page(self, owner: str, after: str | None, limit: int) -> list[RunOrder]:
        """So many orders of an owner, the newest first, from behind the one of that id."""
        older = (order for order in self.orders(owner) if after is None or order.run_id < after)
        return list(itertools.islice(older, limit))

    def events(self, order: RunOrder) -> Sequence[Event]:
        """What the run's trace holds so far; none before it begins. What was read last is kept until a file changes."""
        path = order.folder / TRACE_FILE
        try:
            found = path.stat()
        except OSError:
            return ()
        state = (found.st_mtime_ns, found.st_size)
        with self._lock:
            known = self._read.get(path)
        if known is None or known[0] != state:
            known = state, tuple(read_trace(path))
        with self._lock:
            self._read[path] = known
            self._read.move_to_end(path)
            while len(self._read) > _KEPT:
                self._read.popitem(last=False)
        return known[1]

    def failure(self, order: RunOrder) -> Failure | None:
        """How it ended without a result, if it did."""
        with suppress(OSError, ValidationError):
            return Failure.model_validate_json((order.folder / FAILURE_FILE).read_bytes())
        return None

    def fail(self, order: RunOrder, refusal: ApiError) -> None:
        """Keep how it ended. A disk that is full cannot: then the desk alone knows.

        Raises:
            StorageFull, OutputUnwritable: it cannot be kept.
        """
        failure = Failure(status=refusal.status, error=refusal.detail)
        write_whole(order.folder / FAILURE_FILE, failure.model_dump_json().encode())

    def interrupt(self, order: RunOrder) -> None:
        """Mark a run that the server's end is about to stop."""
        (order.folder / INTERRUPTED_FILE).touch()

    def begin(self, order: RunOrder) -> None:
        """Take the marks of an earlier end away."""
        for name in (INTERRUPTED_FILE, FAILURE_FILE):
            (order.folder / name).unlink(missing_ok=True)

    def unfinished(self) -> list[RunOrder]:
        """The runs without a waiting client that have no end yet, the oldest first."""
        owners = [path.name for path in self.home.iterdir() if path.is_dir()] if self.home.is_dir() else []
        found = [order for owner in owners for order in self.orders(owner) if order.kind == "run" and _open(order)]
        return sorted(found, key=lambda order: order.created)


def _open(order: RunOrder) -> bool:
    if (order.folder / INTERRUPTED_FILE).exists():
        return True
    return not ((order.folder / RESULT_FILE).exists() or (order.folder / FAILURE_FILE).exists())


def _unknown(run_id: str) -> ApiError:
    return missing(f"there is no run {shown(run_id)} of this key; GET /v1/runs lists them")
