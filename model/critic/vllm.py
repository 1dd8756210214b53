"""The critic on a vLLM of this machine: its own child, or the machine's service."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Coroutine
from typing import Any, Protocol, TypeVar

from omniagent.model import lifetime
from omniagent.model.critic.openai.critic import OpenAICritic
from omniagent.model.errors import CriticTimeout, CriticUnavailable
from omniagent.model.requests import CancelToken

T = TypeVar("T")


class Kept(Protocol):
    """A server that a keeper restarts."""

    @property
    def generation(self) -> int: ...

    def wait_ready(self, token: CancelToken | None = None, limit: float | None = None) -> None: ...

    def suspect(self) -> None: ...

    def close(self) -> None: ...


class VllmCritic(OpenAICritic):
    """An `OpenAICritic` that knows its server: it waits for it while it starts again, and lets it sleep.

    Args:
        base_url: The server's base URL on this machine.
        model: What the model is called there.
        api_key: Its key.
        keeper: Who keeps it up; closed with the critic. None when another process does.
        sleeps: Whether it gives its memory up while the generator draws (vLLM's sleep mode, level 1: weights to main
            memory, keys and values dropped).
        drawing: How a generator on the same card must be held, a mode of its memory; None: as it likes.
        patience: Seconds that a call waits for a server that is starting again; 0 when another critic stands in.
        options: As of `OpenAICritic`.
    """

    def __init__(
        self,
        base_url: str,
        model: str | None,
        api_key: str | None,
        *,
        keeper: Kept | None = None,
        sleeps: bool = False,
        drawing: str | None = None,
        patience: float = 120.0,
        **options: Any,
    ) -> None:
        super().__init__(base_url, model, api_key, **options)
        self._keeper = keeper
        self._generation = 0 if keeper is None else keeper.generation
        self._sleeps = sleeps
        self.drawing = drawing
        self._patience = patience
        # A service may have been left asleep by who used it last.
        self._asleep = sleeps and keeper is None
        self._bed = lifetime.Lock()

    @property
    def backend(self) -> str:
        return "vllm"

    @property
    def rests(self) -> bool:
        """Whether it gives its memory up while the generator draws; then only one program may use it."""
        return self._sleeps

    def rest(self) -> None:
        """Let the server sleep, if it can. One that does not answer has nothing to give up, or will be found out."""
        if not self._sleeps:
            return
        with self._bed:
            if not self._asleep:
                with contextlib.suppress(CriticUnavailable, CriticTimeout):
                    self._call_now(lambda: self._client.post("/sleep?level=1", {}), None)
                    # What the server knew of pictures went with its memory.
                    self._pictures.forget()
                    self._asleep = True

    def await_start(self, token: CancelToken | None = None) -> None:
        """Return when the server answers for the first time, however long its keeper lets it take.

        Raises:
            CriticUnavailable: it does not start.
            Cancelled: the token was cancelled or expired.
        """
        if self._keeper is not None:
            self._keeper.wait_ready(token)

    def close(self) -> None:
        """Close the connections, and stop the server if it is this critic's own."""
        super().close()
        if self._keeper is not None:
            self._keeper.close()

    def _call(self, work: Callable[[], Coroutine[Any, Any, T]], token: CancelToken | None) -> T:
        self._await_server(token)
        self._wake(token)
        try:
            return super()._call(work, token)
        except CriticUnavailable:
            if self._keeper is None:
                raise
            # It may have died in the middle: its keeper looks, starts it again, and the question is put once more.
            self._keeper.suspect()
            self._await_server(token)
            self._wake(token)
            return super()._call(work, token)

    def _call_now(self, work: Callable[[], Coroutine[Any, Any, T]], token: CancelToken | None) -> T:
        return super()._call(work, token)

    def _await_server(self, token: CancelToken | None) -> None:
        if self._keeper is None:
            return
        self._keeper.wait_ready(token, self._patience)
        if self._keeper.generation != self._generation:
            self._generation = self._keeper.generation
            self._asleep = False
            self.forget_server()

    def _wake(self, token: CancelToken | None) -> None:
        with self._bed:
            if self._asleep:
                self._call_now(lambda: self._client.post("/wake_up", {}), token)
                self._asleep = False
