"""Samplers: time grids, exactness on flows that are known, and what they refuse."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from omniagent.model.denoising.schedulers import DPMSolverMultistepScheduler, FlowMatchEulerDiscreteScheduler, time_grid
from omniagent.model.errors import BadSetting

KINDS = [FlowMatchEulerDiscreteScheduler, DPMSolverMultistepScheduler]
Kind = type[FlowMatchEulerDiscreteScheduler] | type[DPMSolverMultistepScheduler]


@given(st.integers(1, 200), st.integers(4, 40_000), st.one_of(st.none(), st.floats(0.1, 10)))
def test_times_rise_from_zero_and_stay_below_one(steps: int, tokens: int, static: float | None) -> None:
    grid = time_grid(steps, tokens, static_shift=static)
    assert grid.shape == (steps,)
    assert grid[0] == 0
    assert (np.diff(grid) > 0).all()
    assert grid[-1] < 1


@given(st.integers(2, 50), st.floats(1.1, 10))
def test_a_shift_above_one_puts_more_steps_near_the_noise(steps: int, shift: float) -> None:
    even, shifted = time_grid(steps), time_grid(steps, 64, static_shift=shift)
    assert (shifted[1:] < even[1:]).all()


def test_a_static_shift_takes_the_place_of_the_dynamic_one() -> None:
    scheduler = FlowMatchEulerDiscreteScheduler(static_shift=3.0)
    scheduler.set_timesteps(4, num_tokens=256)
    assert scheduler.times == pytest.approx((0, 0.25 / 2.5, 0.5 / 2, 0.75 / 1.5, 1))


def test_published_configs_keep_their_meaning() -> None:
    published = FlowMatchEulerDiscreteScheduler.from_config({"num_train_timesteps": 1000, "dynamic_time_shift": True})
    published.set_timesteps(2, num_tokens=64)
    assert published.timesteps.tolist() == pytest.approx([0, 0.5 / (0.2 * 0.5 + 0.5)])


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("steps", [1, 2, 7, 20])
def test_a_straight_flow_ends_exactly_in_the_data(kind: Kind, steps: int) -> None:
    scheduler = kind()
    scheduler.set_timesteps(steps, num_tokens=1024)
    noise, data = torch.randn(2, 1, 4, 4, 4, generator=torch.Generator().manual_seed(0))
    sample = noise
    for time in scheduler.timesteps:
        sample = scheduler.step(data - noise, time, sample).prev_sample
    assert torch.allclose(sample, data, atol=1e-5)


@pytest.mark.parametrize("order", [2, 3])
def test_a_higher_order_follows_a_curved_flow_more_closely_than_euler(order: int) -> None:
    def last(scheduler: FlowMatchEulerDiscreteScheduler | DPMSolverMultistepScheduler) -> float:
        scheduler.set_timesteps(16)
        sample = torch.zeros(1, 1, 1, 1)
        for time in scheduler.timesteps:
            sample = scheduler.step(torch.cos(3 * time).expand_as(sample), time, sample).prev_sample
        return abs(float(sample) - float(np.sin(3) / 3))

    assert last(DPMSolverMultistepScheduler(solver_order=order)) < 0.5 * last(FlowMatchEulerDiscreteScheduler())


@pytest.mark.parametrize("kind", KINDS)
def test_a_copy_starts_afresh_with_the_same_config(kind: Kind) -> None:
    scheduler = kind(static_shift=2.0)
    scheduler.set_timesteps(3)
    scheduler.step(torch.ones(1), scheduler.timesteps[0], torch.ones(1))
    copy = scheduler.copy()
    assert copy.config["static_shift"] == 2.0
    assert copy.step_index is None and copy.times == ()
    assert scheduler.step_index == 1


@pytest.mark.parametrize("kind", KINDS)
def test_latents_keep_their_precision(kind: Kind) -> None:
    scheduler = kind()
    scheduler.set_timesteps(2)
    moved = scheduler.step(torch.ones(2, dtype=torch.bfloat16), 0.0, torch.ones(2)).prev_sample
    assert moved.dtype == torch.float32


@pytest.mark.parametrize("steps", [0, -3, 1001, True])
def test_a_number_of_steps_outside_its_range_is_refused(steps: int) -> None:
    with pytest.raises(BadSetting, match=f"num_inference_steps={steps!r} .* 1 to 1000"):
        FlowMatchEulerDiscreteScheduler().set_timesteps(steps)


@pytest.mark.parametrize("times", [[], [0.5, 0.2], [0.2, 0.2], [-0.1], [0.5, 1.0], [[0.1]], [float("nan")]])
def test_times_that_do_not_rise_within_the_trajectory_are_refused(times: list[float]) -> None:
    with pytest.raises(BadSetting, match="rising times"):
        FlowMatchEulerDiscreteScheduler().set_timesteps(timesteps=times)


@pytest.mark.parametrize("kind", KINDS)
def test_steps_without_a_plan_or_beyond_it_are_refused(kind: Kind) -> None:
    scheduler = kind()
    with pytest.raises(BadSetting, match="before set_timesteps"):
        scheduler.step(torch.ones(1), 0.0, torch.ones(1))
    scheduler.set_timesteps(1)
    scheduler.step(torch.ones(1), 0.0, torch.ones(1))
    with pytest.raises(BadSetting, match="all 1 steps are done"):
        scheduler.step(torch.ones(1), 0.0, torch.ones(1))


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"solver_order": 4}, "solver_order=4 .* 1 or 2 or 3"),
        ({"prediction_type": "epsilon"}, "prediction_type='epsilon'"),
        ({"algorithm_type": "sde-dpmsolver++"}, "algorithm_type='sde-dpmsolver"),
        ({"solver_type": "bh2"}, "solver_type='bh2' .* 'midpoint' or 'heun'"),
        ({"static_shift": 0.0}, "static_shift=0.0 .* positive"),
    ],
)
def test_a_config_that_the_solver_cannot_follow_is_refused(change: dict[str, object], message: str) -> None:
    with pytest.raises(BadSetting, match=message):
        DPMSolverMultistepScheduler(**change)
