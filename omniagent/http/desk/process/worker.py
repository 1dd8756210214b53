"""The process that loads models and carries runs out: `python -m omniagent.http.desk.process.worker`.

It is started by the server and ends with it: it reads what to do from a pipe that closes with the server, however that
ends. Signals that reach the whole group or unit (Ctrl-C, systemd) are the server's to answer.
"""

import asyncio
import os
import signal
import sys
from contextlib import aclosing, suppress
from pathlib import Path
from types import FrameType

from omniagent.http.desk.process.messages import LOADED, Ask, Make, said, unpacked

_LIMIT = 2**26
_SIGNALS = ("SIGINT", "SIGTERM", "SIGHUP")


class Worker:
    """Runs under way in this process, by their numbers."""

    def __init__(self, make: Make, out: int) -> None:
        from omniagent.http.desk.engine import LocalEngine

        self._agent = make()
        self._engine = LocalEngine(self._agent)
        self._out = out
        self._names: dict[int, str] = {}
        self._tasks: dict[int, asyncio.Task[None]] = {}

    async def work(self, asks: asyncio.StreamReader) -> None:
        """Load the models, then do what is asked until the server has closed its end.

        Raises:
            OmniAgentError: the models cannot be loaded.
        """
        loading = asyncio.create_task(self._engine.load())
        asking = asyncio.create_task(asks.readline())
        await asyncio.wait({loading, asking}, return_when=asyncio.FIRST_COMPLETED)
        if not loading.done():
            # Nothing is asked before the models are there: the server is gone.
            loading.cancel()
            asking.cancel()
            return
        loading.result()
        self._say(LOADED)
        while line := await asking:
            self._do(Ask.model_validate_json(line))
            asking = asyncio.create_task(asks.readline())
        for task in self._tasks.values():
            task.cancel()
        await asyncio.gather(*self._tasks.values(), return_exceptions=True)
        self._agent.close()

    def _do(self, ask: Ask) -> None:
        number = ask.number
        match ask.what:
            case "begin":
                self._tasks[number] = task = asyncio.create_task(self._run(ask))
                task.add_done_callback(lambda task: self._tasks.pop(number, None))
            case "stop" if number in self._names:
                self._agent.cancel(self._names[number])
            case "leave" if number in self._tasks:
                self._tasks[number].cancel()
            case _:
                pass  # It is over.

    async def _run(self, ask: Ask) -> None:
        from omniagent.http.desk.lines import error_line, line_of
        from omniagent.http.desk.order import RunOrder

        try:
            order = RunOrder.model_validate_json(ask.order).model_copy(update={"folder": Path(ask.folder)})
            self._names[ask.number] = order.run_id
            async with aclosing(self._engine.stream(order)) as events:
                async for event in events:
                    self._say(ask.number, line_of(event))
        except Exception as error:
            self._say(ask.number, error_line(error))
        finally:
            self._names.pop(ask.number, None)
            self._say(ask.number)

    def _say(self, number: int, line: str = "") -> None:
        # Where it fails the server is gone, which ends this process as soon as that is read.
        with suppress(OSError):
            _write(self._out, said(number, line))


async def _main(make: Make, out: int) -> None:
    from omniagent.http.desk.lines import error_line

    asks = asyncio.StreamReader(limit=_LIMIT)
    await asyncio.get_running_loop().connect_read_pipe(lambda: asyncio.StreamReaderProtocol(asks), sys.stdin.buffer)
    try:
        await Worker(make, out).work(asks)
    except Exception as error:
        with suppress(OSError):
            _write(out, said(LOADED, error_line(error)))


def _write(descriptor: int, data: bytes) -> None:
    while data:
        data = data[os.write(descriptor, data) :]


def _first_line(descriptor: int) -> bytes:
    """Read byte by byte, so that what follows is left to the next reader."""
    line = b""
    while not line.endswith(b"\n") and (byte := os.read(descriptor, 1)):
        line += byte
    return line


def _leave_alone(number: int, frame: FrameType | None) -> None:
    return None


def main() -> None:
    """Work for the server that started this process."""
    for name in _SIGNALS:
        if (number := getattr(signal, name, None)) is not None:
            # A handler, since what is ignored would be handed down to processes that are started here.
            signal.signal(number, _leave_alone)
    out = os.dup(1)
    # What a library prints must not come between the lines.
    os.dup2(2, 1)
    asyncio.run(_main(unpacked(_first_line(0)), out))


if __name__ == "__main__":
    main()
