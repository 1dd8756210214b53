"""How many candidates a round may have with a critic of a measured false-accept rate."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from omniagent.graphs.amount import candidates, fewer_candidates
from omniagent.graphs.policy import MOST_CANDIDATES, LoopPolicy, capped, useful_candidates
from omniagent.graphs.state import AgentState
from omniagent.model.profile import Calibration, CriticProfile
from omniagent.tools.types import Attempt, Budget, ImageRef, Task

RATE = st.floats(0.0, 1.0)


def returned_right(right: float, accepted: float, drawn: int) -> float:
    """With which probability a right picture is returned of so many: none was falsely accepted, and one was right."""
    return (1 - (1 - right) * accepted) ** drawn - ((1 - right) * (1 - accepted)) ** drawn


@given(st.floats(0.001, 0.999), st.floats(1 / MOST_CANDIDATES, 1.0))
def test_beyond_the_useful_number_another_candidate_never_helps(right: float, accepted: float) -> None:
    most = useful_candidates(accepted)
    for drawn in range(most + 1, most + 12):
        assert returned_right(right, accepted, drawn + 1) <= returned_right(right, accepted, drawn) + 1e-12


@given(RATE, RATE)
def test_a_worse_critic_never_gets_more_candidates(first: float, second: float) -> None:
    low, high = sorted((first, second))
    assert 1 <= useful_candidates(high) <= useful_candidates(low) <= MOST_CANDIDATES


@pytest.mark.parametrize(("accepted", "most"), [(0.0, 16), (0.05, 16), (0.1, 10), (0.25, 4), (0.4, 2), (1.0, 1)])
def test_known_rates_give_known_numbers(accepted: float, most: int) -> None:
    assert useful_candidates(accepted) == most


def state(policy: LoopPolicy, drawn: int = 1, wanted: int = 8) -> AgentState:
    """A run that has drawn some pictures."""
    image = ImageRef(sha256="0" * 64, width=8, height=8)
    made = tuple(Attempt(id=f"a{number}", image=image, instruction="x", seed=number) for number in range(drawn))
    budget = Budget(candidates=wanted, max_images=40)
    return AgentState(task=Task(instruction="x"), budget=budget, policy=policy, attempts=made)


@given(RATE, st.integers(1, 16), st.integers(0, 39))
def test_a_round_never_draws_more_than_is_wanted_or_useful(accepted: float, wanted: int, drawn: int) -> None:
    critic = CriticProfile(calibration=Calibration(false_accept=accepted))
    found = candidates(state(capped(LoopPolicy(), critic), drawn, wanted))
    assert 1 <= found <= max(1, min(wanted, useful_candidates(accepted), 40 - drawn))


def test_without_a_measurement_or_with_a_number_of_ones_own_nothing_is_capped() -> None:
    assert capped(LoopPolicy(), CriticProfile()) == LoopPolicy()
    assert capped(LoopPolicy(), CriticProfile(calibration=Calibration())) == LoopPolicy()
    own = LoopPolicy(most_candidates=12)
    assert capped(own, CriticProfile(calibration=Calibration(false_accept=0.9))) == own
    assert candidates(state(own)) == 8


def test_fewer_candidates_than_wanted_are_told_and_others_are_not() -> None:
    critic = CriticProfile(calibration=Calibration(false_accept=0.3))
    policy = capped(LoopPolicy(), critic)
    told = fewer_candidates(state(LoopPolicy()), policy)
    assert told is not None and "at most 3 pictures a round in place of 8" in told
    assert fewer_candidates(state(LoopPolicy(), wanted=3), policy) is None
    assert fewer_candidates(state(policy), policy) is None
