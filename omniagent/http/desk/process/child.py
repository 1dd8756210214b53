"""One worker process as the server sees it: started, spoken to, and noticed when it is gone."""

import asyncio
import logging
import signal
import sys
from collections.abc import AsyncGenerator, Callable
from contextlib import suppress
from typing import Final, Self

from omniagent.http.desk.lines import event_in
from omniagent.http.desk.order import RunOrder
from omniagent.http.desk.process.messages import LOADED, Ask, heard
from omniagent.model import lifetime
from omniagent.model.errors import HardFailure, OmniAgentError
from omniagent.tools.record.trace import Event

_LOG: Final = logging.getLogger("omniagent.http")
_MODULE: Final = "omniagent.http.desk.process.worker"
_LIMIT: Final = 2**26
_PATIENCE: Final = lifetime.GRACE + 5.0


class WorkerGone(Exception):
    """The process ended in the middle of something; `how` says by what."""

    def __init__(self, how: str) -> None:
        super().__init__(how)
        self.how = how


class Child:
    """A worker process. Lives in one event loop; `start` makes it.

    Attributes:
        gone: Whether the process has ended.
    """

    def __init__(self, process: asyncio.subprocess.Process, on_gone: Callable[[], None]) -> None:
        self._process = process
        self._on_gone = on_gone
        self._runs: dict[int, asyncio.Queue[str | None]] = {}
        self._last = LOADED
        self._loaded: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._reading = asyncio.create_task(self._read())
        self.gone = False

    @classmethod
    async def start(cls, make: bytes, on_gone: Callable[[], None]) -> Self:
        """A worker that has loaded its models.

        Args:
            make: Makes its agent, as `messages.packed` sends it.
            on_gone: Called when a worker that had loaded its models ends.

        Raises:
            OmniAgentError: the models cannot be loaded, or the process ended meanwhile.
        """
        try:
            process = await asyncio.create_subprocess_exec(
                *(sys.executable, "-m", _MODULE),
                stdin=asyncio.subprocess.PIPE,
                stdout=asyncio.subprocess.PIPE,
                limit=_LIMIT,
                # Ctrl-C in a terminal is for the server alone, which stops runs in good order.
                start_new_session=True,
            )
        except OSError as error:
            raise HardFailure(f"the process that draws cannot be started: {error}") from error
        made = cls(process, on_gone)
        try:
            made._write(make)
            await made._loaded
        except BaseException as error:
            await made._kill()
            if isinstance(error, WorkerGone):
                raise HardFailure(f"the process that draws ended while it loaded the models: {error.how}") from error
            raise
        return made

    @property
    def pid(self) -> int:
        """Its process id."""
        return self._process.pid

    async def run(self, order: RunOrder, begun: Callable[[int], None]) -> AsyncGenerator[Event]:
        """The events of a run; closing it early cancels the run.

        Args:
            order: The run.
            begun: Is told the number that `stop` takes.

        Raises:
            OmniAgentError: what ended the run in place of a result.
            WorkerGone: the process ended before the run did.
        """
        self._last += 1
        number = self._last
        lines = self._runs[number] = asyncio.Queue[str | None]()
        if self.gone:
            lines.put_nowait(None)
        self._write(Ask(what="begin", number=number, order=order.model_dump_json(), folder=str(order.folder)).line)
        begun(number)
        try:
            while (line := await lines.get()) != "":
                if line is None:
                    raise WorkerGone(await self._how())
                yield event_in(line)
        finally:
            del self._runs[number]
            self._write(Ask(what="leave", number=number).line)

    def stop(self, number: int) -> None:
        """Ask a run to end with its best picture."""
        self._write(Ask(what="stop", number=number).line)

    async def close(self) -> None:
        """End the process; runs in it are cancelled and leave their results."""
        self._on_gone = _nothing
        if self._process.stdin is not None:
            self._process.stdin.close()
        try:
            await asyncio.wait_for(asyncio.shield(self._process.wait()), _PATIENCE)
        except TimeoutError:
            pass
        finally:
            await self._kill()

    async def _kill(self) -> None:
        self._on_gone = _nothing
        with suppress(ProcessLookupError):
            self._process.kill()
        await self._process.wait()
        await self._reading

    async def _read(self) -> None:
        out = self._process.stdout
        assert out is not None
        try:
            # What a process that was killed leaves of a line is none.
            while (data := await out.readline()).endswith(b"\n"):
                self._take(*heard(data))
        except ValueError as error:
            _LOG.error("the process that draws is ended, as it wrote what cannot be read: %s", error)
            with suppress(ProcessLookupError):
                self._process.kill()
        finally:
            self.gone = True
            loaded = self._loaded.done()
            how = await self._how()
            if not self._loaded.done():
                self._loaded.set_exception(WorkerGone(how))
            for lines in self._runs.values():
                lines.put_nowait(None)
            if loaded:
                self._on_gone()

    def _take(self, number: int, line: str) -> None:
        if number != LOADED:
            if (lines := self._runs.get(number)) is not None:
                lines.put_nowait(line)
        elif self._loaded.done():
            # Its start was given up meanwhile.
            return
        elif not line:
            self._loaded.set_result(None)
        else:
            self._fail(line)

    def _fail(self, line: str) -> None:
        try:
            event_in(line)
        except OmniAgentError as error:
            self._loaded.set_exception(error)

    async def _how(self) -> str:
        code = await self._process.wait()
        if code >= 0:
            return f"it ended with code {code}; its last words are in the server's log"
        with suppress(ValueError):
            name = signal.Signals(-code).name
            why = ", as when the machine runs out of memory" if name == "SIGKILL" else ""
            return f"it was ended by {name}{why}"
        return f"it was ended by signal {-code}"

    def _write(self, data: bytes) -> None:
        if not self.gone and self._process.stdin is not None and not self._process.stdin.is_closing():
            self._process.stdin.write(data)


def _nothing() -> None:
    return None
