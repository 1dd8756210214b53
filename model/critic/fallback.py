"""When a critic fails: stop asking it for a while, and let another answer in its place."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from typing import TypeVar

from pydantic import BaseModel

from omniagent.model import lifetime
from omniagent.model.errors import BadTask, CriticBadOutput, CriticTimeout, CriticUnavailable, RetryableError
from omniagent.model.http.refusals import Refused
from omniagent.model.requests import CancelToken, Completion, Critic, Prompt, Reply, StandIn, YesNo

R = TypeVar("R", bound=Reply)


class CircuitBreaker:
    """Counts faults in a row; after `threshold` of them it opens, and lets one caller try again after a while.

    The circuit breaker of M. Nygard, Release It! (2007). A fault of weight `threshold` opens it at once. Thread-safe.

    Args:
        threshold: Faults in a row that open it.
        cool: Seconds until the first new try; doubles with each that fails.
        longest: Most seconds between tries.
        clock: Seconds that only grow, for tests.
    """

    def __init__(
        self,
        threshold: int = 3,
        cool: float = 10.0,
        longest: float = 120.0,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._threshold = threshold
        self._cool = cool
        self._longest = longest
        self._clock = clock
        self._faults = 0
        self._openings = 0
        self._until: float | None = None
        self._lock = lifetime.Lock()

    @property
    def wait(self) -> float:
        """Seconds until somebody may try again; 0 while the circuit is closed."""
        with self._lock:
            return 0.0 if self._until is None else max(0.0, self._until - self._clock())

    def admits(self) -> bool:
        """Whether this caller may try. While open, one caller is admitted each time the wait is over."""
        with self._lock:
            if self._until is None:
                return True
            now = self._clock()
            if now < self._until:
                return False
            # Others wait until this caller has told how it went, or as long again if it never does.
            self._until = now + self._pause()
            return True

    def succeeded(self) -> None:
        """Close the circuit."""
        with self._lock:
            self._faults = self._openings = 0
            self._until = None

    def failed(self, weight: int = 1) -> None:
        """Count a fault."""
        with self._lock:
            self._faults += weight
            if self._faults >= self._threshold:
                self._openings += 1
                self._until = self._clock() + self._pause()

    def _pause(self) -> float:
        return min(self._longest, self._cool * 2 ** max(0, self._openings - 1))


class GuardedByBreaker:
    """A `Critic` that is not asked while it is known to be down, and whose place another takes then.

    A call that fails with `CriticUnavailable` or `CriticTimeout` is answered by the stand-in, where there is one; the
    reply says so. A time-out opens the circuit at once, for the next would cost as long again. `CriticBadOutput` is no
    sign of a server that is down and counts for nothing; a stand-in answers once two tries could not be read. Nor is
    a request that this server refuses in every form: a stand-in may take it.

    Args:
        first: The critic to ask.
        stand_in: Who answers when it cannot; None lets the fault through.
        breaker: The circuit.

    Attributes:
        first: The critic as given.
        stand_in: The other one as given.
    """

    def __init__(self, first: Critic, stand_in: Critic | None = None, breaker: CircuitBreaker | None = None) -> None:
        self.first = first
        self.stand_in = stand_in
        self._breaker = breaker if breaker is not None else CircuitBreaker()

    @property
    def backend(self) -> str:
        return self.first.backend

    @property
    def model(self) -> str:
        return self.first.model

    def yes_no(self, prompt: Prompt, questions: Sequence[str], *, token: CancelToken | None = None) -> YesNo:
        """As the first critic, or its stand-in.

        Raises: as the one that answers; CriticUnavailable at once while the circuit is open and nobody stands in.
        """
        return self._ask(lambda critic: critic.yes_no(prompt, questions, token=token))

    def write(
        self,
        prompt: Prompt,
        *,
        schema: type[BaseModel] | None = None,
        max_tokens: int = 256,
        token: CancelToken | None = None,
    ) -> Completion:
        """As the first critic, or its stand-in.

        Raises: as `yes_no`.
        """
        return self._ask(lambda critic: critic.write(prompt, schema=schema, max_tokens=max_tokens, token=token))

    def _ask(self, call: Callable[[Critic], R]) -> R:
        if not self._breaker.admits():
            fault = CriticUnavailable(
                f"the critic {self.model} failed too often and is left alone for {self._breaker.wait:.0f} s; "
                "see to its server, then go on with the run"
            )
            return self._stand_in(call, fault)
        try:
            reply = self._read(call)
        except CriticTimeout as fault:
            self._breaker.failed(weight=1_000_000)
            return self._stand_in(call, fault)
        except CriticUnavailable as fault:
            self._breaker.failed()
            return self._stand_in(call, fault)
        except CriticBadOutput as fault:
            return self._stand_in(call, fault)
        except BadTask as fault:
            if not isinstance(fault.__cause__, Refused):
                raise
            return self._stand_in(call, fault)
        self._breaker.succeeded()
        return reply

    def _read(self, call: Callable[[Critic], R]) -> R:
        """The first critic's reply; asked for twice where somebody else could answer after that."""
        try:
            return call(self.first)
        except CriticBadOutput:
            if self.stand_in is None:
                raise
        return call(self.first)

    def _stand_in(self, call: Callable[[Critic], R], fault: BadTask | RetryableError) -> R:
        other = self.stand_in
        if other is None:
            raise fault
        reply = call(other)
        who = StandIn(backend=other.backend, model=other.model, reason=f"{type(fault).__name__}: {fault}")
        return reply.model_copy(update={"stand_in": who})
