"""The transformer against a plain second implementation, and what it refuses."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch.nn.attention import SDPBackend, sdpa_kernel

from omniagent.model.errors import BadSetting
from omniagent.model.network.transformer import OmniGen2Transformer2DModel
from tests.support.naive_omnigen2 import NaiveOmniGen2
from tests.support.tiny_omnigen2 import CONFIG, tiny_transformer

SIZES = st.tuples(st.sampled_from([2, 4, 6]), st.sampled_from([2, 4, 8]))
SAMPLES = st.lists(
    st.tuples(SIZES, st.integers(1, 6), st.lists(SIZES, max_size=3), st.floats(0, 1)), min_size=1, max_size=3
)
Sample = tuple[tuple[int, int], int, list[tuple[int, int]], float]


def _inputs(samples: Sequence[Sample], seed: int = 0) -> dict[str, Any]:
    generator = torch.Generator().manual_seed(seed)
    longest = max(length for _, length, _, _ in samples)
    mask = torch.arange(longest) < torch.tensor([[length] for _, length, _, _ in samples])
    return {
        "hidden_states": [torch.randn(16, *size, generator=generator) for size, _, _, _ in samples],
        "timestep": torch.tensor([time for _, _, _, time in samples]),
        "text_hidden_states": torch.randn(len(samples), longest, CONFIG["text_feat_dim"], generator=generator),
        "text_attention_mask": mask.long(),
        "ref_image_hidden_states": [
            [torch.randn(16, *size, generator=generator) for size in sizes] or None for _, _, sizes, _ in samples
        ],
    }


def _run(net: OmniGen2Transformer2DModel, inputs: dict[str, Any]) -> list[torch.Tensor]:
    with torch.no_grad():
        return list(net(**inputs).sample)


def _naive(net: OmniGen2Transformer2DModel, inputs: dict[str, Any]) -> list[torch.Tensor]:
    naive = NaiveOmniGen2(net.state_dict(), net.config)
    rows = zip(
        inputs["hidden_states"],
        inputs["timestep"].tolist(),
        inputs["text_hidden_states"],
        inputs["text_attention_mask"].bool(),
        inputs["ref_image_hidden_states"],
        strict=True,
    )
    return [naive.velocity(latent, time, text[mask], refs or ()) for latent, time, text, mask, refs in rows]


@settings(max_examples=15, deadline=None)
@given(SAMPLES)
def test_any_mix_of_sizes_texts_and_references_gives_what_a_plain_implementation_gives(samples: list[Sample]) -> None:
    net, inputs = tiny_transformer(), _inputs(samples)
    for mine, wanted in zip(_run(net, inputs), _naive(net, inputs), strict=True):
        # The sinusoid of a time near 1 turns by up to 1000 radians: 6e-5 of them are lost in float32.
        assert torch.allclose(mine.double(), wanted, atol=5e-4, rtol=1e-4)


def test_other_norms_groups_and_feed_forward_sizes_are_computed_as_configured() -> None:
    net = tiny_transformer(norm_eps=1e-2, ffn_dim_multiplier=0.75, num_refiner_layers=2, num_kv_heads=1)
    inputs = _inputs([((4, 4), 3, [(2, 4)], 0.3)])
    (mine,), (wanted,) = _run(net, inputs), _naive(net, inputs)
    assert torch.allclose(mine.double(), wanted, atol=2e-5, rtol=2e-5)
    assert net.layers[0].feed_forward.linear_1.out_features == 144


def test_a_tensor_of_latents_gives_a_tensor_and_the_same_numbers_as_a_list() -> None:
    net, inputs = tiny_transformer(), _inputs([((4, 4), 3, [], 0.2), ((4, 4), 5, [(2, 2)], 0.9)])
    listed = _run(net, inputs)
    with torch.no_grad():
        stacked = net(**inputs | {"hidden_states": torch.stack(inputs["hidden_states"])}, return_dict=False)[0]
    assert isinstance(stacked, torch.Tensor)
    assert torch.equal(stacked, torch.stack(listed))


def test_text_encoded_once_gives_the_same_numbers_as_text_encoded_each_time() -> None:
    net, inputs = tiny_transformer(), _inputs([((4, 4), 3, [], 0.2), ((4, 4), 5, [(2, 2)], 0.9)])
    fresh = _run(net, inputs)
    with torch.no_grad():
        text = net.encode_text(inputs["text_hidden_states"], inputs["text_attention_mask"])
    assert text.lengths == (3, 5)
    layout = net.plan(text.lengths, [(4, 4), (4, 4)], [None, [(2, 2)]])
    reused = _run(net, inputs | {"text_hidden_states": text, "text_attention_mask": None, "layout": layout})
    assert all(torch.equal(a, b) for a, b in zip(fresh, reused, strict=True))


def test_selected_texts_are_cut_to_the_longest_of_them() -> None:
    net, inputs = tiny_transformer(), _inputs([((4, 4), 3, [], 0.2), ((4, 4), 5, [], 0.9)])
    with torch.no_grad():
        text = net.encode_text(inputs["text_hidden_states"], inputs["text_attention_mask"])
    chosen = text.select([0, 0])
    assert chosen.lengths == (3, 3)
    assert torch.equal(chosen.hidden[1], text.hidden[0, :3])


def test_a_batch_without_padding_has_no_mask() -> None:
    net = tiny_transformer()
    even = net.plan((5, 5), [(4, 4)] * 2, [[(2, 2)]] * 2)
    odd = net.plan((5, 4), [(4, 4)] * 2)
    assert even.joint.mask is None and even.noise.mask is None
    assert odd.joint.mask is not None and odd.noise.mask is None


def test_gradients_are_the_same_with_checkpointing_and_reach_every_weight() -> None:
    inputs = _inputs([((4, 4), 3, [(2, 2), (2, 4)], 0.2), ((4, 4), 5, [], 0.9)])
    grads: list[list[torch.Tensor]] = []
    for checkpointing in (False, True):
        net = tiny_transformer().train()
        if checkpointing:
            net.enable_gradient_checkpointing()
        with sdpa_kernel(SDPBackend.MATH):
            sum(each.square().sum() for each in net(**inputs).sample).backward()
        grads.append([each.grad for each in net.parameters() if each.grad is not None])
        assert all(each.grad is not None and each.grad.isfinite().all() for each in net.parameters())
    assert all(torch.allclose(a, b, rtol=1e-4, atol=1e-5) for a, b in zip(*grads, strict=True))


def test_bfloat16_weights_take_float32_latents_and_answer_in_float32() -> None:
    net, inputs = tiny_transformer(), _inputs([((4, 4), 3, [(2, 2)], 0.2)])
    exact = _run(net, inputs)[0]
    rough = _run(net.to(torch.bfloat16), inputs)[0]
    assert rough.dtype == torch.float32
    assert torch.nn.functional.cosine_similarity(rough.flatten(), exact.flatten(), dim=0) > 0.99


def test_an_untrained_network_predicts_zero_and_can_learn() -> None:
    torch.manual_seed(0)
    net, inputs = OmniGen2Transformer2DModel(**CONFIG), _inputs([((4, 4), 3, [], 0.2)])
    output = net(**inputs).sample[0]
    assert not output.any()
    (output - 1).square().sum().backward()
    assert net.norm_out.linear_2.weight.grad.abs().sum() > 0


BAD = {
    "six references": ({"ref_image_hidden_states": [[torch.zeros(16, 2, 2)] * 6]}, "6 reference pictures.*0 to 5"),
    "wrong channels": ({"hidden_states": [torch.zeros(4, 4, 4)]}, r"\(4, 4, 4\).*\(16, height, width\)"),
    "odd size": ({"hidden_states": [torch.zeros(16, 3, 4)]}, "3x4.*multiples of 2"),
    "empty size": ({"hidden_states": [torch.zeros(16, 0, 4)]}, "0x4.*multiples of 2"),
    "too wide": ({"hidden_states": [torch.zeros(16, 2, 130)]}, r"column position 64.*axes_lens\[2\]=64"),
    "wrong text width": ({"text_hidden_states": torch.zeros(1, 3, 5)}, r"\(1, 3, 5\).*64"),
    "left-padded mask": ({"text_attention_mask": torch.tensor([[0, 1, 1]])}, "ones followed by zeros"),
    "empty text": ({"text_attention_mask": torch.zeros(1, 3)}, "at least one token"),
    "mask of another length": ({"text_attention_mask": torch.ones(1, 4)}, r"\(1, 4\).*\(1, 3\)"),
    "missing text": ({"hidden_states": [torch.zeros(16, 4, 4)] * 2, "timestep": torch.zeros(2)}, "1 texts"),
}


@pytest.mark.parametrize("name", BAD)
def test_wrong_inputs_are_named_with_the_allowed_range_and_leave_the_network_usable(name: str) -> None:
    change, message = BAD[name]
    net, inputs = tiny_transformer(), _inputs([((4, 4), 3, [], 0.2)])
    with pytest.raises(BadSetting, match=message):
        net(**inputs | change)
    assert _run(net, inputs)[0].isfinite().all()


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"num_attention_heads": 5}, "hidden_size=48"),
        ({"num_kv_heads": 3}, "num_kv_heads=3"),
        ({"axes_dim_rope": (4, 4, 6)}, "add up to 12"),
        ({"axes_dim_rope": (6, 6)}, "three"),
    ],
)
def test_sizes_that_contradict_each_other_are_refused(change: dict[str, Any], message: str) -> None:
    with pytest.raises(BadSetting, match=message):
        OmniGen2Transformer2DModel(**CONFIG | change)
