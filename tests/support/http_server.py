"""A real server on a free port of this machine, in a thread of the test, and clients for it."""

import asyncio
import threading
from collections.abc import Generator
from contextlib import contextmanager
from dataclasses import dataclass, field
from types import TracebackType
from typing import Any, Self

import httpx2
import uvicorn
from openai import OpenAI

from omniagent.agent import Agent
from omniagent.http.api.service import Service
from omniagent.http.app import build_app
from omniagent.http.desk.engine import Engine
from omniagent.http.server import Server, listen
from omniagent.http.settings import HttpSettings

ALICE, BOB = "alice-has-this-key-0001", "bob-has-another-key-0002"
KEYS = f"alice:{ALICE},bob:{BOB}"


@dataclass
class Served:
    """A server at work."""

    url: str
    service: Service
    server: Server
    _clients: list[Any] = field(default_factory=list[Any])

    def openai(self, key: str = ALICE, retries: int = 0) -> OpenAI:
        """The official client."""
        client = OpenAI(base_url=f"{self.url}/v1", api_key=key, max_retries=retries, timeout=280)
        self._clients.append(client)
        return client

    def http(self, key: str | None = ALICE) -> httpx2.Client:
        """A plain client."""
        headers = {} if key is None else {"Authorization": f"Bearer {key}"}
        client = httpx2.Client(base_url=self.url, headers=headers, timeout=280, trust_env=False)
        self._clients.append(client)
        return client

    def close(self) -> None:
        """Close the clients."""
        for client in self._clients:
            client.close()


class _InThread:
    """Runs a server's event loop in a thread, and brings back what it raises."""

    def __init__(self, server: Server, socket: Any) -> None:
        self._server = server
        self.error: BaseException | None = None
        self.started = threading.Event()
        self._thread = threading.Thread(target=self._run, args=(socket,), daemon=True)

    def _run(self, socket: Any) -> None:
        async def serve() -> None:
            serving = asyncio.ensure_future(self._server.serve(sockets=[socket]))
            while not self._server.started and not serving.done():
                await asyncio.sleep(0.005)
            self.started.set()
            await serving

        try:
            asyncio.run(serve())
        except BaseException as error:
            self.error = error
        finally:
            self.started.set()

    def __enter__(self) -> Self:
        self._thread.start()
        assert self.started.wait(60) and self.error is None, self.error
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._server.should_exit = True
        self._thread.join(60)
        assert not self._thread.is_alive() and self.error is None, self.error


@contextmanager
def serving(agent: Agent, *, engine: Engine | None = None, **settings: Any) -> Generator[Served]:
    """A server over an agent; with the keys of Alice and Bob unless others are given."""
    given = HttpSettings.read(**{"keys": KEYS, "drain_seconds": 5.0, "workers": 2, **settings})
    app = build_app(agent, given, engine)
    socket = listen("127.0.0.1", 0)
    port = socket.getsockname()[1]
    server = Server(uvicorn.Config(app, log_level="warning", timeout_graceful_shutdown=30), app.state.service)
    with _InThread(server, socket):
        served = Served(f"http://127.0.0.1:{port}", app.state.service, server)
        try:
            yield served
        finally:
            served.close()
