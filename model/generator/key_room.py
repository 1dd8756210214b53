"""How many edits that reuse their source fit in memory at once, by the keys and values that each keeps."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import replace

from omniagent.model.denoising.guidance import Guidance
from omniagent.model.pictures import Size
from omniagent.model.pipeline.memory import free_bytes, key_bytes
from omniagent.model.pipeline.omnigen2 import OmniGen2Pipeline


class KeyRoom:
    """Half of the memory that is free when it is first asked: a process that has drawn holds on to what it freed.

    Args:
        pipeline: On its device.
        free: Gives the free bytes; None asks the device.
    """

    def __init__(self, pipeline: OmniGen2Pipeline, free: Callable[[], int] | None = None) -> None:
        self._pipeline = pipeline
        self._read = free or (lambda: free_bytes(pipeline.computes_on))
        self._room: int | None = None

    def edits(self, drawn: Size, references: Sequence[Size], guidance: Guidance) -> int:
        """How many pictures of a size, with references read at such sizes, are drawn at once; at least 1."""
        if self._room is None:
            self._room = self._read() // 2
        network = self._pipeline.transformer
        noise, given = self._tokens(drawn), sum(map(self._tokens, references))
        # Guidance may act at some steps alone; keys are kept of all passes there are.
        passes = replace(guidance, start=0.0, end=1.0).passes(0, 1, has_references=bool(references))
        tokens = [noise + given * each.references for each in passes]
        return max(1, self._room // key_bytes(network.config, noise, tokens, network.dtype.itemsize))

    def _tokens(self, size: Size) -> int:
        return math.prod(side // self._pipeline.size_step for side in size)
