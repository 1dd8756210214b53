"""How recordings are made, kept and let go: memory that runs out, and the device and memory of CUDA graphs."""

from __future__ import annotations

import gc
from collections.abc import Generator
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass
from typing import Any
from unittest.mock import Mock

import pytest
import torch

from omniagent.model.denoising.graphs import CudaRecorder, Recording, StepGraphs, replaying


class Memory:
    """One number to be doubled."""

    device = torch.device("cpu")

    def __init__(self) -> None:
        self.number = torch.ones(1)

    def work(self) -> tuple[torch.Tensor, ...]:
        return (2 * self.number,)


def test_memory_that_runs_out_while_recording_frees_the_recordings_and_is_no_reason_for_good() -> None:
    graphs, faults = StepGraphs[Memory](replaying), list[Exception]()

    def make() -> Memory:
        if faults:
            raise faults.pop()
        return Memory()

    def find(key: str) -> Recording[Memory] | None:
        return graphs.find(key, "weights", make)

    first = find("a")
    assert first is not None and find("a") is first
    faults.append(torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 1 GiB"))
    assert find("b") is None
    again = find("a")
    assert again is not None and again is not first and find("b") is not None
    faults.append(RuntimeError("an operation that cannot be recorded"))
    assert find("c") is None and not faults
    assert find("c") is None and find("a") is again
    graphs.clear()
    assert find("a") is not again


@dataclass(eq=False)
class FakeGraph:
    """What `torch.cuda.CUDAGraph` is asked for here."""

    taken: object = None

    def pool(self) -> object:
        return self.taken

    def replay(self) -> None:
        raise AssertionError("nothing is replayed without a card")


def test_a_step_is_recorded_on_its_own_device_and_shares_memory_with_the_recordings_that_live(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    place, told, within = torch.device("cuda:1"), list[Any](), list[object]()

    @contextmanager
    def device(where: object) -> Generator[None]:
        within.append(where)
        yield
        within.pop()

    @contextmanager
    def capture(graph: FakeGraph, *, pool: object, stream: object, capture_error_mode: str) -> Generator[None]:
        told.append((pool, stream, capture_error_mode, tuple(within)))
        graph.taken = object() if pool is None else pool
        yield

    stream = Mock()
    for name, fake in {
        "device": device, "graph": capture, "CUDAGraph": FakeGraph, "stream": Mock(return_value=nullcontext()),
        "Stream": Mock(return_value=stream), "current_stream": Mock(),
    }.items():  # fmt: skip
        monkeypatch.setattr(torch.cuda, name, fake)
    recorder, done = CudaRecorder(), list[tuple[object, ...]]()

    def work() -> tuple[torch.Tensor, ...]:
        done.append(tuple(within))
        return (torch.ones(1),)

    kept = [recorder(work, place), recorder(work, place)]
    assert done == 4 * [(place,)] and all(each[1:] == (stream, "thread_local", (place,)) for each in told)
    torch.cuda.Stream.assert_called_once_with(place)  # pyright: ignore[reportAttributeAccessIssue]
    assert told[0][0] is None and told[1][0] is not None
    kept.clear()
    gc.collect()
    recorder(work, place)
    assert told[2][0] is None
