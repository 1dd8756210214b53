"""Weights of instruments: what counts in a verdict, and how much."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from omniagent.model.profile import Thresholds
from omniagent.tools.instruments.agreement import settled
from omniagent.tools.types import Answer

SAID = st.lists(
    st.tuples(st.sampled_from(["yes", "no", "unsure"]), st.floats(0, 1), st.floats(0.1, 4)), min_size=1, max_size=5
)


@given(SAID, st.floats(0.1, 10))
def test_only_the_relation_of_weights_counts_and_what_weighs_nothing_is_left_out(
    said: list[tuple[Answer, float, float]], factor: float
) -> None:
    limits = Thresholds(yes=0.6, no=0.4)
    answer, mean = settled(said, limits)
    again, other = settled([(one, p, weight * factor) for one, p, weight in said], limits)
    assert other == pytest.approx(mean) and min(p for _, p, _ in said) - 1e-9 <= mean
    if {"yes", "no"} <= {one for one, _, _ in said}:
        assert answer == again == "unsure"
    beside, unmoved = settled([*said, ("no", 0.0, 0.0)], limits)
    assert (beside, unmoved) == (answer, pytest.approx(mean))
    none = [(one, p, 0.0) for one, p, _ in said]
    assert settled(none, limits) == settled([(one, p, 1.0) for one, p, _ in said], limits)
