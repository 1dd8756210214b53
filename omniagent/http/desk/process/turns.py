"""Who may work beside others and who must work alone, as readers and writers of a lock."""

import asyncio
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager


class Turns:
    """Work goes on side by side until something has to go alone: that waits for all others, and others for it.

    Lives in one event loop. What goes alone is let in before what does not.
    """

    def __init__(self) -> None:
        self._beside = 0
        self._wanting = 0
        self._alone = False
        self._news = asyncio.Event()

    @asynccontextmanager
    async def beside(self) -> AsyncGenerator[None]:
        """Work at the same time as others."""
        while self._alone or self._wanting:
            await self._news.wait()
        self._beside += 1
        try:
            yield
        finally:
            self._beside -= 1
            self._wake()

    @asynccontextmanager
    async def alone(self) -> AsyncGenerator[None]:
        """Work while no other run does."""
        self._wanting += 1
        try:
            while self._alone or self._beside:
                await self._news.wait()
            self._alone = True
        finally:
            self._wanting -= 1
            self._wake()
        try:
            yield
        finally:
            self._alone = False
            self._wake()

    def _wake(self) -> None:
        news, self._news = self._news, asyncio.Event()
        news.set()
