"""What hangs on a network's layers: hooks that move weights in and out, or watch."""

from __future__ import annotations

from torch import nn

_PLACES = ("_forward_hooks", "_forward_pre_hooks", "_hf_hook", "_diffusers_hook")


def hooked(network: nn.Module) -> bool:
    """Whether something is called beside the layers of a network, as where its weights lie elsewhere between calls."""
    return any(getattr(module, place, None) for module in network.modules() for place in _PLACES)
