"""Steps of small pictures recorded once and replayed, so that the host has nothing to say to the card between kernels.

A step of a small picture is some three thousand short kernels, which take the host longer to start than the card to
run. A CUDA graph starts them all at once. It reads and writes fixed memory: what a step needs is copied there first.
"""

from __future__ import annotations

import logging
from collections import OrderedDict
from collections.abc import Callable, Hashable, Sequence
from contextlib import AbstractContextManager
from threading import Lock
from typing import Any, Generic, Protocol, TypeVar

import torch

log = logging.getLogger("omniagent.model")

MOST_GRAPHS = 8
"""Graphs kept; the one not used for longest goes."""
MOST_TOKENS = 2048
"""Tokens of all sequences of a step, beyond which the card takes longer than the host. On an H200 (docs/performance.md)
256×256 pixels from words, some 700, were 2.07 times as fast with recorded steps, an edit of that size, some 1,500, 1.38
times, and 512×512 from words, some 2,200, 1.02 times."""
LEAST_STEPS = 4
"""Recording takes about as long as two steps."""

Work = Callable[[], tuple[torch.Tensor, ...]]
Recorded = tuple[Callable[[], None], tuple[torch.Tensor, ...]]
"""What does the work again, and the tensors in which its results then are."""
Recorder = Callable[[Work], Recorded]


class Inputs(Protocol):
    """The fixed memory of one recorded step, and the work on it."""

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
        self._again, self._results = recorded

    def replay(self) -> tuple[torch.Tensor, ...]:
        """Do the step; its results, in memory of their own."""
        self._again()
        return tuple(each.clone() for each in self._results)


class StepGraphs(Generic[InputsT]):
    """The recorded steps of one transformer, for requests of all kinds.

    Args:
        recorder: What records; None for CUDA graphs.
        most: Recordings kept.

    Attributes:
        recorded: Steps recorded so far.
    """

    def __init__(self, recorder: Recorder | None = None, most: int = MOST_GRAPHS) -> None:
        self._recorder, self._most = recorder, most
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
        """Held by whoever fills a recording's memory and replays it."""
        return self._lock

    def find(self, key: Hashable, weights: Hashable, make: Callable[[], InputsT]) -> Recording[InputsT] | None:
        """The recording of that key, made if there is none; None where a step cannot be recorded.

        Args:
            key: Of everything but numbers: sizes, lengths, passes.
            weights: Where the network's weights are; recordings of other places are dropped.
            make: Makes the memory.
        """
        if weights != self._weights:
            self.clear()
            self._weights = weights
        if key in self._refused:
            return None
        found = self._known.get(key)
        if found is None:
            inputs = make()
            try:
                found = Recording(inputs, (self._recorder or CudaRecorder())(inputs.work))
            except RuntimeError as error:
                # Out of memory is one: a step by itself may still fit.
                log.warning("a step was not recorded and runs kernel by kernel: %s", str(error).partition("\n")[0])
                self._refused.add(key)
                return None
            self.recorded += 1
            self._known[key] = found
            while len(self._known) > self._most:
                self._known.popitem(last=False)
        self._known.move_to_end(key)
        return found

    def clear(self) -> None:
        """Drop all recordings and their memory."""
        self._known.clear()
        self._refused.clear()


class CudaRecorder:
    """Records as a CUDA graph (CUDA C++ Programming Guide, section on graphs)."""

    def __call__(self, work: Work) -> Recorded:
        """Do the work once, so that libraries make their plans, and record it; errors are `RuntimeError`s."""
        aside = torch.cuda.Stream()
        aside.wait_stream(torch.cuda.current_stream())
        with torch.cuda.stream(aside):
            work()
        torch.cuda.current_stream().wait_stream(aside)
        graph = torch.cuda.CUDAGraph()
        # Other threads may go on using the card meanwhile.
        with torch.cuda.graph(graph, capture_error_mode="thread_local"):
            results = work()
        return graph.replay, results


def replaying(work: Work) -> Recorded:
    """Record without a card: the work itself, written to the same tensors each time."""
    results = tuple(each.clone() for each in work())

    def again() -> None:
        copy_all(results, work())

    return again, results


def copy_all(into: Sequence[torch.Tensor], values: Sequence[torch.Tensor]) -> None:
    """Copy tensors into others of the same shapes, in few kernels."""
    # The library has no public name for it.
    library: Any = torch
    library._foreach_copy_(list(into), list(values))
