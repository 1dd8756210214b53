"""Products in eight bits: weights and tokens as float8 (e4m3), sums in float32, by the tensor cores of recent cards.

Every row of a weight, and every token when it comes, has a scale of its own: the largest of its numbers becomes 448,
the largest of the format (arXiv 2209.05433, section 3). Not exact: a number keeps three bits after its first. Only
products of blocks are done so, in which nearly all of the time goes. What is small or sensitive keeps its type:
embedders of text, pictures and time, norms with the layers that modulate them, the context refiner, which runs once a
prompt, and the last projection.

Alone the kernels that bring tokens to eight bits take more than the products save; compiled, they are fused with what
stands before them (docs/performance.md, "On a GPU").
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Self

import torch
from torch import nn
from torch.nn import functional

from omniagent.model.errors import BadSetting
from omniagent.model.network.transformer import OmniGen2Transformer2DModel

EIGHT = torch.float8_e4m3fn
LARGEST = 448.0
STEP = 16
"""Sides of the products are multiples of this, or the card's kernels refuse them; the published width 2520 is none."""
LEAST_CAPABILITY = (8, 9)
SMALLEST = 1e-12
_OFF = "leave eight_bits (OMNIAGENT_EIGHT_BITS) off"


class EightBitLinear(nn.Module):
    """A linear layer without bias that multiplies in eight bits. It moves between devices, but keeps its number types.

    Args:
        layer: Whose weight is taken; the new one is where it is.
        device: Where it is quantised; None: there too.

    Raises:
        BadSetting: the layer has a bias.
    """

    weight: torch.Tensor
    scale: torch.Tensor
    not_saved = "multiplies in eight bits, and what its weights were before is not kept"
    """Why a network with such a layer is no checkpoint (`omniagent.model.files.saving`)."""

    def __init__(self, layer: nn.Linear, device: torch.device | None = None) -> None:
        super().__init__()
        if layer.bias is not None:  # pyright: ignore[reportUnnecessaryComparison]
            raise BadSetting("a linear layer with a bias is not multiplied in eight bits; leave it as it is")
        self.in_features, self.out_features = layer.in_features, layer.out_features
        own = layer.weight.detach()
        weight, scale = (each.to(own.device) for each in quantised(own.to(device or own.device)))
        extra = -self.out_features % STEP
        self.register_buffer("weight", _with_rows(weight, extra))
        self.register_buffer("scale", functional.pad(scale, (0, 0, 0, extra), value=1.0))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Map (..., in) to (..., out) in the type of `x`, by way of bfloat16 where a card computes it."""
        if not x.numel():
            return x.new_empty((*x.shape[:-1], self.out_features))
        rows, scale = quantised(x.reshape(-1, self.in_features))
        # The public `functional.scaled_mm` came after the oldest torch that is supported.
        library: Any = torch
        out = library._scaled_mm(
            rows,
            self.weight.t(),
            scale_a=scale,
            scale_b=self.scale.t(),
            out_dtype=torch.bfloat16 if x.is_cuda else x.dtype,
            use_fast_accum=x.is_cuda,
        )
        return out[:, : self.out_features].to(x.dtype).unflatten(0, x.shape[:-1])

    def _apply(self, fn: Callable[[torch.Tensor], torch.Tensor], recurse: bool = True) -> Self:
        # As whole numbers, which changes of number type leave alone, all but `type`.
        for name in ("weight", "scale"):
            own: torch.Tensor = getattr(self, name)
            whole = own.view(torch.uint8)
            moved = fn(whole)
            setattr(self, name, (moved if moved.dtype == whole.dtype else whole.to(moved.device)).view(own.dtype))
        return self


def quantised(rows: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    """Rows (N, K) in eight bits, with zeros up to the next multiple of 16 columns, and their scales (N, 1), float32."""
    wide = rows.float()
    scale = wide.abs().amax(dim=-1, keepdim=True).clamp(min=SMALLEST) / LARGEST
    # A quotient may be rounded to just above the largest number, which the format would make none of.
    eight = (wide / scale).clamp(-LARGEST, LARGEST)
    return functional.pad(eight, (0, -rows.size(-1) % STEP)).to(EIGHT), scale


def check_card(device: torch.device) -> None:
    """Return if a device is a card that multiplies in eight bits.

    Raises:
        BadSetting: it is not.
    """
    if device.type != "cuda":
        raise BadSetting(
            f"products in eight bits need a CUDA card of Ada, Hopper or newer, and {device} is none; {_OFF}"
        )
    if torch.cuda.get_device_capability(device) < LEAST_CAPABILITY:
        name = torch.cuda.get_device_name(device)
        raise BadSetting(f"{name} has no products in eight bits; they need a card of Ada, Hopper or newer; {_OFF}")


@torch.no_grad()
def multiply_in_eight_bits(net: OmniGen2Transformer2DModel, device: torch.device) -> int:
    """Replace the products of a network's blocks; how many were.

    Args:
        net: Without adapters; its weights may still be elsewhere.
        device: Where it will compute.

    Raises:
        BadSetting: the device cannot, or the network has adapters.
    """
    if device.type != "cpu":
        # A CPU computes them too, slowly, which is for comparing numbers.
        check_card(device)
    if getattr(net, "peft_config", None):
        raise BadSetting("the transformer has LoRAs, which products in eight bits don't take; take them off first")
    done = 0
    for blocks in (net.noise_refiner, net.ref_image_refiner, net.layers):
        for block in blocks:
            for name, layer in list(block.named_modules()):
                if type(layer) is nn.Linear and name.split(".")[0] in ("attn", "feed_forward"):
                    block.set_submodule(name, EightBitLinear(layer, device))
                    done += 1
    return done


def multiplies_in_eight_bits(net: nn.Module) -> bool:
    """Whether a network's products were replaced."""
    return any(isinstance(module, EightBitLinear) for module in net.modules())


def _with_rows(weight: torch.Tensor, extra: int) -> torch.Tensor:
    """A weight with `extra` rows of zeros; the format has no operator that pads."""
    padded = torch.zeros(weight.size(0) + extra, weight.size(1), dtype=torch.uint8, device=weight.device)
    padded[: weight.size(0)] = weight.view(torch.uint8)
    return padded.view(EIGHT)
