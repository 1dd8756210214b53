"""LPIPS (arXiv 1801.03924) where the package `lpips` and AlexNet's weights lie on this machine; nothing is fetched."""

from __future__ import annotations

import importlib
import importlib.util
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any, Final

import numpy as np
import torch
from numpy.typing import NDArray

Pixels = NDArray[np.uint8]
NO_LPIPS: Final = (
    "pip install lpips torchvision, and put alexnet-owt-7be5be79.pth into torch's hub folder of checkpoints"
)


@cache
def lpips_distance() -> Callable[[Pixels, Pixels], float] | None:
    """The distance of two pictures (height, width, 3), 0 of equal ones; None where it cannot be measured."""
    weights = Path(torch.hub.get_dir()) / "checkpoints" / "alexnet-owt-7be5be79.pth"
    if not weights.is_file() or importlib.util.find_spec("lpips") is None:
        return None
    network: Any = importlib.import_module("lpips").LPIPS(net="alex", verbose=False)

    @torch.no_grad()
    def distance(one: Pixels, other: Pixels) -> float:
        pair = [torch.from_numpy(np.array(each)).permute(2, 0, 1)[None] / 127.5 - 1 for each in (one, other)]
        return float(network(*pair))

    return distance
