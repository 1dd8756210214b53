"""Requests from any number of threads, drawn together where they fit together.

One thread draws. It takes the request that has waited longest, fills the batch with pictures of the same bucket, one
from each waiting request in turn, and puts requests with pictures left behind the others. So no request waits behind
the sixty-four pictures of another, and in float32 on a CPU no picture depends on those drawn with it.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, wait
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Protocol, TypeVar, runtime_checkable

from PIL import Image

from omniagent.model import lifetime
from omniagent.model.errors import BadSetting, Cancelled, OutOfMemory, QueueFull
from omniagent.model.profile import GeneratorProfile
from omniagent.model.requests import CancelToken, GenerationRequest, Step, Watching

if TYPE_CHECKING:
    from omniagent.model.generator.batch import Bucket, PictureBatch, Prepared

T = TypeVar("T")
WAITING = 256


@runtime_checkable
class Batching(Protocol):
    """A generator whose pictures can be drawn together with those of other requests."""

    batch: int

    @property
    def model(self) -> str: ...

    @property
    def profile(self) -> GeneratorProfile: ...

    @property
    def device(self) -> object: ...

    def bucket(self, request: GenerationRequest) -> Bucket: ...

    def prepare(self, request: GenerationRequest) -> Prepared: ...

    def start(self, pictures: Sequence[tuple[Prepared, int]]) -> PictureBatch: ...

    def drop_recordings(self) -> None: ...


@dataclass(eq=False)
class Ticket:
    """A request on its way."""

    request: GenerationRequest
    bucket: Bucket
    token: CancelToken
    on_step: Step | None
    left: list[int]
    """Numbers of the seeds whose pictures are not begun."""
    prepared: Prepared | None = None
    made: int = 0
    done: dict[int, Image.Image] = field(default_factory=dict[int, Image.Image])
    future: Future[list[Image.Image]] = field(default_factory=lambda: Future[list[Image.Image]]())

    @property
    def steps(self) -> int:
        return self.bucket.steps * len(self.request.seeds)

    @property
    def over(self) -> bool:
        return self.future.done()

    def fail(self, error: BaseException) -> None:
        self.left.clear()
        if not self.over:
            self.future.set_exception(error)

    def stopped(self) -> bool:
        """Whether the request is over or was asked to stop, which ends it."""
        if not self.over:
            try:
                self.token.check()
            except Cancelled as error:
                self.fail(error)
        return self.over


Seat = tuple[Ticket, int]
"""A picture of a batch: its request, and the number of its seed."""


class RequestQueue:
    """Draws requests by a generator.

    Args:
        generator: What draws; its `batch` is the most pictures drawn together.
        turn: Holds the generator's device for a block.
        most_waiting: Most pictures that may wait; requests beyond are turned away at once.
    """

    def __init__(
        self, generator: Batching, turn: Callable[[], AbstractContextManager[None]], most_waiting: int = WAITING
    ) -> None:
        self._generator, self._turn, self._most_waiting = generator, turn, most_waiting
        self._most = generator.batch
        self._tickets: list[Ticket] = []
        self._change = threading.Condition()
        self._thread: threading.Thread | None = None
        self._closed = self._leaving = False
        lifetime.fork_with(self)

    @property
    def waiting(self) -> int:
        """Pictures that are not begun."""
        with self._change:
            return self._count()

    @property
    def closed(self) -> bool:
        """Whether it takes no more requests."""
        return self._closed

    def wait_until(self, holds: Callable[[], bool], timeout: float) -> bool:
        """Wait `timeout` seconds for `holds`, looked at when a request comes or the queue closes; whether it does."""
        with self._change:
            return self._change.wait_for(holds, timeout)

    def draw(
        self, request: GenerationRequest, token: CancelToken | None = None, on_step: Step | None = None
    ) -> list[Image.Image]:
        """One picture for each seed, in order; blocks until they are there.

        Raises:
            QueueFull: too many pictures wait.
            BadSetting: the queue was closed; or as the generator.
            Cancelled: the token was cancelled or expired, or the queue was closed before the request's turn.
        """
        mine = token or CancelToken()
        mine.check()
        bucket = self._generator.bucket(request)
        ticket = Ticket(request, bucket, mine, on_step, list(range(len(request.seeds))))
        with self._change:
            if self._closed:
                raise BadSetting("this runtime is closed; load a new one")
            queued = self._count()
            if queued + len(ticket.left) > self._most_waiting:
                raise QueueFull(
                    f"{queued} pictures wait already and {len(ticket.left)} more exceed {self._most_waiting}; "
                    "try again later"
                )
            self._tickets.append(ticket)
            if self._thread is None:
                self._thread = threading.Thread(target=self._serve, name="omniagent-draw", daemon=True)
                self._thread.start()
                # A thread that is inside torch while the interpreter goes down takes the process with it (SIGABRT).
                lifetime.end_with(self)
            self._change.notify_all()
        while not wait([ticket.future], timeout=0.05).done:
            # While it waits its turn, its token is checked here alone.
            with self._change:
                if ticket in self._tickets and len(ticket.left) == len(request.seeds):
                    ticket.stopped()
        return ticket.future.result()

    def close(self) -> None:
        """Finish the batch under way, end the requests that still wait, and the thread. Twice does no harm."""
        thread = self._shut()
        if thread is not None:
            thread.join(lifetime.GRACE if lifetime.ending() else None)

    def leave(self) -> None:
        """Close without finishing the batch under way: it ends within a step."""
        self._leaving = True
        self._shut()

    def left(self, seconds: float) -> bool:
        """Wait so long for the thread's end; whether it came."""
        thread = self._thread
        if thread is not None:
            thread.join(seconds)
        return thread is None or not thread.is_alive()

    def forked(self) -> None:
        """In a child process: no request waits yet, and the thread starts anew with the first request."""
        self._change = threading.Condition()
        self._thread, self._tickets = None, []

    def _shut(self) -> threading.Thread | None:
        with self._change:
            self._closed = True
            self._change.notify_all()
            return self._thread

    def _count(self) -> int:
        return sum(len(each.left) for each in self._tickets)

    def _serve(self) -> None:
        while True:
            with self._change:
                self._change.wait_for(lambda: self._closed or any(not each.over for each in self._tickets))
                if self._closed:
                    for ticket in self._tickets:
                        ticket.fail(Cancelled("the runtime was closed before this request was finished"))
                    return
                seats = self._seats()
            if seats:
                try:
                    with self._turn():
                        self._draw(seats)
                except BaseException as error:
                    # The device cannot be had: that ends these requests, not the thread.
                    for ticket, _ in seats:
                        ticket.fail(error)

    def _seats(self) -> list[Seat]:
        """The next batch; its requests go behind the others."""
        self._tickets = [each for each in self._tickets if each.left and not each.stopped()]
        if not self._tickets:
            return []
        bucket = self._tickets[0].bucket
        fitting = [each for each in self._tickets if each.bucket == bucket]
        seats: list[Seat] = []
        most = self._most if bucket.most is None else min(self._most, bucket.most)
        while len(seats) < most and any(each.left for each in fitting):
            for ticket in fitting:
                if ticket.left and len(seats) < most:
                    seats.append((ticket, ticket.left.pop(0)))
        used = {ticket for ticket, _ in seats}
        # A request whose last picture is in this batch is not waiting any more.
        self._tickets = [each for each in self._tickets if each not in used] + [
            each for each in fitting if each in used
        ]
        return seats

    def _draw(self, seats: list[Seat]) -> None:
        try:
            ready = list(self._prepared(seats))
            if ready:
                self._guarded(f"{len(ready)} pictures at once", lambda: self._run(ready))
        except OutOfMemory as error:
            self._step_down(seats, error)
        except BaseException as error:
            for ticket, _ in seats:
                ticket.fail(error)

    def _prepared(self, seats: list[Seat]) -> Iterator[tuple[Ticket, int, Prepared]]:
        for ticket, number in seats:
            try:
                if ticket.prepared is None and not ticket.stopped():
                    request = ticket.request
                    ticket.prepared = self._guarded(
                        "a request", lambda request=request: self._generator.prepare(request)
                    )
            except Exception as error:
                ticket.fail(error)
            if ticket.prepared is not None and not ticket.over:
                yield ticket, number, ticket.prepared

    def _run(self, ready: list[tuple[Ticket, int, Prepared]]) -> None:
        batch = self._generator.start([(prepared, t.request.seeds[number]) for t, number, prepared in ready])
        seats = [(ticket, number) for ticket, number, _ in ready]
        while not batch.done:
            if self._leaving:
                raise Cancelled("the program ended before this request was finished")
            staying = [row for row, (ticket, _) in enumerate(seats) if not ticket.stopped()]
            if not staying:
                return
            if len(staying) < len(seats):
                batch.keep(staying)
                seats = [seats[row] for row in staying]
            batch.step()
            for ticket, _ in seats:
                ticket.made += 1
            for ticket in dict.fromkeys(ticket for ticket, _ in seats):
                # In the order of the seeds, whatever the order in which they were seated.
                mine = sorted((number, row) for row, (each, number) in enumerate(seats) if each is ticket)
                self._tell(ticket, batch, [row for _, row in mine])
        for row, (ticket, number) in enumerate(seats):
            if not ticket.stopped():
                try:
                    ticket.done[number] = batch.picture(row)
                except Exception as error:
                    ticket.fail(error)
                if len(ticket.done) == len(ticket.request.seeds):
                    ticket.future.set_result([ticket.done[each] for each in range(len(ticket.done))])

    def _tell(self, ticket: Ticket, batch: PictureBatch, rows: Sequence[int]) -> None:
        if ticket.on_step is not None and not ticket.over:
            try:
                if isinstance(ticket.on_step, Watching):
                    ticket.on_step.look(lambda: batch.previews(rows))
                ticket.on_step(ticket.made, ticket.steps)
            except BaseException as error:
                ticket.fail(error)

    def _step_down(self, seats: list[Seat], error: OutOfMemory) -> None:
        """Draw fewer at once from now on, and these again; if one alone is too much, its request fails."""
        if len(seats) == 1:
            seats[0][0].fail(error)
            return
        with self._change:
            self._most = max(1, len(seats) // 2)
            for ticket, number in reversed(seats):
                if not ticket.over:
                    ticket.left.insert(0, number)
                    ticket.made = self._steps_kept(ticket)
                    if ticket not in self._tickets:
                        self._tickets.insert(0, ticket)

    def _steps_kept(self, ticket: Ticket) -> int:
        return len(ticket.done) * ticket.bucket.steps

    def _guarded(self, what: str, work: Callable[[], T]) -> T:
        from omniagent.model.device import with_memory_fault

        device: Any = self._generator.device
        return with_memory_fault(device, what, work, self._generator.drop_recordings)
