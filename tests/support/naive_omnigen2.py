"""OmniGen2's transformer written a second time, as plainly as can be: one sample, float64, no batching, no padding.

It shares no line with the real one, so that a slip in packing, masks or positions shows as a difference.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

import torch
from torch.nn.functional import silu

Weights = dict[str, torch.Tensor]


class NaiveOmniGen2:
    """Weights and config of a transformer, in float64."""

    def __init__(self, weights: Weights, config: Mapping[str, Any]) -> None:
        self.weights = {name: each.double() for name, each in weights.items()}
        self.config = config

    def velocity(
        self, latent: torch.Tensor, time: float, text: torch.Tensor, references: Sequence[torch.Tensor] = ()
    ) -> torch.Tensor:
        """Velocity (C, h, w) of one latent (C, h, w) under text states (L, F) and reference latents."""
        temb = self.time(time)
        refined = self.norm("time_caption_embed.caption_embedder.0", text.double())
        tokens = [self.linear("time_caption_embed.caption_embedder.1", refined)]
        places = [[(i, i, i) for i in range(len(text))]]
        tokens[0] = self.blocks("context_refiner", tokens[0], places[0], None)
        shift = len(text)
        for slot, reference in enumerate(references):
            rows, columns = reference.shape[1] // 2, reference.shape[2] // 2
            places.append([(shift, r, c) for r in range(rows) for c in range(columns)])
            embedded = self.linear("ref_image_patch_embedder", self.patches(reference))
            embedded = embedded + self.weights["image_index_embedding"][slot]
            tokens.append(self.blocks("ref_image_refiner", embedded, places[-1], temb))
            shift += max(rows, columns)
        rows, columns = latent.shape[1] // 2, latent.shape[2] // 2
        places.append([(shift, r, c) for r in range(rows) for c in range(columns)])
        tokens.append(self.blocks("noise_refiner", self.linear("x_embedder", self.patches(latent)), places[-1], temb))
        joint = self.blocks("layers", torch.cat(tokens), [place for part in places for place in part], temb)
        noise = joint[-rows * columns :]
        centred = noise - noise.mean(-1, keepdim=True)
        noise = centred / (centred.square().mean(-1, keepdim=True) + 1e-6).sqrt()
        out = self.linear("norm_out.linear_2", noise * (1 + self.linear("norm_out.linear_1", silu(temb))))
        result = torch.empty_like(latent, dtype=torch.float64)
        for number, patch in enumerate(out):
            r, c = divmod(number, columns)
            result[:, 2 * r : 2 * r + 2, 2 * c : 2 * c + 2] = patch.reshape(2, 2, -1).permute(2, 0, 1)
        return result

    def time(self, time: float) -> torch.Tensor:
        angles = [time * self.config["timestep_scale"] * 10000 ** (-i / 128) for i in range(128)]
        waves = torch.tensor([*map(math.cos, angles), *map(math.sin, angles)], dtype=torch.float64)
        name = "time_caption_embed.timestep_embedder.linear_"
        return self.linear(name + "2", silu(self.linear(name + "1", waves)))

    def patches(self, latent: torch.Tensor) -> torch.Tensor:
        cut = [
            latent[:, r : r + 2, c : c + 2].permute(1, 2, 0).reshape(-1)
            for r in range(0, latent.shape[1], 2)
            for c in range(0, latent.shape[2], 2)
        ]
        return torch.stack(cut).double()

    def blocks(
        self, name: str, x: torch.Tensor, places: Sequence[tuple[int, int, int]], temb: torch.Tensor | None
    ) -> torch.Tensor:
        count = self.config["num_layers" if name == "layers" else "num_refiner_layers"]
        for number in range(count):
            x = self.block(f"{name}.{number}", x, places, temb)
        return x

    def block(
        self, name: str, x: torch.Tensor, places: Sequence[tuple[int, int, int]], temb: torch.Tensor | None
    ) -> torch.Tensor:
        if temb is None:
            x = x + self.norm(f"{name}.norm2", self.attention(name, self.norm(f"{name}.norm1", x), places))
            return x + self.norm(f"{name}.ffn_norm2", self.feed_forward(name, self.norm(f"{name}.ffn_norm1", x)))
        scale_a, gate_a, scale_f, gate_f = self.linear(f"{name}.norm1.linear", silu(temb)).chunk(4)
        attended = self.attention(name, self.norm(f"{name}.norm1.norm", x) * (1 + scale_a), places)
        x = x + gate_a.tanh() * self.norm(f"{name}.norm2", attended)
        fed = self.feed_forward(name, self.norm(f"{name}.ffn_norm1", x) * (1 + scale_f))
        return x + gate_f.tanh() * self.norm(f"{name}.ffn_norm2", fed)

    def attention(self, name: str, x: torch.Tensor, places: Sequence[tuple[int, int, int]]) -> torch.Tensor:
        heads, kv_heads = self.config["num_attention_heads"], self.config["num_kv_heads"]
        query, key, value = (self.linear(f"{name}.attn.to_{part}", x) for part in "qkv")
        outputs: list[torch.Tensor] = []
        for head in range(heads):
            kv_head = head * kv_heads // heads
            q = self.turn(self.norm(f"{name}.attn.norm_q", query.chunk(heads, -1)[head], 1e-5), places)
            k = self.turn(self.norm(f"{name}.attn.norm_k", key.chunk(kv_heads, -1)[kv_head], 1e-5), places)
            scores = (q @ k.mH).real / math.sqrt(2 * q.shape[-1])
            outputs.append(scores.softmax(-1) @ value.chunk(kv_heads, -1)[kv_head])
        return self.linear(f"{name}.attn.to_out.0", torch.cat(outputs, -1))

    def turn(self, x: torch.Tensor, places: Sequence[tuple[int, int, int]]) -> torch.Tensor:
        """Channel pairs as complex numbers, turned by their position; the real part of q·k̄ is their product."""
        steps = [
            (axis, 10000 ** (-i / dim))
            for axis, dim in enumerate(self.config["axes_dim_rope"])
            for i in range(0, dim, 2)
        ]
        angles = torch.tensor([[place[axis] * rate for axis, rate in steps] for place in places], dtype=torch.float64)
        return torch.view_as_complex(x.reshape(len(places), -1, 2).contiguous()) * torch.polar(
            torch.ones_like(angles), angles
        )

    def feed_forward(self, name: str, x: torch.Tensor) -> torch.Tensor:
        name = f"{name}.feed_forward.linear_"
        return self.linear(name + "2", silu(self.linear(name + "1", x)) * self.linear(name + "3", x))

    def norm(self, name: str, x: torch.Tensor, eps: float | None = None) -> torch.Tensor:
        eps = self.config["norm_eps"] if eps is None else eps
        return x / (x.square().mean(-1, keepdim=True) + eps).sqrt() * self.weights[f"{name}.weight"]

    def linear(self, name: str, x: torch.Tensor) -> torch.Tensor:
        result = x @ self.weights[f"{name}.weight"].T
        return result + self.weights[f"{name}.bias"] if f"{name}.bias" in self.weights else result
