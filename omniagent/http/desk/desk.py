"""The desk: takes runs up to a bound, lets so many work at once, fairly by owner, and ends in good order."""

import asyncio
import logging
import time
from collections import Counter, OrderedDict
from collections.abc import Sequence
from contextlib import aclosing, suppress

from PIL import Image

from omniagent.http.desk.engine import Engine
from omniagent.http.desk.folders import RunFolders
from omniagent.http.desk.job import Job
from omniagent.http.desk.order import RunOrder
from omniagent.http.guard.errors import ApiError, leaving, refusal_of, too_busy
from omniagent.http.metrics import Metrics
from omniagent.http.settings import HttpSettings
from omniagent.model.errors import Cancelled, OmniAgentError
from omniagent.runs.awaiting import in_thread
from omniagent.runs.status import status_of
from omniagent.tools.record.trace import AttemptMade, RunStarted

_LOG = logging.getLogger("omniagent.http")
_REMEMBERED = 1000
_FIRST_GUESS = 10.0
_LAST_WORDS = 20.0
"""Seconds that runs get to write their best picture after they were told to stop."""


class Desk:
    """All runs of one server that are not over. Lives in one event loop."""

    def __init__(self, engine: Engine, folders: RunFolders, settings: HttpSettings, metrics: Metrics) -> None:
        self._engine = engine
        self.folders = folders
        self._settings = settings
        self._metrics = metrics
        self._jobs: dict[tuple[str, str], Job] = {}
        self._failed: OrderedDict[tuple[str, str], ApiError] = OrderedDict()
        self._tasks: set[asyncio.Task[None]] = set()
        self._seconds = _FIRST_GUESS
        self.draining = False

    @property
    def active(self) -> int:
        """Runs at work."""
        return sum(job.state == "working" for job in self._jobs.values())

    @property
    def waiting(self) -> int:
        """Runs that wait for their turn."""
        return sum(job.state in ("accepted", "waiting") for job in self._jobs.values())

    def job(self, owner: str, run_id: str) -> Job | None:
        """A run of that owner that is not over."""
        return self._jobs.get((owner, run_id))

    def failure(self, owner: str, run_id: str) -> ApiError | None:
        """Why a run ended without a result, as far as this process remembers."""
        return self._failed.get((owner, run_id))

    def position(self, job: Job) -> int:
        """How many runs are before this one in the queue."""
        queue = [one for one in self._jobs.values() if one.state in ("accepted", "waiting")]
        return queue.index(job) if job in queue else 0

    async def submit(
        self, orders: Sequence[RunOrder], pictures: Sequence[Image.Image] = (), mask: Image.Image | None = None
    ) -> list[Job]:
        """Take all of these runs, or none; they are on disk when this returns.

        Raises:
            ApiError: 429 where there is no room, 503 while the server ends.
            StorageFull, OutputUnwritable: they cannot be written.
        """
        self._make_room(orders)
        jobs = [Job(order) for order in orders]
        for job in jobs:
            self._jobs[job.order.owner, job.order.run_id] = job
        try:
            await in_thread(lambda: [self.folders.write(order, pictures, mask) for order in orders])
        except BaseException:
            for job in jobs:
                self._forget(job)
            raise
        self._enqueue(jobs)
        return jobs

    async def resume(self, order: RunOrder) -> Job:
        """Take a run that lies on disk already.

        Raises:
            ApiError: as `submit`.
        """
        self._make_room([order])
        await in_thread(lambda: self.folders.begin(order))
        job = self._jobs[order.owner, order.run_id] = Job(order)
        self._enqueue([job])
        return job

    async def recover(self) -> int:
        """Take up the runs that an earlier process left; how many there were. They have room whatever the bound is."""
        orders = await in_thread(self.folders.unfinished)
        for order in orders:
            await in_thread(lambda one=order: self.folders.begin(one))
            job = self._jobs[order.owner, order.run_id] = Job(order)
            self._enqueue([job])
        return len(orders)

    async def cancel(self, job: Job) -> None:
        """Ask a run to stop with its best picture; one that waits is over at once. Asking again changes nothing."""
        if job.state == "working" and not job.stopping:
            job.stopping = True
            await self._engine.stop(job.order.run_id)
        elif job.state in ("accepted", "waiting"):
            await self._end(job, refusal_of(Cancelled("the run was cancelled before it began")))

    async def drain(self, seconds: float) -> None:
        """Take nothing more, see runs at work through for so long, then stop them with their best pictures.

        Runs that wait are refused where a client waits with them; the others are taken up by the next process.
        """
        self.draining = True
        for job in [one for one in self._jobs.values() if one.state in ("accepted", "waiting")]:
            await self._end(job, leaving(), keep=job.order.kind == "run")
        await self._all_over(seconds)
        for job in [one for one in self._jobs.values() if one.state == "working"]:
            if job.order.kind == "run":
                with suppress(OSError):
                    self.folders.interrupt(job.order)
            await self.cancel(job)
        await self._all_over(_LAST_WORDS)

    async def _all_over(self, seconds: float) -> None:
        if self._tasks:
            await asyncio.wait(self._tasks, timeout=seconds)

    def _make_room(self, orders: Sequence[RunOrder]) -> None:
        try:
            if self.draining:
                raise leaving()
            owner, settings = orders[0].owner, self._settings
            own = sum(one == owner for one, _ in self._jobs)
            if own + len(orders) > settings.runs_per_key:
                raise too_busy(
                    f"this key has {own} runs under way, and {len(orders)} more would be over its "
                    f"{settings.runs_per_key}; wait for one to end",
                    "too_many_runs",
                    self._wait(1),
                )
            if len(self._jobs) + len(orders) > settings.workers + settings.queue:
                raise too_busy(
                    f"{self.active} runs are at work and {self.waiting} wait, which is all there is room for",
                    "queue_full",
                    self._wait(self.waiting),
                )
        except ApiError as refusal:
            self._metrics.refused(refusal.detail.code or "")
            raise

    def _wait(self, runs: int) -> float:
        return self._seconds * max(1, runs) / self._settings.workers

    def _enqueue(self, jobs: Sequence[Job]) -> None:
        for job in jobs:
            # It may have been cancelled while its order was written.
            if job.state == "accepted":
                job.state = "waiting"
        self._pump()

    def _pump(self) -> None:
        """Begin as many runs as there are workers free: of the owner with the fewest at work, the oldest one."""
        waiting = [job for job in self._jobs.values() if job.state == "waiting"]
        while waiting and self.active < self._settings.workers and not self.draining:
            busy = Counter(owner for (owner, _), job in self._jobs.items() if job.state == "working")
            job = min(waiting, key=lambda one: busy[one.order.owner])
            waiting.remove(job)
            job.state = "working"
            task = asyncio.get_running_loop().create_task(self._work(job))
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)
        for job in self._jobs.values():
            job.wake()

    async def _work(self, job: Job) -> None:
        began, failure = time.monotonic(), None
        self._metrics.began(began - job.since)
        try:
            async with aclosing(self._engine.stream(job.order)) as events:
                async for event in events:
                    job.hear(event)
                    if isinstance(event, AttemptMade):
                        self._metrics.drew()
                    # A run that was asked to stop while it was being opened could not hear that yet.
                    if job.stopping and isinstance(event, RunStarted):
                        await self._engine.stop(job.order.run_id)
        except Exception as error:
            if not isinstance(error, OmniAgentError):
                _LOG.exception("the run %s failed", job.order.run_id)
            else:
                _LOG.warning("the run %s failed: %s: %s", job.order.run_id, type(error).__name__, error)
            failure = refusal_of(error)
        seconds = time.monotonic() - began
        self._seconds += 0.2 * (seconds - self._seconds)
        self._metrics.ended("failed" if failure or job.ended is None else status_of(job.ended), seconds)
        await self._end(job, failure)

    async def _end(self, job: Job, failure: ApiError | None, *, keep: bool = False) -> None:
        """Take a run off the desk; with `keep` its order stays open on disk."""
        key = (job.order.owner, job.order.run_id)
        if failure is not None:
            job.failure = self._failed[key] = failure
            while len(self._failed) > _REMEMBERED:
                self._failed.popitem(last=False)
        job.state = "over"
        self._forget(job)
        if failure is not None and not keep:
            with suppress(OmniAgentError):
                await in_thread(lambda: self.folders.fail(job.order, failure))
        job.wake()
        self._pump()

    def _forget(self, job: Job) -> None:
        self._jobs.pop((job.order.owner, job.order.run_id), None)
