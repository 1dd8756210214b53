"""Matrix products of a block's linear layers with weights laid out for the processor.

The CPU build of torch multiplies float32 through one library by default and carries another, oneDNN, whose kernels
are faster on some processors once a weight has been put into their own layout. There a row's product doesn't depend on
the rows beside it, whatever the number of threads, which keeps a picture independent of the batch it is drawn in. The
default library multiplies a few rows (some two a thread) in another order than many.

Weights of small networks are laid out once and kept beside the originals. Those of larger ones would double their
memory: they are laid out for each product, where a trial shows that this pays on the processor at hand.
"""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable, Iterable, Sequence
from functools import cache
from typing import Any, Literal

import torch
from torch import nn
from torch.nn import functional

Layout = torch.Tensor | Literal["each"] | None
"""A weight in the library's own layout; `each` for one that is laid out for each product; None for a layer that is
called as it is."""
Keep = Literal["kept", "each", "none"]

KEPT_BYTES = 2**26
"""Networks with more weights than this keep no laid-out copies."""
LEAST_ROWS = 32
"""The default library multiplied up to 11 rows in another order than more with two threads, up to 27 with sixteen."""
TRIED_ROWS = 1024
TRIALS = 7
GAIN = 1.15
"""How much faster laying out for each product must be in the trial; ways of equal speed differed by up to a tenth."""


def lay_out(layers: Iterable[nn.Module], keep: Keep = "kept") -> tuple[Layout, ...]:
    """Layouts of linear layers; None for a layer that is something else (an adapter, a quantised layer), has hooks, or
    is not float32 on a CPU."""
    return tuple(None if keep == "none" or not _fits(layer) else _of(layer, keep) for layer in layers)


def product(layer: nn.Module, x: torch.Tensor, layout: Layout) -> torch.Tensor:
    """`layer(x)`, by way of its layout if it has one."""
    if layout is None:
        return layer(x)
    assert isinstance(layer, nn.Linear)
    if isinstance(layout, str):
        return laid_out_product(x, _reordered(layer.weight.detach()), layer.bias)
    return laid_out_product(x, layout, layer.bias)


def laid_out_product(x: torch.Tensor, layout: torch.Tensor, bias: torch.Tensor | None = None) -> torch.Tensor:
    """The product of `x` (..., in) with a laid-out weight: (..., out)."""
    return _operators()._linear_pointwise(x, layout, bias, "none", [], "")


def keep_of(network: nn.Module) -> Keep:
    """How the layouts of a network's weights are held: kept with them, made for each product, or none at all."""
    weights = [each for each in network.parameters() if each.ndim == 2]
    if sum(weight.nbytes for weight in weights) <= KEPT_BYTES:
        return "kept"
    if _operators() is None or any(each.device.type != "cpu" or each.dtype != torch.float32 for each in weights):
        return "none"
    wide, narrow = max(weights, key=torch.Tensor.numel).shape
    return "each" if _pays(wide, narrow, torch.get_num_threads()) else "none"


def least_rows(network: nn.Module, *, laid_out: bool) -> int:
    """From how many rows on each row's product is the same whatever lies beside it, in float32 on a CPU.

    0 where that holds of any number: with layouts; and on other devices and in other types, where it never does.
    """
    plain = all(each.device.type == "cpu" and each.dtype == torch.float32 for each in network.parameters())
    if not plain or (laid_out and _operators() is not None and keep_of(network) != "none"):
        return 0
    return max(LEAST_ROWS, 2 * torch.get_num_threads())


def faster(ours: Sequence[float], theirs: Sequence[float], gain: float = GAIN) -> bool:
    """Whether the first of two ways that were timed in turn takes less time than the second by the factor `gain`."""
    return statistics.median(b / a for a, b in zip(ours, theirs, strict=True)) >= gain


@cache
def _pays(wide: int, narrow: int, threads: int) -> bool:
    """The trial, once a process for a shape and a number of threads."""
    # Ordinary numbers, of which no stream of random numbers that a caller seeded is used up.
    x = torch.linspace(-1, 1, TRIED_ROWS * narrow).view(TRIED_ROWS, narrow)
    weight = torch.linspace(-1, 1, wide * narrow).view(wide, narrow)

    def ours() -> torch.Tensor:
        return laid_out_product(x, _reordered(weight))

    timed = [(_seconds(ours), _seconds(lambda: functional.linear(x, weight))) for _ in range(TRIALS + 1)]
    # The first round also makes the libraries' kernels ready.
    return faster([each for each, _ in timed[1:]], [each for _, each in timed[1:]])


def _seconds(work: Callable[[], object]) -> float:
    begin = time.perf_counter()
    work()
    return time.perf_counter() - begin


def _of(layer: nn.Module, keep: Keep) -> Layout:
    assert isinstance(layer, nn.Linear)
    if keep == "each":
        return "each"
    weight = layer.weight.detach()
    # Kept with the layer and made anew when its weight is another or was changed in place.
    key = (weight.data_ptr(), weight._version)
    known: tuple[tuple[int, int], torch.Tensor] | None = getattr(layer, "_laid_out", None)
    if known is None or known[0] != key:
        known = (key, _reordered(weight))
        layer._laid_out = known  # pyright: ignore[reportArgumentType]
    return known[1]


def _reordered(weight: torch.Tensor) -> torch.Tensor:
    return _operators()._reorder_linear_weight(weight, None)


def _fits(layer: nn.Module) -> bool:
    hooked = [getattr(layer, name, None) for name in ("_forward_hooks", "_forward_pre_hooks", "_hf_hook")]
    if type(layer) is not nn.Linear or any(hooked):
        return False
    weight = layer.weight.detach()
    plain = weight.device.type == "cpu" and weight.dtype == torch.float32 and not weight.is_inference()
    return plain and _operators() is not None


def _operators() -> Any:
    """oneDNN's operators, which only some builds of torch have."""
    found = torch.ops.mkldnn
    known = torch.backends.mkldnn.is_available() and hasattr(found, "_linear_pointwise")
    return found if known and hasattr(found, "_reorder_linear_weight") else None
