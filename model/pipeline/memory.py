"""How much memory a checkpoint needs, and which way of holding it fits a device."""

from __future__ import annotations

import math
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Final, Literal

from omniagent.model.errors import BadSetting, OutOfMemory, setting_out_of_range

if TYPE_CHECKING:
    import torch

    from omniagent.model.pipeline.base import PipelineBase

MemoryMode = Literal["whole", "model", "group", "sequential"]
"""Whole: all on the device. Model: one of the three networks at a time. Group: some blocks of one network at a time.
Sequential: one layer at a time."""

EightBits = Literal["none", "stored", "multiplied"]
"""The transformer's weights in eight bits: not at all; between calls, widened layer by layer; or in products too."""

MODES: tuple[MemoryMode, ...] = ("whole", "model", "group", "sequential")
COMPILED_MODES = MODES[:2]
"""In which blocks are compiled: nothing hangs on their layers. Products in eight bits pay only there."""
GROUP_BLOCKS = 4
GIB = 2**30
SPARE = 1.1
"""Times an estimated peak that must be there."""
_TEXT_TOKENS = 256


PUBLISHED_NUMBERS: Final = MappingProxyType({"transformer": 3_967_161_400, "mllm": 3_754_622_976, "vae": 83_819_683})
"""How many numbers the networks of the published OmniGen2 have."""
PUBLISHED_CONFIG: Final = MappingProxyType({"hidden_size": 2520, "num_layers": 32})


@dataclass(frozen=True, slots=True)
class Need:
    """Bytes of weights of each network on the device, and of work beside them."""

    transformer: int
    mllm: int
    vae: int
    transformer_blocks: int
    work: int

    def peak(self, mode: MemoryMode) -> int:
        """Bytes on the device at the highest point, estimated."""
        largest = max(self.transformer, self.mllm, self.vae)
        block = max(self.transformer, self.mllm) // max(1, self.transformer_blocks)
        weights = {
            "whole": self.transformer + self.mllm + self.vae,
            "model": largest,
            # One group computes while the next one arrives.
            "group": 2 * GROUP_BLOCKS * block + self.vae,
            "sequential": block,
        }[mode]
        return weights + self.work


@dataclass(frozen=True, slots=True)
class Fit:
    """What was chosen: a mode, its estimated peak and the bytes that were free."""

    mode: MemoryMode
    peak: int
    free: int

    def __str__(self) -> str:
        return f"{self.mode}: about {self.peak / GIB:.1f} of {self.free / GIB:.1f} GiB free"


def need_of(
    folder: Path, width: int, bytes_per_weight: int = 2, *, reuse: bool = False, eight_bits: bool = False
) -> Need:
    """What a checkpoint folder needs to draw a square picture.

    Args:
        folder: In the published layout; only headers of weight files are read.
        width: Side of the picture in pixels.
        bytes_per_weight: Of the number type on the device.
        reuse: Whether edits reuse their source, and so keep keys and values (`key_bytes`).
        eight_bits: Whether the transformer's blocks multiply in eight bits.

    Raises:
        BadCheckpoint: a file is missing or broken.
    """
    from omniagent.model.files.weights import read_json, read_shapes, weight_files

    def numbers(part: str, stem: str) -> int:
        return sum(map(math.prod, read_shapes(weight_files(folder / part, stem)).values()))

    parts = {
        "transformer": numbers("transformer", "diffusion_pytorch_model"),
        "mllm": numbers("mllm", "model"),
        "vae": numbers("vae", "diffusion_pytorch_model"),
    }
    config = read_json(folder / "transformer" / "config.json")
    return need_from(parts, config, width, bytes_per_weight, reuse=reuse, eight_bits=eight_bits)


def need_from(
    parts: Mapping[str, int],
    config: Mapping[str, Any],
    width: int,
    bytes_per_weight: int = 2,
    *,
    reuse: bool = False,
    eight_bits: bool = False,
) -> Need:
    """The same of networks with so many numbers (`transformer`, `mllm`, `vae`) and the transformer's config."""
    hidden, layers = int(config.get("hidden_size", 2520)), int(config.get("num_layers", 32))
    tokens = (width // 16) ** 2
    # Three passes of text, one reference and noise: a row of hidden states, the opened feed-forward, and slack; and
    # the VAE's decoder, whose widest layer holds 256 channels at full size.
    row = 3 * (2 * tokens + _TEXT_TOKENS) * hidden
    work = bytes_per_weight * max(14 * row, 3 * 256 * width * width)
    if reuse:
        work += key_bytes(config, tokens, (2 * tokens, 2 * tokens, tokens), bytes_per_weight)
    weights = {name: bytes_per_weight * parts[name] for name in ("transformer", "mllm", "vae")}
    if eight_bits:
        numbers, small = _in_eight_bits(config)
        weights["transformer"] += small - bytes_per_weight * numbers
    return Need(weights["transformer"], weights["mllm"], weights["vae"], layers, work)


def key_bytes(config: Mapping[str, Any], noise: int, passes: Sequence[int], bytes_per_weight: int) -> int:
    """Bytes of the keys and values that an edit keeps which reuses its source.

    Args:
        config: Of the transformer.
        noise: Tokens of the picture drawn.
        passes: Of each pass of guidance, the tokens of noise and references.
        bytes_per_weight: Of the number type on the device.
    """
    hidden, layers = int(config.get("hidden_size", 2520)), int(config.get("num_layers", 32))
    heads, shared = int(config.get("num_attention_heads", 21)), int(config.get("num_kv_heads", 7))
    joint = sum(passes) + _TEXT_TOKENS * len(passes)
    refined = int(config.get("num_refiner_layers", 2)) * noise
    return (layers * joint + refined) * 2 * (hidden // heads * shared) * bytes_per_weight


def _in_eight_bits(config: Mapping[str, Any]) -> tuple[int, int]:
    """Numbers of the weights that `multiply_in_eight_bits` replaces, and the bytes that come in their place."""
    hidden, heads = int(config.get("hidden_size", 2520)), int(config.get("num_attention_heads", 21))
    keys = int(config.get("num_kv_heads", 7)) * hidden // heads
    step, factor = int(config.get("multiple_of", 256)), config.get("ffn_dim_multiplier")
    inner = math.ceil(int(4 * hidden * (factor or 1)) / step) * step
    blocks = int(config.get("num_layers", 32)) + 2 * int(config.get("num_refiner_layers", 2))
    ends = [(hidden, hidden)] * 2 + [(hidden, keys)] * 2 + [(hidden, inner)] * 2 + [(inner, hidden)]
    padded = [(-(-enters // 16) * 16, -(-leaves // 16) * 16) for enters, leaves in ends]
    # A row has a scale in float32 beside it.
    small = sum(enters * leaves + 4 * leaves for enters, leaves in padded)
    return blocks * sum(enters * leaves for enters, leaves in ends), blocks * small


def fit(need: Need, free: int, modes: Sequence[MemoryMode] = MODES) -> Fit:
    """The fastest of the modes that fits in `free` bytes with a tenth to spare; `modes` are in that order.

    Raises:
        OutOfMemory: none does.
    """
    for mode in modes:
        if need.peak(mode) * SPARE <= free:
            return Fit(mode, need.peak(mode), free)
    least = "layer by layer" if modes[-1] == MODES[-1] else f"held {modes[-1]}"
    off = "" if modes[-1] == MODES[-1] else "turn products in eight bits off, which allow no smaller way, "
    raise OutOfMemory(
        f"the model needs about {need.peak(modes[-1]) / GIB:.1f} GiB even {least} and {free / GIB:.1f} GiB are "
        f"free; {off}free some memory, draw smaller pictures, or use another device"
    )


def check_eight_bits(mode: str) -> None:
    """Return if a model that is held so may multiply in eight bits; `auto` may.

    Raises:
        BadSetting: it may not.
    """
    if mode not in ("auto", *COMPILED_MODES):
        raise BadSetting(
            f"products in eight bits pay only in compiled blocks, which are not compiled where memory={mode}; "
            f"give memory={' or '.join(COMPILED_MODES)}, or leave eight_bits off"
        )


def next_smaller(mode: str) -> MemoryMode | None:
    """The mode that takes less memory; None after the last."""
    place = [*MODES].index(mode) + 1
    return MODES[place] if place < len(MODES) else None


def free_bytes(device: torch.device) -> int:
    """Free memory of a device, or of the machine for a CPU."""
    import torch

    return int(torch.cuda.mem_get_info(device)[0]) if device.type == "cuda" else machine_memory()


def machine_memory() -> int:
    """Bytes of main memory that are free or can be freed."""
    for line in Path("/proc/meminfo").read_text().splitlines() if Path("/proc/meminfo").exists() else ():
        if line.startswith("MemAvailable:"):
            return int(line.split()[1]) * 1024
    return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")


def hold(pipeline: PipelineBase, mode: str, device: torch.device, *, eight_bits: EightBits = "none") -> None:
    """Put a pipeline's networks where a mode wants them.

    Args:
        pipeline: Freshly loaded, on the CPU.
        mode: One of `MODES`.
        device: Where it computes.
        eight_bits: Of the transformer's weights; anything but `none` is not exact. `multiplied` also has blocks
            compiled.

    Raises:
        BadSetting: no such mode, or none for products in eight bits, or the device has none of these.
    """
    import torch
    from diffusers.hooks.group_offloading import apply_group_offloading

    from omniagent.model.network.eight_bits import multiply_in_eight_bits

    if mode not in MODES:
        raise setting_out_of_range("memory mode", mode, ", ".join(MODES))
    if eight_bits == "multiplied":
        check_eight_bits(mode)
        multiply_in_eight_bits(pipeline.transformer, device)
        pipeline.computation = replace(pipeline.computation, compiled=True)
    elif eight_bits == "stored":
        pipeline.transformer.enable_layerwise_casting(torch.float8_e4m3fn, pipeline.transformer.dtype)
    if mode == "whole":
        pipeline.to(device)
    elif mode == "model":
        pipeline.enable_model_cpu_offload(device=device)
    else:
        # Weights are at hand only while their own layer is called, so none can be folded into tables beforehand.
        pipeline.computation = replace(pipeline.computation, tabled_modulation=False, laid_out=False)
        if mode == "group":
            for network in (pipeline.transformer, pipeline.mllm.model.language_model, pipeline.mllm.model.visual):
                _in_groups(network, device)
            pipeline.mllm.lm_head.to(device)
            pipeline.vae.to(device)  # pyright: ignore[reportArgumentType]
        else:
            for network in (pipeline.transformer, pipeline.mllm, pipeline.vae):
                apply_group_offloading(network, device, torch.device("cpu"), offload_type="leaf_level")
    if mode != "whole":
        pipeline.vae.enable_slicing()
        pipeline.vae.enable_tiling()


def _in_groups(network: torch.nn.Module, device: torch.device) -> None:
    """Bring a network's blocks to the device a few at a time; what lies beside them is small and stays there.

    The library brings the latter when the network itself is called, but here parts of networks are called.
    """
    import torch
    from diffusers.hooks.group_offloading import apply_group_offloading
    from diffusers.hooks.hooks import HookRegistry

    cpu = torch.device("cpu")
    apply_group_offloading(network, device, cpu, offload_type="block_level", num_blocks_per_group=GROUP_BLOCKS)
    HookRegistry.check_if_exists_or_initialize(network).remove_hook("group_offloading", recurse=False)
    for child in network.children():
        if not isinstance(child, torch.nn.ModuleList):
            child.to(device)
    for own in (*network.parameters(recurse=False), *network.buffers(recurse=False)):
        own.data = own.data.to(device)
