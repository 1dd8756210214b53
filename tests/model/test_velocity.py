"""Every way of computing a step against the published order, and what must not depend on the batch."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import fields
from typing import Any, cast

import pytest
import torch

from omniagent.model.denoising.guidance import CONDITIONAL, REFERENCES_ONLY, UNCONDITIONAL, Guidance
from omniagent.model.denoising.loop import Denoising, denoise
from omniagent.model.denoising.mag_cache import MagCache, Magnitudes
from omniagent.model.denoising.optimizations import Computation
from omniagent.model.denoising.schedulers import DPMSolverMultistepScheduler, FlowMatchEulerDiscreteScheduler
from omniagent.model.denoising.step_cache import StepCache, TaylorSeer, TeaCache
from omniagent.model.errors import BadSetting
from omniagent.model.network.text_states import TextStates
from omniagent.model.network.transformer import OmniGen2Transformer2DModel
from tests.support.tiny_omnigen2 import CONFIG, tiny_transformer

pytestmark = pytest.mark.slow

REMEDIES = [field.name for field in fields(Computation) if field.name != "compiled"]
GUIDANCE = Guidance(text_scale=3.0, image_scale=1.5)
STILL = {CONDITIONAL: (1.0,), REFERENCES_ONLY: (1.0,), UNCONDITIONAL: (1.0,)}


def text(net: OmniGen2Transformer2DModel, lengths: Sequence[int], seed: int) -> TextStates:
    generator = torch.Generator().manual_seed(seed)
    states = torch.randn(len(lengths), max(lengths), CONFIG["text_feat_dim"], generator=generator)
    mask = torch.arange(max(lengths)) < torch.tensor(lengths)[:, None]
    with torch.no_grad():
        return net.encode_text(states, mask)._replace(source=states)


def batch(
    net: OmniGen2Transformer2DModel, rows: Sequence[int], *, steps: int = 3, dpm: bool = False, **settings: Any
) -> Denoising:
    """Some of three pictures: no reference, one, and two of which one is shared."""
    generator = torch.Generator().manual_seed(5)
    noise = torch.randn(3, 16, 4, 6, generator=generator)
    first, second = torch.randn(16, 4, 4, generator=generator), torch.randn(16, 2, 6, generator=generator)
    references = [[], [first], [first, second]]
    scheduler = (DPMSolverMultistepScheduler if dpm else FlowMatchEulerDiscreteScheduler)()
    scheduler.set_timesteps(steps, "cpu", num_tokens=24)
    chosen = list(rows)
    return Denoising(
        net,
        scheduler,
        noise[chosen],
        text(net, (4, 7, 4), 1).select(chosen),
        text(net, (3, 3, 5), 2).select(chosen),
        [references[row] for row in chosen],
        settings.pop("guidance", GUIDANCE),
        **settings,
    )


@pytest.mark.parametrize("off", ["none", *REMEDIES])
def test_each_remedy_turned_off_alone_keeps_the_numbers_of_the_published_order(off: str) -> None:
    net = tiny_transformer()
    wanted = denoise(batch(net, (0, 1, 2), computation=Computation.reference()))
    how = Computation() if off == "none" else Computation.named(f"exact-{off}")
    assert torch.allclose(denoise(batch(net, (0, 1, 2), computation=how)), wanted, atol=2e-4, rtol=2e-4)


@pytest.mark.parametrize(("side", "rows"), [(8, 1), (64, 2)])
def test_passes_share_a_row_on_a_cpu_only_while_it_is_short_and_the_numbers_do_not_tell(side: int, rows: int) -> None:
    net, calls = tiny_transformer(), list[int]()
    net.layers[0].register_forward_hook(lambda *_: calls.append(1))
    ends: list[torch.Tensor] = []
    for how in (Computation(), Computation.named("exact-packed")):
        scheduler = FlowMatchEulerDiscreteScheduler()
        scheduler.set_timesteps(1)
        noise = torch.randn(1, 16, side, side, generator=torch.Generator().manual_seed(5))
        words = (text(net, (4,), 1), text(net, (3,), 2))
        ends.append(denoise(Denoising(net, scheduler, noise, *words, [[]], Guidance(text_scale=3.0), computation=how)))
    assert len(calls) == rows + 2
    assert torch.allclose(*ends, atol=2e-4, rtol=2e-4)


def test_the_published_order_runs_more_of_the_network_than_the_exact_one() -> None:
    counts: list[tuple[int, int]] = []
    for how in (Computation.reference(), Computation()):
        net, seen = tiny_transformer(), {"noise": 0, "text": 0}
        net.noise_refiner[0].register_forward_hook(lambda *_, seen=seen: seen.update(noise=seen["noise"] + 1))
        net.context_refiner[0].register_forward_hook(lambda *_, seen=seen: seen.update(text=seen["text"] + 1))
        denoising = batch(net, (1,), computation=how)
        seen.update(noise=0, text=0)
        denoise(denoising)
        counts.append((seen["noise"], seen["text"]))
    assert counts == [(9, 9), (3, 0)]


@pytest.fixture(params=[1, 2, 5])
def threads(request: pytest.FixtureRequest) -> Iterator[int]:
    before = torch.get_num_threads()
    torch.set_num_threads(request.param)
    yield request.param
    torch.set_num_threads(before)


@pytest.mark.usefixtures("threads")
@pytest.mark.parametrize("cache", [None, TeaCache(0.3), TaylorSeer(first=2, every=2), MagCache(STILL)])
@pytest.mark.parametrize("dpm", [False, True])
def test_a_picture_is_the_same_bit_for_bit_in_any_company_and_when_the_others_leave(
    cache: StepCache | None, dpm: bool
) -> None:
    net = tiny_transformer()
    settings: dict[str, Any] = {"steps": 5, "dpm": dpm, "cache": cache}
    alone = [denoise(batch(net, (row,), **settings))[0] for row in range(3)]
    for order in ((2, 0, 1), (1, 2)):
        together = denoise(batch(net, order, **settings))
        assert all(torch.equal(found, alone[row]) for found, row in zip(together, order, strict=True))
    leaving = batch(net, (0, 1, 2), **settings)
    leaving.step()
    leaving.step()
    leaving.keep((2, 0))
    left = denoise(leaving)
    assert torch.equal(left[0], alone[2]) and torch.equal(left[1], alone[0])


def test_caches_leave_layers_out_and_change_the_numbers_but_not_beyond_recognition() -> None:
    exact_net = tiny_transformer()
    exact = denoise(batch(exact_net, (1,), steps=10))
    for cache in (TeaCache(1.5), TaylorSeer(first=3, every=3), MagCache(STILL, threshold=1.0)):
        net, seen = tiny_transformer(), list[int]()
        net.layers[0].register_forward_hook(lambda *_, seen=seen: seen.append(1))
        rough = denoise(batch(net, (1,), steps=10, cache=cache))
        assert 2 <= len(seen) < 10
        assert not torch.equal(rough, exact)
        assert torch.nn.functional.cosine_similarity(rough.flatten(), exact.flatten(), dim=0) > 0.9


def test_a_threshold_of_zero_leaves_nothing_out() -> None:
    net = tiny_transformer()
    exact = denoise(batch(net, (1,)))
    for still in (TeaCache(0.0, coefficients=(1.0, 0.0)), MagCache(STILL, threshold=0.0)):
        assert torch.equal(denoise(batch(net, (1,), cache=still)), exact)


def test_a_branch_whose_lengths_change_is_evaluated_while_others_are_left_out() -> None:
    net, measured = tiny_transformer(), Magnitudes()
    exact = denoise(batch(net, (1,), steps=10))
    assert torch.equal(denoise(batch(net, (1,), steps=10, cache=measured)), exact)
    assert {len(curve) for curve in measured.curves.values()} == {10} and len(measured.curves) == 3
    moving = {**dict.fromkeys(STILL, (1.0,) * 10), UNCONDITIONAL: (1.0,) + (1.3,) * 9}
    counts = list[int]()
    for curves in (STILL, moving, measured.curves):
        made = batch(net, (1,), steps=10, cache=MagCache(curves, threshold=0.1))
        denoise(made)
        counts.append(made.token_layers)
    assert counts[0] < counts[1] <= batch_work(net) and counts[2] <= batch_work(net)


def test_curves_of_guidance_that_begins_later_lie_at_the_steps_where_it_acts() -> None:
    net, measured, late = tiny_transformer(), Magnitudes(), Guidance(text_scale=3.0, image_scale=1.5, start=0.5)
    denoise(batch(net, (1,), steps=6, cache=measured, guidance=late))
    curves = {guidance: list(map(math.isnan, curve)) for guidance, curve in measured.curves.items()}
    gaps = [True] * 4 + [False] * 2
    assert curves == {CONDITIONAL: [False] * 6, REFERENCES_ONLY: gaps, UNCONDITIONAL: gaps}
    assert measured.curves[CONDITIONAL][0] == 1.0
    with pytest.raises(BadSetting, match="5 steps cannot be measured with others of 6"):
        batch(net, (1,), steps=5, cache=measured)
    # A step of which no length is known is made in full, whatever is allowed.
    counts = list[int]()
    for curve in ((1.0,) * 6, (1.0, 1.0, math.nan, 1.0, 1.0, 1.0), (math.nan,) * 6):
        cache = MagCache(dict.fromkeys(STILL, curve), threshold=9.0, most=9, first=0.0)
        made = batch(net, (1,), steps=6, cache=cache)
        denoise(made)
        counts.append(made.token_layers)
    assert counts[0] < counts[1] < counts[2]


def batch_work(net: OmniGen2Transformer2DModel) -> int:
    made = batch(net, (1,), steps=10)
    denoise(made)
    return made.token_layers


def test_unknown_ways_of_computing_and_wrong_cache_settings_are_named() -> None:
    with pytest.raises(BadSetting, match=r"computation='fast'.*exact, reference"):
        Computation.named("fast")
    with pytest.raises(BadSetting, match="threshold=-1"):
        TeaCache(-1)
    for wrong in ({"threshold": -1.0}, {"most": 0}, {"most": 1.5}, {"first": 2.0}):
        with pytest.raises(BadSetting, match=next(iter(wrong))):
            MagCache(STILL, **cast("Any", wrong))
    with pytest.raises(BadSetting, match="no curves"):
        MagCache({})
    with pytest.raises(BadSetting, match="no curve for"):
        batch(tiny_transformer(), (1,), steps=5, cache=MagCache({CONDITIONAL: (1.0,)}))
    with pytest.raises(BadSetting, match=r"\[1, 2\] steps"):
        MagCache({**STILL, CONDITIONAL: (1.0, 1.0)})
    with pytest.raises(BadSetting, match=r"order=9 .* 0 to 8"):
        TaylorSeer(order=9)


def test_prompts_and_references_must_be_as_many_as_pictures() -> None:
    net = tiny_transformer()
    scheduler = FlowMatchEulerDiscreteScheduler()
    scheduler.set_timesteps(2)
    with pytest.raises(BadSetting, match="1 prompts, 2 negative prompts and 1 reference lists"):
        Denoising(net, scheduler, torch.zeros(1, 16, 4, 4), text(net, (3,), 1), text(net, (3, 3), 1), [[]], GUIDANCE)
