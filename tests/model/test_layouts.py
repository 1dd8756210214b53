"""How weights are laid out for the processor, and when."""

from __future__ import annotations

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import nn

from omniagent.model.network.cpu_linear import KEPT_BYTES, faster, keep_of, lay_out, product
from tests.bench.timing import Spread, Timed


@torch.no_grad()
def test_a_weight_that_is_laid_out_for_each_product_is_kept_nowhere_and_follows_its_changes():
    layer, x = nn.Linear(24, 40), torch.rand(2, 7, 24)
    (kept,), (each,) = lay_out([layer]), lay_out([layer], "each")
    assert isinstance(kept, torch.Tensor) and not isinstance(each, torch.Tensor)
    assert lay_out([layer], "none") == lay_out([nn.Identity()], "each") == (None,)
    for _ in range(2):
        (kept,) = lay_out([layer])
        plain = layer(x)
        assert torch.equal(product(layer, x, each), product(layer, x, kept))
        assert torch.allclose(product(layer, x, each), plain, atol=1e-6)
        layer.weight.mul_(2)


def test_small_networks_keep_their_layouts_and_half_precision_or_large_ones_do_not():
    assert keep_of(nn.Linear(8, 8)) == "kept"
    with torch.device("meta"):
        large = nn.Linear(KEPT_BYTES, 2)
    assert keep_of(large) == "none" and keep_of(large.bfloat16()) == "none"


def test_the_trial_of_a_large_network_uses_up_none_of_the_callers_random_numbers(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr("omniagent.model.network.cpu_linear.KEPT_BYTES", 0)
    layer, state = nn.Linear(24, 40), torch.get_rng_state()
    kept = keep_of(layer)
    assert torch.equal(torch.get_rng_state(), state) and kept in ("each", "none")
    # It is made once a process for a shape.
    assert keep_of(nn.Linear(24, 40)) == kept


@given(st.lists(st.floats(0.1, 10), min_size=3, max_size=9))
def test_a_way_is_taken_for_faster_only_by_the_median_of_pairs(times: list[float]):
    assert not faster(times, times) and faster(times, [1.2 * each for each in times])
    assert not faster(times, [1.1 * each for each in times]) and not faster([1.2 * each for each in times], times)
    # A single disturbed pair says nothing.
    assert not faster(times, [100.0, *times[1:]])


def test_paired_ratios_count_what_came_before_the_first_step_and_tell_their_spread():
    nothing = torch.empty(0)
    long, short = Timed(0, nothing, [4.0, 2.0, 8.0, 5.0], 4.0), Timed(0, nothing, [2.0, 1.0, 3.0, 2.0])
    assert long.over(short) == Spread(3.0, 2.875, 3.0)
    assert Spread.of([1.5]) == Spread(1.5, 1.5, 1.5)
