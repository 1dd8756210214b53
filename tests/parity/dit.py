"""Kind `dit`: one forward pass of the transformer, and what flows between its parts."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import torch

from omniagent.model.network.rope import OmniRope
from omniagent.model.network.transformer import OmniGen2Transformer2DModel
from tests.parity.compare import Difference, difference
from tests.parity.golden import Case

HOOKED = ("x_embedder", "ref_image_patch_embedder", "context_refiner", "noise_refiner", "ref_image_refiner", "layers")


def forward(case: Case, net: OmniGen2Transformer2DModel, **settings: Any) -> list[torch.Tensor]:
    """Run the case's inputs; one velocity for each sample."""
    tensors = case.tensors
    samples = len(tensors["timestep"])
    latents = tensors["hidden_states"] if "hidden_states" in tensors else case.numbered("hidden_states")
    with torch.no_grad():
        output = net(
            latents,
            tensors["timestep"],
            tensors["text_hidden_states"],
            tensors["text_attention_mask"],
            case.references(samples),
            **settings,
        ).sample
    return list(output)


def check(case: Case) -> Iterator[Difference]:
    dtype = getattr(torch, str(case.meta["dtype"]).removeprefix("torch."))
    net = case.golden.transformer(case.meta["checkpoint"], dtype)
    seen = _record(net)
    ours = forward(case, net)
    tensors, tolerance = case.tensors, case.tolerance
    theirs = list(tensors["output"]) if "output" in tensors else case.numbered("output")
    for number, (mine, wanted) in enumerate(zip(ours, theirs, strict=True)):
        yield difference(f"output.{number}", mine, wanted, **tolerance)
    if any(name.startswith("inter.") for name in tensors):
        yield from _inside(case, seen, net.patch_size)
    yield from _tables(case, net)


def _record(net: OmniGen2Transformer2DModel) -> dict[str, torch.Tensor]:
    """Keep what the parts of `net` put out, under the names of the recorded tensors."""
    seen: dict[str, torch.Tensor] = {}

    def keep(name: str) -> Any:
        return lambda _module, _inputs, output: seen.__setitem__(name, output.detach())

    for name, module in net.named_modules():
        parent, _, number = name.rpartition(".")
        if name in HOOKED[:2] or (number.isdigit() and parent in HOOKED):
            module.register_forward_hook(keep(name))
    net.time_caption_embed.timestep_embedder.register_forward_hook(keep("temb"))
    net.time_caption_embed.caption_embedder.register_forward_hook(keep("caption_embed"))
    net.layers[0].register_forward_pre_hook(lambda _module, inputs: seen.__setitem__("joint_input", inputs[0].detach()))
    return seen


def _inside(case: Case, seen: dict[str, torch.Tensor], patch: int) -> Iterator[Difference]:
    tensors = case.tensors
    text = tensors["text_attention_mask"].bool()
    noise = _mask([h * w // patch**2 for h, w in case.meta["latent_sizes_hw"]])
    per_sample = case.meta["ref_sizes_hw"] or [None] * len(noise)
    owned = [[h * w // patch**2 for h, w in sizes or ()] for sizes in per_sample]
    pictures = _mask([tokens for sizes in owned for tokens in sizes])
    masks = {"context_refiner": text, "caption_embed": text, "noise_refiner": noise, "x_embedder": noise}
    masks |= {"layers": tensors["inter.joint_mask"], "joint_input": tensors["inter.joint_mask"]}
    for name, mine in seen.items():
        part = name.partition(".")[0]
        wanted = tensors.get(f"inter.{name}")
        if wanted is None:
            continue
        if part == "ref_image_refiner":
            # The recorded rows hold one empty picture for each sample without any.
            kept = [row for row, used in enumerate(n for sizes in owned for n in sizes or [0]) if used]
            yield difference(name, mine, wanted[kept][:, : mine.size(1)], **case.tolerance, mask=pictures)
        elif part == "ref_image_patch_embedder":
            flat = torch.cat([row[: sum(sizes)] for row, sizes in zip(wanted, owned, strict=True)])
            yield difference(name, mine[pictures], flat, **case.tolerance)
        else:
            yield difference(name, mine, wanted, **case.tolerance, mask=masks.get(part))


def _tables(case: Case, net: OmniGen2Transformer2DModel) -> Iterator[Difference]:
    config = net.config
    rope = OmniRope(tuple(config["axes_dim_rope"]), tuple(config["axes_lens"]))
    at = 0
    for axis, dim in enumerate(config["axes_dim_rope"]):
        name = f"rope.freqs_cis_axis{axis}"
        if f"{name}.real" in case.tensors:
            positions = np.zeros((config["axes_lens"][axis], 3), dtype=np.int64)
            positions[:, axis] = np.arange(len(positions))
            turns = rope.at(positions, "cpu")[:, at : at + dim // 2]
            yield difference(f"{name}.real", turns[..., 0], case.tensors[f"{name}.real"], **case.tolerance)
            yield difference(f"{name}.imag", turns[..., 1], case.tensors[f"{name}.imag"], **case.tolerance)
        at += dim // 2
    if "rope.rotary_emb.real" in case.tensors:
        lengths = case.tensors["text_attention_mask"].sum(dim=1).tolist()
        layout = net.plan(lengths, case.meta["latent_sizes_hw"], case.meta["ref_sizes_hw"])
        mask = layout.joint.mask
        for number, half in enumerate(("real", "imag")):
            wanted = case.tensors[f"rope.rotary_emb.{half}"]
            turns = layout.joint.rotation[..., number].expand(len(wanted), -1, -1)
            yield difference(f"rope.rotary_emb.{half}", turns, wanted, **case.tolerance, mask=mask)


def _mask(lengths: list[int]) -> torch.Tensor:
    return torch.arange(max(lengths, default=0)) < torch.tensor(lengths)[:, None]
