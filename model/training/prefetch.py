"""Makes the batches of coming steps in worker processes while a step is computed."""

import os
import pickle
from collections.abc import Callable, Iterator
from io import BytesIO
from typing import Any, Generic, TypeVar

import torch
from torch.utils.data import DataLoader, Dataset

T = TypeVar("T")
AHEAD = 4
"""Batches that each worker keeps ready."""
_LAST = 10**9
_PLAIN = (torch.uint8, torch.int64, torch.float32, torch.bool)
_WIDEST = 1024


class _Steps(Dataset[bytes]):
    """Batches by number of step, for the loader to ask for.

    Pickled here: the loader would share every tensor as an open file of its own, and there are hundreds of small ones.
    """

    def __init__(self, make: Callable[[int], object]) -> None:
        self._make = make

    def __len__(self) -> int:
        return _LAST

    def __getitem__(self, index: int) -> bytes:
        found = BytesIO()
        _Pickler(found, pickle.HIGHEST_PROTOCOL).dump(self._make(index))
        return found.getvalue()


class _Pickler(pickle.Pickler):
    """Tensors as plain arrays: torch writes each as an archive of its own, and reading those took a fifth of a step."""

    def reducer_override(self, obj: Any) -> Any:
        if type(obj) is torch.Tensor and obj.device.type == "cpu" and obj.dtype in _PLAIN:
            return torch.from_numpy, (obj.numpy(),)
        return NotImplemented


def _as_it_is(batch: bytes) -> bytes:
    return batch


class Ahead(Generic[T]):
    """`make(step)`, a function of the step alone, with the batches of the following steps made beforehand.

    Steps may be asked for in any order, but only a steady stride (the number of processes that train together, or that
    of the last two steps) finds its batches ready.

    Args:
        make: Gives a step's batch, without using an accelerator.
        workers: Processes; 0 makes each batch when it is asked for.
    """

    def __init__(self, make: Callable[[int], T], workers: int) -> None:
        self._make, self._workers = make, workers
        self._stride = int(os.environ.get("WORLD_SIZE", "1"))
        self._coming: Iterator[bytes] = iter(())
        self._last: int | None = None
        self._next = -1

    def __call__(self, step: int) -> T:
        """The batch of this step."""
        if not self._workers:
            return self._make(step)
        if step != self._next:
            if self._last is not None and 0 < step - self._last <= _WIDEST:
                self._stride = step - self._last
            self._coming = self._from(step)
        self._last, self._next = step, step + self._stride
        return pickle.loads(next(self._coming))

    def _from(self, step: int) -> Iterator[bytes]:
        loader = DataLoader(
            _Steps(self._make),
            batch_size=None,
            sampler=range(step, _LAST, self._stride),
            num_workers=self._workers,
            prefetch_factor=AHEAD,
            collate_fn=_as_it_is,  # pyright: ignore[reportArgumentType]
            multiprocessing_context="fork",
            # Its own, so that the draws of a step stay what they are without workers.
            generator=torch.Generator(),
        )
        return iter(loader)
