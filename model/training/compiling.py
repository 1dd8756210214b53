"""Training through `torch.compile`, layer by layer with sizes left open: fewer and longer launches on an accelerator.

Nothing is compiled before a training's own first step of it, and what is drawn or read between steps runs as written.
A layer that cannot be compiled runs as written too, with a warning of torch's.
"""

import importlib
from collections.abc import Iterable
from contextlib import AbstractContextManager, nullcontext
from typing import Any

import torch
from torch import nn

GRAPHS = 64
"""Sizes of one, masks and number types are graphs of their own; beyond the limit layers silently run uncompiled."""


class LayersCompiled:
    """Layers of one kind, compiled from a step on.

    Args:
        layers: They share one compiled function as far as they are alike.
        start: The first step that runs compiled; None for none.
    """

    def __init__(self, layers: Iterable[nn.Module], start: int | None) -> None:
        self._layers, self._start, self._done = list(layers), start, False

    def before(self, step: int) -> None:
        """Compile if it is time."""
        if self._done or self._start is None or step < self._start:
            return
        self._done = True
        settings: Any = importlib.import_module("torch._dynamo.config")
        settings.recompile_limit = max(settings.recompile_limit, GRAPHS)
        settings.suppress_errors = True
        for layer in self._layers:
            # The function alone: hooks that hang on a layer for one call would be compiled anew each time.
            compile_function: Any = torch.compile
            layer.forward = compile_function(layer.forward, dynamic=True)

    def as_written(self) -> AbstractContextManager[object]:
        """Within, the layers run uncompiled: no graph is made for a few pictures of other sizes and number types."""
        stance: Any = torch.compiler.set_stance
        return stance("force_eager") if self._done else nullcontext()
