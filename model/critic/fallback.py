"""When a critic fails: stop asking it for a while, and let another answer in its place."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Protocol, TypeVar, runtime_checkable

from omniagent.model import lifetime
from omniagent.model.critic.choices import choose
from omniagent.model.errors import BadTask, CriticBadOutput, CriticTimeout, CriticUnavailable, RetryableError
from omniagent.model.http.refusals import Refused
from omniagent.model.profile import CriticProfile
from omniagent.model.requests import (
    CancelToken,
    Chosen,
    Completion,
    Critic,
    Meeting,
    Options,
    Questions,
    Reply,
    StandIn,
    Writing,
    YesNo,
)

R = TypeVar("R", bound=Reply)
T = TypeVar("T")


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
        """Seconds until the next try; 0 while the circuit is closed."""
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

    @property
    def profile(self) -> CriticProfile:
        """Of the first critic; a stand-in is asked by its own, see `consult`."""
        return self.first.profile

    def consult(self, work: Callable[[Critic, StandIn | None], T], token: CancelToken | None = None) -> T:
        """What `work` makes of the first critic, or else of its stand-in, which is told to it.

        So whoever answers is asked in its own dialect. `work` may be called twice for one critic.

        Raises: as the one that answers; CriticUnavailable at once while the circuit is open and nobody stands in.
        """
        if not self._breaker.admits():
            fault = CriticUnavailable(
                f"the critic {self.model} failed too often and is left alone for {self._breaker.wait:.0f} s; "
                "see to its server, then go on with the run"
            )
            return self._stand_in(work, fault)
        try:
            value = self._first(work, token)
        except CriticTimeout as fault:
            self._breaker.failed(weight=1_000_000)
            return self._stand_in(work, fault)
        except CriticUnavailable as fault:
            self._breaker.failed()
            return self._stand_in(work, fault)
        except CriticBadOutput as fault:
            return self._stand_in(work, fault)
        except BadTask as fault:
            if not isinstance(fault.__cause__, Refused):
                raise
            return self._stand_in(work, fault)
        self._breaker.succeeded()
        return value

    def yes_no(self, call: Questions, *, token: CancelToken | None = None) -> YesNo:
        """As the first critic, or its stand-in. Raises: as `consult`."""
        return self.consult(lambda critic, who: _signed(critic.yes_no(call, token=token), who), token)

    def choose(self, call: Options, *, token: CancelToken | None = None) -> Chosen:
        """As the first critic, or its stand-in. Raises: as `consult`."""
        return self.consult(lambda critic, who: _signed(choose(critic, call, token), who), token)

    def write(self, call: Writing, *, token: CancelToken | None = None) -> Completion:
        """As the first critic, or its stand-in. Raises: as `consult`."""
        return self.consult(lambda critic, who: _signed(critic.write(call, token=token), who), token)

    def _first(self, work: Callable[[Critic, StandIn | None], T], token: CancelToken | None) -> T:
        """What `work` makes of the first critic; done twice where a stand-in could answer after that."""
        meets = self.first.inner if isinstance(self.first, Guarding) else self.first
        if isinstance(meets, Meeting):
            meets.meet(token=token)
        try:
            return work(self.first, None)
        except CriticBadOutput:
            if self.stand_in is None:
                raise
        return work(self.first, None)

    def _stand_in(self, work: Callable[[Critic, StandIn | None], T], fault: BadTask | RetryableError) -> T:
        other = self.stand_in
        if other is None:
            raise fault
        reason = f"{type(fault).__name__}: {fault}"
        return work(other, StandIn(backend=other.backend, model=other.model, reason=reason))


@runtime_checkable
class Guarding(Protocol):
    """A critic around another one."""

    @property
    def inner(self) -> Critic: ...


def _signed(reply: R, who: StandIn | None) -> R:
    return reply if who is None else reply.model_copy(update={"stand_in": who})
