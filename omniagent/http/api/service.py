"""What the endpoints share: the server's parts, and how a request becomes orders."""

import asyncio
import secrets
import time
from collections.abc import Awaitable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import Annotated, TypeVar, cast

from fastapi import Depends, Request

from omniagent.http.desk.desk import Desk
from omniagent.http.desk.engine import Engine
from omniagent.http.desk.folders import RunFolders
from omniagent.http.desk.job import Job
from omniagent.http.guard.errors import ApiError
from omniagent.http.metrics import Metrics
from omniagent.http.pictures.links import Signer
from omniagent.http.settings import HttpSettings
from omniagent.model.errors import OmniAgentError
from omniagent.model.limits import MAX_SEED
from omniagent.runs.options import budget_with
from omniagent.tools.types import Budget, Mode

T = TypeVar("T")


@dataclass(slots=True)
class Service:
    """The parts of one server.

    Attributes:
        domain: What the generator draws, when that is not everything.
        broken: Why the models could not be loaded at first.
    """

    settings: HttpSettings
    budget: Budget
    engine: Engine
    folders: RunFolders
    desk: Desk
    metrics: Metrics
    signer: Signer
    models: tuple[str, ...]
    domain: str | None = None
    broken: str | None = None
    began: int = 0

    @property
    def ready(self) -> bool:
        """Whether a run would begin at once if there is room."""
        return self.engine.ready and not self.desk.draining

    async def load(self) -> None:
        """Load the models; what goes wrong is told by `broken`, and by every run."""
        self.began = int(time.time())
        try:
            await self.engine.load()
        except OmniAgentError as error:
            self.broken = f"{type(error).__name__}: {error}"

    def check_model(self, name: str | None) -> None:
        """Whether a client asks for the model that is here.

        Raises:
            ApiError: 404; it asks for another one.
        """
        if name and name not in self.models:
            raise ApiError(
                404,
                f"the model {name[:160]!r} does not exist here; there is {', '.join(self.models)}",
                code="model_not_found",
                param="model",
            )

    def mode_for(self, pictures: int) -> Mode | None:
        """What the images API asks for; None leaves it to the agent, which may refuse what its model cannot draw."""
        if self.domain is not None or pictures > 1:
            return None
        return "edit" if pictures else "generate"

    def budget_for(self, max_rounds: int | None, time_limit: float | None, quality: str | None = None) -> Budget:
        """The server's budget, or less where a client wants less.

        Raises:
            ApiError: 400; it wants more.
        """
        own = self.budget
        for name, asked, most in (
            ("max_rounds", max_rounds, own.max_rounds),
            ("time_limit", time_limit, own.time_limit),
        ):
            if asked is not None and asked > most:
                raise ApiError(
                    400,
                    f"{name}={asked} is not allowed: this server gives a run at most {most:g}",
                    code="invalid_value",
                    param=name,
                )
        rounds = {"low": 1, "medium": 2}.get(quality or "")
        if max_rounds is None and rounds is not None:
            max_rounds = min(rounds, own.max_rounds)
        return budget_with(own, max_rounds=max_rounds, time_limit=time_limit)


def service_of(request: Request) -> Service:
    """The server that this request came to."""
    return cast(Service, request.app.state.service)


def owner_of(request: Request) -> str:
    """Whose key the request carries; the gate has looked."""
    return cast(str, request.state.owner)


Here = Annotated[Service, Depends(service_of)]
Owner = Annotated[str, Depends(owner_of)]


def seeds_of(seed: int | None, many: int) -> list[int]:
    """The seeds of so many pictures: one after another from the given one, or from a random one."""
    first = secrets.randbelow(2**31) if seed is None else seed
    return [(first + index) % (MAX_SEED + 1) for index in range(many)]


async def while_connected(request: Request, work: Awaitable[T], jobs: Sequence[Job], desk: Desk) -> T:
    """What the work gives; when the client goes away first, its runs are cancelled.

    Raises:
        ApiError: the client is gone, so the error is not read.
    """
    working = asyncio.ensure_future(work)
    leaving = asyncio.create_task(_gone(request))
    try:
        await asyncio.wait({working, leaving}, return_when=asyncio.FIRST_COMPLETED)
        if working.done():
            return await working
        raise ApiError(499, "the client is gone", code="client_gone")
    finally:
        leaving.cancel()
        if not working.done():
            working.cancel()
            with suppress(asyncio.CancelledError):
                await working
            for job in jobs:
                await desk.cancel(job)


async def _gone(request: Request) -> None:
    while (await request.receive())["type"] != "http.disconnect":
        pass
