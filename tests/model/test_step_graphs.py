"""Recorded steps: replayed in fixed memory they give what the steps themselves give; without a card and with a plain
replay in place of a CUDA graph."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from itertools import permutations
from pathlib import Path
from typing import Any

import pytest
import torch
from diffusers.models.attention_dispatch import attention_backend
from torch import nn
from torch.nn.attention import SDPBackend, sdpa_kernel

from omniagent.model.denoising import graphed
from omniagent.model.denoising.graphed import Twin
from omniagent.model.denoising.graphs import Recorded, StepGraphs, Work, copy_all, replaying
from omniagent.model.denoising.guidance import Guidance
from omniagent.model.denoising.loop import Denoising, denoise
from omniagent.model.denoising.optimizations import Computation
from omniagent.model.denoising.schedulers import FlowMatchEulerDiscreteScheduler
from omniagent.model.network.attention import AttentionProcessor
from omniagent.model.network.eight_bits import multiply_in_eight_bits
from omniagent.model.network.lora import Loras
from omniagent.model.network.switches import placeless
from omniagent.model.network.text_states import TextStates
from omniagent.model.network.transformer import OmniGen2Transformer2DModel
from tests.model.test_lora import adapter
from tests.support.tiny_omnigen2 import CONFIG, tiny_transformer

EXACT = Computation.named("exact-graphed")


class Wrapped(torch.Tensor):
    """As a quantised weight, whose numbers may lie in other tensors."""


class OwnAttention(AttentionProcessor):
    """As a program may put one in."""


def drawn(shape: Sequence[int], seed: int) -> torch.Tensor:
    return torch.randn(tuple(shape), generator=torch.Generator().manual_seed(seed))


def text(net: OmniGen2Transformer2DModel, lengths: Sequence[int], seed: int) -> TextStates:
    mask = torch.arange(max(lengths)) < torch.tensor(lengths)[:, None]
    with torch.no_grad():
        return net.encode_text(drawn((len(lengths), max(lengths), CONFIG["text_feat_dim"]), seed), mask)


def request(
    net: OmniGen2Transformer2DModel,
    seed: int,
    *,
    size: tuple[int, int] = (4, 6),
    references: tuple[int, ...] = (0, 1),
    steps: int = 5,
    end: float = 1.0,
    **settings: Any,
) -> Denoising:
    """A batch of pictures, each with so many references, of which the first is shared by all; 'seed' is all values."""
    scheduler = FlowMatchEulerDiscreteScheduler()
    scheduler.set_timesteps(steps, "cpu", num_tokens=24)
    shared, other = drawn((16, 4, 4), seed + 1), drawn((16, 2, 6), seed + 2)
    count = len(references)
    return Denoising(
        net,
        scheduler,
        drawn((count, 16, *size), seed),
        text(net, [4, 7, 5][:count], seed + 3),
        text(net, [3, 3, 2][:count], seed + 4),
        [[shared, other][:each] for each in references],
        Guidance(text_scale=3.0, image_scale=1.5, end=end),
        **settings,
    )


def test_replayed_steps_are_those_of_the_network_bit_for_bit_and_recorded_once_for_all_requests_of_their_sizes() -> (
    None
):
    net, graphs = tiny_transformer(), StepGraphs[Twin](replaying)
    for number, seed in enumerate((1, 11, 1, 21)):
        exact = request(net, seed, computation=EXACT)
        wanted = denoise(exact)
        made = request(net, seed, graphs=graphs)
        assert torch.equal(denoise(made), wanted), number
        assert made.token_layers == exact.token_layers
        assert graphs.recorded == 1


def test_requests_that_take_their_steps_in_turn_do_not_disturb_each_other() -> None:
    net, graphs = tiny_transformer(), StepGraphs[Twin](replaying)
    wanted = [denoise(request(net, seed, computation=EXACT)) for seed in (1, 11)]
    both = [request(net, seed, graphs=graphs) for seed in (1, 11)]
    for _ in range(5):
        for each in both:
            each.step()
    assert all(torch.equal(each.latents, found) for each, found in zip(both, wanted, strict=True))
    assert graphs.recorded == 1


def test_sizes_references_and_passes_are_recorded_apart_and_the_oldest_recording_goes() -> None:
    net, graphs = tiny_transformer(), StepGraphs[Twin](replaying, most=2)
    kinds: list[dict[str, Any]] = [
        {}, {"size": (6, 4)}, {"references": (2,)}, {"references": (1, 1)}, {"end": 0.5}, {}, {"size": (6, 4)},
    ]  # fmt: skip
    counts: list[int] = []
    for kind in kinds:
        before = graphs.recorded
        assert torch.equal(
            denoise(request(net, 3, graphs=graphs, **kind)), denoise(request(net, 3, computation=EXACT, **kind))
        )
        counts.append(graphs.recorded - before)
    # Guidance that ends midway starts like the first kind, which was dropped by then, and ends with one pass.
    assert counts == [1, 1, 1, 1, 2, 0, 1]


def test_pictures_that_stay_when_others_leave_are_as_they_would_be() -> None:
    net, graphs = tiny_transformer(), StepGraphs[Twin](replaying)
    ends: list[torch.Tensor] = []
    for settings in ({"computation": EXACT}, {"graphs": graphs}):
        made = request(net, 5, references=(1, 0, 2), **settings)
        made.step()
        made.keep((2, 0))
        made.step()
        made.keep((1, 0))
        ends.append(denoise(made))
    assert torch.equal(*ends)


def test_weights_that_moved_are_recorded_anew_and_those_changed_in_place_are_seen() -> None:
    net, graphs = tiny_transformer(), StepGraphs[Twin](replaying)
    # Layouts are copies, which only a CPU makes.
    how = Computation(laid_out=False)

    def check() -> None:
        wanted = denoise(request(net, 1, computation=replace(how, graphed=False)))
        assert torch.equal(denoise(request(net, 1, computation=how, graphs=graphs)), wanted)

    check()
    weight = net.layers[0].feed_forward.linear_2.weight
    with torch.no_grad():
        weight.mul_(1.5)
    check()
    assert graphs.recorded == 1
    weight.data = weight.data * 2
    check()
    assert graphs.recorded == 2


def test_what_cannot_be_recorded_is_drawn_without(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    net, tries = tiny_transformer(), list[int]()
    wanted = denoise(request(net, 1, computation=EXACT))

    def broken(work: Work, device: torch.device) -> Recorded:
        tries.append(1)
        raise RuntimeError("CUDA error: operation not permitted when stream is capturing\nmore")

    graphs = StepGraphs[Twin](broken)
    assert torch.equal(denoise(request(net, 1, graphs=graphs)), wanted)
    assert len(tries) == 1 and "not recorded" in caplog.text and "capturing" in caplog.text
    graphs = StepGraphs[Twin](replaying)
    monkeypatch.setattr(graphed, "MOST_TOKENS", 10)
    assert torch.equal(denoise(request(net, 1, graphs=graphs)), wanted)
    assert graphs.recorded == 0


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ("cpu", "only CUDA devices"),
        ("untabled", "tabled_modulation"),
        ("hook", "hooks hang"),
        ("short", "3 steps, and recording pays from 4"),
        ("lora", "LoRAs are loaded"),
        ("eight bits", "eight bits have not been measured"),
        ("wrapped", "a weight is a Wrapped"),
        ("attention", "run by a OwnAttention"),
        ("autocast", "autocast is on"),
    ],
)
def test_why_steps_are_not_recorded_is_told(change: str, reason: str, tmp_path: Path) -> None:
    net, graphs = tiny_transformer(), StepGraphs[Twin](None if change == "cpu" else replaying)
    settings: dict[str, Any] = {"steps": 3} if change == "short" else {}
    if change == "untabled":
        settings = {"computation": Computation.named("exact-tabled_rotation")}
    if change in ("wrapped", "autocast"):
        settings = {"computation": Computation(laid_out=False)}
    if change == "hook":
        net.layers[1].register_forward_hook(lambda *_: None)
    if change == "lora":
        Loras(net).load(adapter(tmp_path / "lora", 1))
    if change == "eight bits":
        multiply_in_eight_bits(net, torch.device("cpu"))
    attention: Any = net.layers[0].attn
    if change == "wrapped":
        attention.to_q.weight = nn.Parameter(attention.to_q.weight.detach().as_subclass(Wrapped))
    if change == "attention":
        attention.set_processor(OwnAttention())
    with torch.autocast("cpu", enabled=change == "autocast"):
        made = request(net, 1, graphs=graphs, **settings)
        assert made.unrecorded is not None and reason in made.unrecorded
        denoise(made)
    assert graphs.recorded == 0


def test_weights_that_are_nowhere_are_seen() -> None:
    assert placeless(nn.Linear(2, 2)) is None and placeless(nn.Linear(2, 2, device="meta")) == "meta tensor"


def test_callers_in_inference_mode_and_callers_that_only_take_no_gradients_share_recordings() -> None:
    net, found = tiny_transformer(), list[torch.Tensor]()
    for modes in permutations((torch.inference_mode, torch.no_grad)):
        graphs = StepGraphs[Twin](replaying)
        for mode in modes:
            with mode():
                found.append(denoise(request(net, 1, steps=4, graphs=graphs)))
        assert graphs.recorded == 1
    wanted = denoise(request(net, 1, steps=4, computation=EXACT))
    assert all(torch.equal(each, wanted) for each in found)


def test_what_chooses_kernels_is_recorded_apart() -> None:
    net, graphs, backends = tiny_transformer(), StepGraphs[Twin](replaying), torch.backends.cuda.matmul

    def check() -> int:
        ways: tuple[dict[str, Any], ...] = {"graphs": graphs}, {"computation": EXACT}
        assert torch.equal(*(denoise(request(net, 1, references=(0,), steps=4, **way)) for way in ways))
        return graphs.recorded

    assert check() == 1
    # To set it on a network sets it for every other network of the process too, which the context puts back.
    with attention_backend("native"):
        net.set_attention_backend("_native_math")
        assert check() == 2
    net.reset_attention_backend()
    assert check() == 2
    with sdpa_kernel(SDPBackend.MATH):
        assert check() == 3
    before = backends.allow_bf16_reduced_precision_reduction
    backends.allow_bf16_reduced_precision_reduction = not before
    try:
        assert check() == 4
    finally:
        backends.allow_bf16_reduced_precision_reduction = before
    assert check() == 4


def test_products_in_eight_bits_are_recorded_for_who_measures_them() -> None:
    net, graphs = tiny_transformer(), StepGraphs[Twin](replaying, eight_bits=True)
    multiply_in_eight_bits(net, torch.device("cpu"))
    assert torch.equal(denoise(request(net, 1, graphs=graphs)), denoise(request(net, 1, computation=EXACT)))
    assert graphs.recorded == 1


@pytest.mark.parametrize("lost", [1.0, 0.1])
def test_a_recording_that_gives_other_numbers_than_the_step_is_not_used(
    lost: float, caplog: pytest.LogCaptureFixture
) -> None:
    def lossy(work: Work, _device: torch.device) -> Recorded:
        """As a graph that missed all kernels, or some."""
        first = work()
        results = tuple(each.clone() for each in first)

        def again() -> None:
            if lost < 1:
                copy_all(results, [each * (1 - lost) for each in work()])

        return Recorded(again, results, first)

    net, graphs = tiny_transformer(), StepGraphs[Twin](lossy)
    assert torch.equal(denoise(request(net, 1, graphs=graphs)), denoise(request(net, 1, computation=EXACT)))
    assert graphs.recorded == 0 and "other numbers than the step itself" in caplog.text
