"""Steps of small pictures recorded once and replayed, so that the card does not wait for the host between kernels.

A step of a small picture is some three thousand short kernels, which take the host longer to start than the card to
run. A CUDA graph starts them all at once. It reads and writes fixed memory: what a step needs is copied there first.
"""

from __future__ import annotations

import logging
from collections import OrderedDict
from collections.abc import Callable, Hashable, Sequence
from contextlib import AbstractContextManager
from threading import Lock
from typing import Any, ClassVar, Generic, NamedTuple, Protocol, TypeVar
from weakref import WeakSet

import torch

from omniagent.model.device import is_memory_fault

log = logging.getLogger("omniagent.model")

MOST_GRAPHS = 8
"""Graphs kept; the one not used for longest goes."""
MOST_TOKENS = 2048
"""Tokens of all sequences of a step, beyond which the card takes longer than the host. On an H200 (docs/performance.md)
256×256 pixels from words, some 700, were 2.07 times as fast with recorded steps, an edit of that size, some 1,500, 1.38
times, and 512×512 from words, some 2,200, 1.02 times."""
LEAST_STEPS = 4
"""Recording takes about as long as three steps."""
ROUNDING = 2.0**-5
"""How far a first replay may be from the step itself, ‖a - b‖ / ‖b‖; bfloat16 rounds a number by up to 2⁻⁸."""

Work = Callable[[], tuple[torch.Tensor, ...]]


class Recorded(NamedTuple):
    """Work that can be done again.

    Attributes:
        again: Does it.
        results: The tensors in which its results then are.
        first: What it gave when it was done before it was recorded.
    """

    again: Callable[[], None]
    results: tuple[torch.Tensor, ...]
    first: tuple[torch.Tensor, ...]


Recorder = Callable[[Work, torch.device], Recorded]


class Inputs(Protocol):
    """The fixed memory of one recorded step, and the work on it."""

    @property
    def device(self) -> torch.device:
        """Where the memory is."""
        ...

    def work(self) -> tuple[torch.Tensor, ...]:
        """Do the step on what is in the memory."""
        ...


InputsT = TypeVar("InputsT", bound=Inputs)


class Recording(Generic[InputsT]):
    """A step that was recorded.

    Attributes:
        inputs: Its memory.
        holder: Whose request's constant inputs are there.
    """

    holder: object = None

    def __init__(self, inputs: InputsT, recorded: Recorded) -> None:
        self.inputs = inputs
        self._again, self._results, first = recorded
        # A graph that missed its kernels, which then ran while it was recorded, would leave their results as they are.
        for each in self._results:
            each.fill_(torch.nan)
        if not all(map(_agree, self.replay(), first)):
            raise RuntimeError("its first replay gave other numbers than the step itself")

    def replay(self) -> tuple[torch.Tensor, ...]:
        """Do the step; its results, in memory of their own."""
        self._again()
        return tuple(each.clone() for each in self._results)


class StepGraphs(Generic[InputsT]):
    """The recorded steps of one transformer, for requests of all kinds.

    On a card they hold, until they are cleared, about what one step of `MOST_TOKENS` tokens needs beside the weights,
    and each its own inputs and results.

    Args:
        recorder: What records; None for CUDA graphs.
        most: Recordings kept.
        eight_bits: Whether products in eight bits are recorded too, which no card has shown to be right yet.

    Attributes:
        eight_bits: As given.
        recorded: Steps recorded so far.
    """

    def __init__(self, recorder: Recorder | None = None, most: int = MOST_GRAPHS, *, eight_bits: bool = False) -> None:
        self._recorder, self._most, self.eight_bits = recorder, most, eight_bits
        self._cuda: CudaRecorder | None = None
        self._known: OrderedDict[Hashable, Recording[InputsT]] = OrderedDict()
        self._weights: Hashable = None
        self._refused: set[Hashable] = set()
        self._lock = Lock()
        self.recorded = 0

    @property
    def records_anywhere(self) -> bool:
        """Whether steps can be recorded that run elsewhere than on a CUDA device."""
        return self._recorder is not None

    def using(self) -> AbstractContextManager[object]:
        """The lock to hold while a recording is found, its memory filled, and the step replayed."""
        return self._lock

    def find(self, key: Hashable, weights: Hashable, make: Callable[[], InputsT]) -> Recording[InputsT] | None:
        """The recording of that key, made if there is none; None where a step cannot be recorded.

        Memory is made outside of inference mode, whatever the caller's: tensors that are made in that mode take no
        writes in another.

        Args:
            key: Of everything but numbers: sizes, lengths, passes.
            weights: Where the network's weights are; recordings of other places are dropped.
            make: Makes the memory.
        """
        if weights != self._weights:
            self._known.clear()
            self._refused.clear()
            self._weights = weights
        if key in self._refused:
            return None
        found = self._known.get(key)
        if found is None:
            try:
                with torch.inference_mode(False), torch.no_grad():
                    inputs = make()
                    found = Recording(inputs, self._recorder_or_cuda()(inputs.work, inputs.device))
            # Of an empty graph torch warns, and a program may make errors of warnings.
            except (RuntimeError, UserWarning) as error:
                log.warning("a step was not recorded and runs kernel by kernel: %s", str(error).partition("\n")[0])
                if is_memory_fault(error):
                    # Without the recordings there may be room, for the step and for a later recording.
                    self._known.clear()
                else:
                    self._refused.add(key)
                return None
            self.recorded += 1
            self._known[key] = found
            while len(self._known) > self._most:
                self._known.popitem(last=False)
        self._known.move_to_end(key)
        return found

    def clear(self) -> None:
        """Drop all recordings and their memory, when no step is under way."""
        with self._lock:
            self._known.clear()

    def _recorder_or_cuda(self) -> Recorder:
        if self._recorder is not None:
            return self._recorder
        if self._cuda is None:
            self._cuda = CudaRecorder()
        return self._cuda


class CudaRecorder:
    """Records as CUDA graphs (CUDA C++ Programming Guide, section on graphs).

    Graphs of one recorder share one pool of memory while any of them is alive, so that they hold together about what
    the largest step needs: they must not run at the same time, and what they give must be copied before the next runs.
    """

    _capturing: ClassVar[Lock] = Lock()
    """Torch captures one graph at a time in a process."""

    def __init__(self) -> None:
        # Kept, as libraries keep a workspace for every stream that they have seen.
        self._streams: dict[torch.device, torch.cuda.Stream] = {}
        self._alive: WeakSet[torch.cuda.CUDAGraph] = WeakSet()

    def __call__(self, work: Work, device: torch.device) -> Recorded:
        """Do the work once, so that libraries make their plans, and record it; errors are `RuntimeError`s.

        Args:
            work: Computes on `device`.
            device: Whose stream is recorded, whichever device is the thread's current one.
        """
        with self._capturing, torch.cuda.device(device):
            stream = self._streams.get(device)
            if stream is None:
                stream = self._streams[device] = torch.cuda.Stream(device)
            outside = torch.cuda.current_stream(device)
            stream.wait_stream(outside)
            # Of the library's two contexts the inner one does not bring the stream back where capturing fails.
            with torch.cuda.stream(stream):
                first = work()
                graph, beside = torch.cuda.CUDAGraph(), next(iter(self._alive), None)
                pool = None if beside is None else beside.pool()
                # Other threads may go on using the card meanwhile.
                with torch.cuda.graph(graph, pool=pool, stream=stream, capture_error_mode="thread_local"):
                    results = work()
            outside.wait_stream(stream)
        self._alive.add(graph)
        return Recorded(graph.replay, results, first)


def replaying(work: Work, _device: torch.device) -> Recorded:
    """Record without a card: the work itself, written to the same tensors each time."""
    first = work()
    results = tuple(each.clone() for each in first)

    def again() -> None:
        copy_all(results, work())

    return Recorded(again, results, first)


def copy_all(into: Sequence[torch.Tensor], values: Sequence[torch.Tensor]) -> None:
    """Copy tensors into others of the same shapes, in few kernels."""
    # The library has no public name for it.
    library: Any = torch
    library._foreach_copy_(list(into), list(values))


def _agree(found: torch.Tensor, wanted: torch.Tensor) -> bool:
    """Whether two results are the same up to rounding; not where one is not finite."""
    wide = wanted.float()
    return bool((found.float() - wide).norm() <= ROUNDING * wide.norm())
