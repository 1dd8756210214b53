"""Seeds of attempts: each its own, and the same in every replay."""

from hypothesis import given
from hypothesis import strategies as st

from omniagent.graphs.history import seed_of


@given(st.integers(0, 2**63 - 1), st.sets(st.integers(0, 10_000), min_size=2, max_size=50))
def test_seeds_depend_on_task_seed_and_index_alone(seed: int, indices: set[int]):
    derived = [seed_of(seed, index) for index in indices]
    assert derived == [seed_of(seed, index) for index in indices]
    assert all(0 <= one < 2**63 for one in derived)
    assert seed_of(seed, 0) == seed


def test_one_run_gives_each_of_its_attempts_another_seed():
    assert len({seed_of(7, index) for index in range(1000)}) == 1000
