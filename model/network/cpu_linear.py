"""Matrix products of a block's linear layers with weights laid out for the processor beforehand.

The CPU build of torch multiplies float32 through one library by default and carries another, oneDNN, whose kernels
are faster on some processors once a weight has been put into their own layout. There a row's product doesn't depend on
the rows beside it, whatever the number of threads, which keeps a picture independent of the batch it is drawn in. The
default library multiplies a few rows (some two a thread) in another order than many.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import torch
from torch import nn

Layout = torch.Tensor | None
"""A weight in the library's own layout, or None where the layer is called as it is."""

MOST_BYTES = 2**30
"""Laid-out weights are copies; networks with more weights than this do without."""


def lay_out(layers: Iterable[nn.Module]) -> tuple[Layout, ...]:
    """Layouts of linear layers; None for a layer that is something else (an adapter, a quantised layer), has hooks, or
    is not float32 on a CPU."""
    return tuple(_lay_out(layer) for layer in layers)


def product(layer: nn.Module, x: torch.Tensor, layout: Layout) -> torch.Tensor:
    """`layer(x)`, by way of its layout if it has one."""
    if layout is None:
        return layer(x)
    return _operators()._linear_pointwise(x, layout, layer.bias, "none", [], "")


def affordable(network: nn.Module) -> bool:
    """Whether copies of all weights of `network` are small enough."""
    return sum(weight.nbytes for weight in network.parameters()) <= MOST_BYTES


def _lay_out(layer: nn.Module) -> Layout:
    hooked = [getattr(layer, name, None) for name in ("_forward_hooks", "_forward_pre_hooks", "_hf_hook")]
    if type(layer) is not nn.Linear or any(hooked):
        return None
    weight = layer.weight.detach()
    if weight.device.type != "cpu" or weight.dtype != torch.float32 or weight.is_inference() or _operators() is None:
        return None
    # Kept with the layer and made anew when its weight is another or was changed in place.
    key = (weight.data_ptr(), weight._version)
    known: tuple[tuple[int, int], torch.Tensor] | None = getattr(layer, "_laid_out", None)
    if known is None or known[0] != key:
        known = (key, _operators()._reorder_linear_weight(weight, None))
        layer._laid_out = known  # pyright: ignore[reportArgumentType]
    return known[1]


def _operators() -> Any:
    """oneDNN's operators, which only some builds of torch have."""
    found = torch.ops.mkldnn
    known = torch.backends.mkldnn.is_available() and hasattr(found, "_linear_pointwise")
    return found if known and hasattr(found, "_reorder_linear_weight") else None
