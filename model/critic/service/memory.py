"""How a critic's server and the generator share the memory of a machine: pure sums over bytes."""

from __future__ import annotations

import json
import math
from collections.abc import Sequence
from pathlib import Path
from types import MappingProxyType
from typing import Final, NamedTuple

from omniagent.model.errors import BadCheckpoint, OutOfMemory
from omniagent.model.pipeline.memory import SPARE, MemoryMode, Need

GIB = 2**30
OVERHEAD = 2 * GIB
"""Bytes that vLLM takes beside weights and keys: its CUDA context, picture encoder and activations."""
ASLEEP = 1 * GIB
"""Bytes that a sleeping vLLM keeps on the card: its CUDA context and what its allocator cannot give back."""
RESTING = GIB // 2
"""Bytes that a generator which has left the card keeps there: its CUDA context."""
HOST = 4 * GIB
"""Bytes of main memory that both processes take beside weights."""
LEAST_CACHE = 64 * 2**20
MOST_CACHE = 4 * GIB
CHATS_AT_ONCE = 16
"""Of a service for several programs."""
CHATS_OF_AN_AGENT = 2
"""Of a server for one agent: one checklist after another, whose questions share their beginning."""


class Memory(NamedTuple):
    """What a server is given: bytes for keys and values, the card's share that it may take, and whether it sleeps.

    Attributes:
        drawing: How the generator's weights must be held beside it; None: as it likes.
    """

    kv_bytes: int
    share: float | None = None
    sleep: bool = False
    drawing: MemoryMode | None = None


class Card(NamedTuple):
    """A GPU's memory in bytes."""

    total: int
    free: int


class CriticSizes(NamedTuple):
    """A published critic: bytes of weights in bfloat16, of keys and values a token, and tokens of its chats."""

    weights: int
    token: int
    context: int = 8192


CRITICS: Final = MappingProxyType(
    {
        # 3,754,622,976 numbers with a tied head; 36 layers of 2 key heads. 8,292,166,656; 28 layers of 4.
        "Qwen2.5-VL-3B": CriticSizes(2 * 3_754_622_976, 2 * 36 * 2 * 128 * 2),
        "Qwen2.5-VL-7B": CriticSizes(2 * 8_292_166_656, 2 * 28 * 4 * 128 * 2),
    }
)
"""Sizes of the published critics, by their configs."""


class _Way(NamedTuple):
    """One way of sharing: bytes on the card while the critic looks and while the generator draws, and outside of it."""

    looking: float
    drawing: float
    host: float
    sleep: bool
    mode: MemoryMode | None


def kv_bytes_per_token(folder: Path, number_bytes: int) -> int:
    """Bytes of keys and values that a Qwen2.5-VL keeps for one token.

    Raises:
        BadCheckpoint: its config.json is missing or says too little.
    """
    try:
        config = json.loads((folder / "config.json").read_bytes())
        text = config.get("text_config", config)
        heads = int(text["num_attention_heads"])
        size = int(text.get("head_dim") or text["hidden_size"] // heads)
        return 2 * int(text["num_hidden_layers"]) * int(text.get("num_key_value_heads") or heads) * size * number_bytes
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise BadCheckpoint(f"{folder / 'config.json'} does not tell the critic's size ({error!r})") from error


def context_of(folder: Path) -> int:
    """Tokens that the model was made for.

    Raises:
        BadCheckpoint: its config.json is missing or says too little.
    """
    try:
        config = json.loads((folder / "config.json").read_bytes())
        return int(config.get("text_config", config)["max_position_embeddings"])
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise BadCheckpoint(f"{folder / 'config.json'} does not tell the critic's context ({error!r})") from error


def weight_bytes(folder: Path, number_bytes: int) -> int:
    """Bytes of all weights in a folder's safetensors, by their shapes, when each number takes so many.

    The size of the files says less: published weights may lie in float32 and are computed in bfloat16.

    Raises:
        BadCheckpoint: a file is cut short or no safetensors file.
    """
    from omniagent.model.files.weights import read_shapes

    shapes = read_shapes(sorted(folder.glob("*.safetensors")))
    return number_bytes * sum(map(math.prod, shapes.values()))


def memory_for(
    card: Card | None, *, weights: int, drawer: Need | None, caches: Sequence[int], host: int | None = None
) -> Memory:
    """How the critic's server and the generator should use their machine.

    Without a card the server takes the first of `caches` of main memory. On a card, in this order, the first way whose
    sums fit is taken, with the first of the `caches` that fits:

    1. Both stay on the card.
    2. The critic sleeps while the generator draws; the generator's weights stay while the critic looks.
    3. The critic sleeps, and the generator, one network at a time on the card, leaves it before the critic wakes.
    4. Both stay, the generator's weights in groups of blocks at a time, which is slow.
    5. As 3, in groups.

    Args:
        card: The GPU that both share, or None.
        weights: Bytes of the critic's weights as they are computed with.
        drawer: What the generator needs; None when it runs elsewhere.
        caches: Bytes wanted for keys and values, the most first.
        host: Bytes of main memory; None: enough.

    Raises:
        OutOfMemory: no way fits; the message says what would.
    """
    wanted = [min(MOST_CACHE, max(LEAST_CACHE, cache)) for cache in caches]
    if card is None:
        return Memory(wanted[0])
    room = math.inf if host is None else host
    for number in range(5):
        for kv in wanted:
            way = _ways(weights, kv, drawer)[number]
            if max(way.looking, way.drawing) <= card.total and way.host <= room:
                share = min(0.95, (weights + kv + OVERHEAD) / card.total)
                return Memory(kv, share, way.sleep, way.mode)
    raise OutOfMemory(_too_small(card, weights, drawer, wanted[-1], host))


def _ways(weights: int, kv: int, drawer: Need | None) -> tuple[_Way, ...]:
    critic = weights + kv + OVERHEAD
    if drawer is None:
        return (_Way(critic, 0, weights + HOST, False, None),) * 5
    own = drawer.transformer + drawer.mllm + drawer.vae
    peaks = {mode: drawer.peak(mode) * SPARE for mode in ("whole", "model", "group")}
    # Weights are read into main memory before they go to the card; those of a sleeping critic lie there too.
    alone, both = own + HOST, own + weights + HOST
    return (
        _Way(critic + peaks["whole"], critic + peaks["whole"], alone, False, None),
        _Way(critic + own + RESTING, ASLEEP + peaks["whole"], both, True, "whole"),
        _Way(critic + RESTING, ASLEEP + peaks["model"], both, True, "model"),
        _Way(critic + peaks["group"], critic + peaks["group"], alone, False, "group"),
        _Way(critic + RESTING, ASLEEP + peaks["group"], both, True, "group"),
    )


def _too_small(card: Card, weights: int, drawer: Need | None, kv: int, host: int | None) -> str:
    """What a machine lacks, and what would serve, in one line."""
    least = min(_ways(weights, kv, drawer), key=lambda way: (max(way.looking, way.drawing), way.host))
    needs = f"the critic needs {(weights + kv + OVERHEAD) / GIB:.1f} GiB of the card's {card.total / GIB:.1f}"
    if drawer is not None:
        needs += f", the generator {drawer.peak('group') * SPARE / GIB:.1f} to {drawer.peak('whole') * SPARE / GIB:.1f}"
    if host is not None and max(least.looking, least.drawing) <= card.total:
        needs += f", and both together {least.host / GIB:.1f} of {host / GIB:.1f} GiB of main memory"
    return f"{needs}; use --critic local, a smaller critic, or one on another machine by its URL"
