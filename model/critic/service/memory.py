"""How a critic's server and the generator share the memory of a machine: pure sums over bytes."""

from __future__ import annotations

import json
from pathlib import Path
from typing import NamedTuple

from omniagent.model.errors import BadCheckpoint, OutOfMemory

GIB = 2**30
OVERHEAD = 2 * GIB
"""Bytes that vLLM takes beside weights and keys: its CUDA context, picture encoder and activations."""
DRAWING = 6 * GIB
"""Bytes that the generator takes beside its weights: latents, activations, the VAE's decoder."""
LEAST_CACHE = 64 * 2**20
MOST_CACHE = 4 * GIB
CHATS_AT_ONCE = 16


class Memory(NamedTuple):
    """What a server is given: bytes for keys and values, the card's share that it may take, and whether it sleeps."""

    kv_bytes: int
    share: float | None = None
    sleep: bool = False


class Card(NamedTuple):
    """A GPU's memory in bytes."""

    total: int
    free: int


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


def weight_bytes(folder: Path) -> int:
    """Bytes of all safetensors below a folder."""
    return sum(path.stat().st_size for path in folder.rglob("*.safetensors"))


def memory_for(card: Card | None, *, weights: int, generator: int, cache: int) -> Memory:
    """How the critic's server should use its machine.

    Without a card it takes `cache` bytes of main memory. On a card it stays beside the generator when both fit;
    else it sleeps while the generator draws, when each fits alone.

    Args:
        card: The GPU that both share, or None.
        weights: Bytes of the critic's weights.
        generator: Bytes of the generator's weights; 0 when it runs elsewhere.
        cache: Bytes wanted for keys and values.

    Raises:
        OutOfMemory: the card is too small for one of the two alone.
    """
    kv = min(MOST_CACHE, max(LEAST_CACHE, cache))
    if card is None:
        return Memory(kv)
    critic, drawing = weights + kv + OVERHEAD, generator + DRAWING if generator else 0
    share = min(0.95, critic / card.total)
    if critic + drawing <= card.total:
        return Memory(kv, share)
    if max(critic, drawing) <= card.total:
        return Memory(kv, share, sleep=True)
    raise OutOfMemory(
        f"the card has {card.total / GIB:.0f} GiB, the critic needs {critic / GIB:.0f} and the generator "
        f"{drawing / GIB:.0f}; use --critic local, or a critic on another machine by its URL"
    )
