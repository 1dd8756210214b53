"""Runs carried out by several processes under Ray Serve, each with models of its own: one for each GPU.

The HTTP server stays one process with one queue, one set of limits and one list of runs. It hands each run to the
replica with the least to do, and the run's events come back as they happen. Orders and pictures lie in the folder of
the runs, so on a cluster that must be a folder which all machines share. A run whose replica dies is given to another
one, which goes on from the run's checkpoint.
"""

import asyncio
import importlib
import logging
from collections.abc import AsyncGenerator, Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import aclosing, suppress
from pathlib import Path
from typing import Any, Final

from omniagent.agent import Agent
from omniagent.http.desk.engine import LocalEngine
from omniagent.http.desk.lines import error_line, event_in, line_of
from omniagent.http.desk.order import RunOrder
from omniagent.model.errors import BadSetting, HardFailure, OmniAgentError, WorkerLost
from omniagent.runs.awaiting import in_thread
from omniagent.tools.record.trace import Event

STOP_FILE: Final = "stop"
"""A file in a run's folder: the process that works on the run ends it with its best picture, on any machine."""

_BEAT = 0.25
_TRIES = 2
_LOG = logging.getLogger("omniagent.http")


class Replica:
    """One process that draws. Ray makes it and calls it; it loads its models first."""

    def __init__(self, make: Callable[[], Agent]) -> None:
        agent = make()
        _ = agent.runtime
        self._engine = LocalEngine(agent)

    async def stream(self, order: str, folder: str) -> AsyncGenerator[str]:
        """The events of a run as JSON lines; an error of ours is the last line: `{"error": …, "message": …}`."""
        run = RunOrder.model_validate_json(order).model_copy(update={"folder": Path(folder)})
        watching = asyncio.create_task(self._watch(run))
        try:
            async with aclosing(self._engine.stream(run)) as events:
                async for event in events:
                    yield line_of(event)
        except OmniAgentError as error:
            yield error_line(error)
        finally:
            watching.cancel()

    async def _watch(self, run: RunOrder) -> None:
        while True:
            await asyncio.sleep(_BEAT)
            if (run.folder / STOP_FILE).exists():
                await self._engine.stop(run.run_id)


class RayEngine:
    """An `Engine` over replicas.

    Args:
        make: Makes the agent of each replica, there.
        runs: The folder of the runs, shared by all machines.
        replicas: How many processes draw.
        gpus: Of each of them; 0 draws on CPUs.
        at_once: Runs of one replica at a time.
        address: A Ray cluster to join; None starts one on this machine.
    """

    def __init__(
        self,
        make: Callable[[], Agent],
        runs: Path,
        *,
        replicas: int,
        gpus: float,
        at_once: int,
        address: str | None = None,
    ) -> None:
        self._make = make
        self._runs = runs
        self._replicas = replicas
        self._gpus = gpus
        self._at_once = at_once
        self._address = address
        self._loaded = asyncio.Event()
        # Ray's processes end with the thread that started them (PR_SET_PDEATHSIG), so that one lives as long as this.
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="omniagent-ray")
        self._starting: asyncio.Future[Any] | None = None
        self._handle: Any = None
        self._failure: OmniAgentError | None = None

    @property
    def ready(self) -> bool:
        """See `Engine`."""
        return self._handle is not None

    async def load(self) -> None:
        """See `Engine`: starts the replicas and waits until all have loaded their models."""
        try:
            self._starting = asyncio.get_running_loop().run_in_executor(self._thread, self._start)
            self._handle = await asyncio.shield(self._starting)
        except OmniAgentError as error:
            self._failure = error
            raise
        except Exception as error:
            self._failure = HardFailure(f"the replicas did not start: {type(error).__name__}: {error}")
            raise self._failure from error
        finally:
            self._loaded.set()

    async def stream(self, order: RunOrder) -> AsyncGenerator[Event]:
        """See `Engine`."""
        await self._loaded.wait()
        if self._failure is not None:
            raise self._failure
        if self._handle is None:
            raise HardFailure("the server ends before its replicas have started; run the task again")
        for left in reversed(range(_TRIES)):
            try:
                async for event in self._once(order):
                    yield event
                return
            except _actor_errors() as error:
                _LOG.warning("the replica of the run %s is gone: %s", order.run_id, type(error).__name__)
                if not left:
                    raise WorkerLost(f"the processes that worked on the run {order.run_id} are gone") from error

    async def stop(self, run_id: str) -> None:
        """See `Engine`."""
        folders = await in_thread(lambda: list(self._runs.glob(f"*/{run_id}")))
        for folder in folders:
            with suppress(OSError):
                (folder / STOP_FILE).touch()

    async def close(self) -> None:
        """See `Engine`: ends the replicas, and a cluster that was started here."""
        if self._starting is not None:
            # Nothing breaks a start off, and what it started must end too.
            with suppress(Exception):
                await self._starting
            await asyncio.get_running_loop().run_in_executor(self._thread, self._end)
        self._thread.shutdown(wait=False)

    async def _once(self, order: RunOrder) -> AsyncGenerator[Event]:
        (order.folder / STOP_FILE).unlink(missing_ok=True)
        lines = self._handle.options(stream=True).stream.remote(order.model_dump_json(), str(order.folder))
        try:
            async for line in lines:
                yield event_in(line)
        finally:
            lines.cancel()

    def _start(self) -> Any:
        ray, serve = _ray()
        if not ray.is_initialized():
            ray.init(address=self._address, include_dashboard=False, log_to_driver=False, namespace="omniagent")
        deployment = serve.deployment(
            name="Replica",
            num_replicas=self._replicas,
            max_ongoing_requests=self._at_once,
            ray_actor_options={"num_cpus": 1, "num_gpus": self._gpus},
            graceful_shutdown_timeout_s=5,
        )(Replica)
        serve.start(proxy_location="Disabled")
        return serve.run(deployment.bind(self._make), name="omniagent", route_prefix=None, logging_config=None)

    def _end(self) -> None:
        ray, serve = _ray()
        serve.shutdown()
        ray.shutdown()


def _ray() -> tuple[Any, Any]:
    try:
        return importlib.import_module("ray"), importlib.import_module("ray.serve")
    except ImportError as error:
        raise BadSetting(f"replicas need Ray Serve ({error}); run pip install 'omniagent[ray]'") from error


def _actor_errors() -> type[Exception]:
    return importlib.import_module("ray.exceptions").RayActorError
