"""What hangs on a network's layers: hooks that move weights in and out, or watch."""

from __future__ import annotations

from torch import nn

_PLACES = ("_forward_hooks", "_forward_pre_hooks", "_hf_hook")


def hooked(network: nn.Module) -> bool:
    """Whether something is called beside the layers of a network, as where its weights lie elsewhere between calls."""
    return any(
        any(getattr(module, place, None) for place in _PLACES)
        # Diffusers puts its list of hooks on a network also where none is to come, as when it frees memory.
        or getattr(getattr(module, "_diffusers_hook", None), "hooks", None)
        for module in network.modules()
    )
