"""Runs of an asyncio host that outlive the call that began them: followed, waited for, asked for later, and stopped."""

import asyncio
import traceback
from collections.abc import AsyncGenerator
from contextlib import aclosing, suppress
from pathlib import Path
from typing import Final

from omniagent.agent import Agent
from omniagent.integrations.hosting import Request
from omniagent.integrations.progress import RunProgress, Told
from omniagent.model.errors import BadSetting, Cancelled, QueueFull
from omniagent.runs.awaiting import in_thread
from omniagent.runs.options import Loading
from omniagent.runs.request import check_thread_id, new_run_id
from omniagent.runs.result import Result
from omniagent.tools.record.trace import AttemptMade, RunEnded

MOST: Final = 32
"""Runs at work at once; their pictures wait in the models' queue."""
KEPT: Final = 64
"""Ended runs that are remembered here; those before are read from their folders."""


class Job:
    """One run of a host. Lives in the event loop that began it."""

    def __init__(self, agent: Agent, run_id: str, request: Request) -> None:
        self.run_id, self.seed = run_id, request["seed"]
        self.told: Told | None = None
        self.attempts = 0
        self._agent = agent
        self._changed = asyncio.Event()
        self._count = 0
        self._ended = False
        # Only the work itself holds the request: an ended job is remembered, and its pictures are not.
        self._task = asyncio.create_task(self._work(request), name=f"omniagent-{run_id}")
        self._task.add_done_callback(_let_go)

    @property
    def over(self) -> bool:
        """Whether it has ended, one way or another."""
        return self._task.done()

    async def follow(self, seconds: float) -> AsyncGenerator[Told]:
        """What the run does, the newest each time, until it ends or so many seconds have passed."""
        clock = asyncio.get_running_loop().time
        end, seen = clock() + seconds, 0
        while True:
            if self.told is not None and self._count > seen:
                seen = self._count
                yield self.told
            elif self._task.done() or clock() >= end:
                return
            else:
                changed = asyncio.create_task(self._changed.wait())
                try:
                    await asyncio.wait({changed, self._task}, timeout=end - clock(), return_when="FIRST_COMPLETED")
                finally:
                    changed.cancel()

    async def result(self) -> Result:
        """The result, once it is over. Raises: what ended it in place of one."""
        try:
            return await asyncio.shield(self._task)
        except asyncio.CancelledError:
            if self._task.cancelled():
                raise Cancelled(f"the run {self.run_id} was stopped before it had begun") from None
            raise

    def cancel(self) -> None:
        """Ask the run to stop with its best picture; one whose models still load ends without a picture.

        A run that has told its end is left as it is.
        """
        if not self._ended and not self._agent.cancel(self.run_id):
            self._task.cancel()

    async def _work(self, request: Request) -> Result:
        progress = RunProgress(request["budget"].max_rounds)
        folder = ""
        named: Request = {**request, "thread_id": self.run_id}
        loop = asyncio.get_running_loop()

        def load(run: Loading) -> None:
            # In the thread that loads; a loop that is closed wants nothing any more.
            with suppress(RuntimeError):
                loop.call_soon_threadsafe(self._tell, progress.loading(run.part))

        async with aclosing(self._agent.astream(**named, on_loading=load)) as events:
            async for event in events:
                self.attempts += isinstance(event, AttemptMade) and not event.attempt.restored
                if isinstance(event, RunEnded):
                    folder, self._ended = event.folder, True
                if (told := progress.hear(event)) is not None:
                    self._tell(told)
        return await in_thread(lambda: Result.load(folder))

    def _tell(self, told: Told) -> None:
        self.told = told
        self._count += 1
        changed, self._changed = self._changed, asyncio.Event()
        changed.set()


def _let_go(task: asyncio.Task[Result]) -> None:
    """Drop what the error of a task holds by its frames, for it is kept as long as the job; only its words are told."""
    error = None if task.cancelled() else task.exception()
    while error is not None:
        traceback.clear_frames(error.__traceback__)
        error = error.__cause__ or error.__context__


class Jobs:
    """The runs of one host, by their ids. For one event loop."""

    def __init__(self, agent: Agent) -> None:
        self._agent = agent
        self._jobs: dict[str, Job] = {}

    def start(self, request: Request) -> Job:
        """Begin a run.

        Raises:
            BadSetting: its thread id is none, or a run of that name is at work.
            QueueFull: too many are at work.
        """
        thread = request["thread_id"]
        run_id = new_run_id() if thread is None else check_thread_id(thread)
        known = self._jobs.get(run_id)
        if known is not None and not known.over:
            raise BadSetting(f"the run {run_id} is at work already; wait for it with get_run")
        self._forget()
        if (busy := sum(not job.over for job in self._jobs.values())) >= MOST:
            raise QueueFull(f"{busy} runs are at work; wait for one of them with get_run, then ask again")
        self._jobs.pop(run_id, None)
        self._jobs[run_id] = Job(self._agent, run_id, request)
        return self._jobs[run_id]

    def get(self, run_id: str) -> Job | None:
        """A run that was begun here; None for others."""
        return self._jobs.get(run_id)

    def _forget(self) -> None:
        ended = [run_id for run_id, job in self._jobs.items() if job.over]
        for run_id in ended[: max(0, len(ended) - KEPT)]:
            del self._jobs[run_id]


def stored_run(runs_dir: Path, run_id: str) -> Result | None:
    """A run that ended earlier, from its folder; None when it is there without a result.

    Raises:
        BadSetting: there is no such run.
    """
    place = runs_dir / check_thread_id(run_id)
    try:
        return Result.load(place)
    except BadSetting:
        from omniagent.runs.listing import summary_of

        if summary_of(place) is None:
            raise BadSetting(f"there is no run {run_id}; list_runs tells which there are") from None
        return None
