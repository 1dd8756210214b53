"""When the loop looks closer before it decides.

A second reading of the task, a choice between equal pictures, what an edit changed that was to stay.
"""

from typing import Final

from omniagent.graphs.amount import time_left
from omniagent.graphs.history import critique_of, is_repair
from omniagent.graphs.leading import leader, rounds, undecided
from omniagent.graphs.rules import acceptable, ended
from omniagent.graphs.state import AgentState
from omniagent.tools.types import Attempt

_CALLS_OF_A_READING: Final = 6
"""Critic calls that must be left for a second reading and the look at the pictures that follows it."""


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


def to_restore(state: AgentState) -> Attempt | None:
    """What should be held beside the picture that it was made of, to take back what was not to change (rule 18).

    Each once: the best picture, where it is an edit of one given picture, and the last round's where it is a repair.
    None where there is none, or where too little of the budget is left to judge one more.
    """
    best, history, plan = leader(state), rounds(state), state.plan
    if best is None or plan is None or plan.steps or not state.policy.restore or state.fault is not None:
        return None
    if time_left(state) <= 2 * state.usage.critic_seconds / (len(state.attempts) + 1):
        return None
    left = state.budget.max_critic_calls - state.usage.critic_calls
    edits = plan.mode == "edit" and len(state.task.images) == 1
    last = history[-1].attempt
    for one in (*((best,) if edits or is_repair(state, best) else ()), *((last,) if is_repair(state, last) else ())):
        critique = critique_of(state, one)
        if one.restored or one.id in state.compared or critique is None or critique.blank:
            continue
        # The given picture of an edit may have to be judged after it.
        if left > 2 * max(1, critique.cost.calls) + 1:
            return one
    return None


def fruitless(state: AgentState) -> bool:
    """Whether two rounds were judged, none was accepted, and the last held no more than what was there before it."""
    history = rounds(state)
    held = [one.critique.passed for one in history]
    return len(held) >= 2 and not any(one.critique.accepted for one in history) and held[-1] <= max(held[:-1])
