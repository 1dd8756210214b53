"""When the loop looks closer before it decides.

A second reading of the task, a choice between equal pictures, what an edit changed that was to stay.
"""

from typing import Final

from omniagent.graphs.amount import time_left
from omniagent.graphs.history import critique_of
from omniagent.graphs.leading import leader, rounds, undecided
from omniagent.graphs.rules import acceptable, ended
from omniagent.graphs.state import AgentState

_CALLS_OF_A_READING: Final = 6
"""Critic calls that must be left for a second reading and the look at the pictures that follows it."""

_CALLS_OF_A_LOOK: Final = 3
"""Critic calls that must be left to judge one more picture."""


def wants_reread(state: AgentState, *, cancelled: bool = False, expired: bool = False) -> bool:
    """Whether the task should be read a second time now, which is done once a run at most (rule 11).

    Before a first picture is accepted whose plan the critic itself was not sure of, or that holds all but what no
    line asks for; and where two rounds brought nothing, as the task may be misread.
    """
    plan, best = state.plan, leader(state)
    if cancelled or expired:
        return False
    if plan is None or plan.steps or plan.final or best is None or not state.policy.second_reading:
        return False
    if state.budget.max_critic_calls - state.usage.critic_calls < _CALLS_OF_A_READING:
        return False
    if acceptable(critique_of(state, best)):
        return bool(plan.unchecked) or plan.sure < state.policy.sure_plan
    return fruitless(state) and ended(state, cancelled=False, expired=False) is None


def wants_choice(state: AgentState) -> bool:
    """Whether the critic should choose between the best picture and one that holds as many requirements (rule 12)."""
    left = state.budget.max_critic_calls - state.usage.critic_calls
    return state.policy.forced_choice and left > 2 and state.fault is None and undecided(state) is not None


def wants_restoring(state: AgentState) -> bool:
    """Whether the best picture should be held beside the given one, to take back what was not to change (rule 18).

    Once for each picture that leads, of an edit of one picture that is made at once.
    """
    best, plan = leader(state), state.plan
    if best is None or plan is None or best.restored or best.id in state.compared or not state.policy.restore:
        return False
    one_edit = plan.mode == "edit" and not plan.steps and len(state.task.images) == 1
    critique = critique_of(state, best)
    calls = state.budget.max_critic_calls - state.usage.critic_calls
    if not one_edit or critique is None or critique.blank or calls <= _CALLS_OF_A_LOOK or state.fault is not None:
        return False
    return time_left(state) > 2 * state.usage.critic_seconds / (len(state.attempts) + 1)


def fruitless(state: AgentState) -> bool:
    """Whether two rounds were judged, none was accepted, and the last held no more than what was there before it."""
    history = rounds(state)
    held = [one.critique.passed for one in history]
    return len(held) >= 2 and not any(one.critique.accepted for one in history) and held[-1] <= max(held[:-1])
