"""Shapes of pictures that models and servers take."""

from hypothesis import given
from hypothesis import strategies as st

from omniagent.model.mllm.proportions import MOST_OBLONG, widened

SIDES = st.integers(1, 20_000)


@given(SIDES, SIDES)
def test_only_the_short_side_of_a_thread_grows_and_only_as_far_as_it_must(width: int, height: int) -> None:
    taken = widened(width, height)
    assert max(taken) == max(width, height) and min(taken) >= min(width, height)
    assert max(taken) <= MOST_OBLONG * min(taken)
    if max(width, height) <= MOST_OBLONG * min(width, height):
        assert taken == (width, height)
