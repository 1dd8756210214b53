"""How many pictures the next round draws: by wish, by the caps, and by the time that is left. Pure functions."""

from omniagent.graphs.history import pictures_drawn, step_of
from omniagent.graphs.policy import LoopPolicy
from omniagent.graphs.state import AgentState
from omniagent.model.wording import counted


def candidates(state: AgentState, *, repair: bool = False) -> int:
    """How many pictures the next round draws, at least one and within the caps on pictures and candidates (rule 8)."""
    policy = state.policy
    if repair:
        wanted = policy.repair_candidates
    elif any(one.step == step_of(state) for one in state.attempts):
        wanted = state.budget.candidates
    else:
        mode = None if state.plan is None else state.plan.mode
        wanted = policy.first_candidates if mode is None else policy.first_by_mode.get(mode, policy.first_candidates)
    most = policy.most_candidates or wanted
    needed = seconds_a_picture(state)
    if policy.whole_rounds and needed:
        most = min(most, max(1, int(time_left(state) / needed)))
    return max(1, min(wanted, most, state.budget.max_images - pictures_drawn(state)))


def fewer_candidates(state: AgentState, policy: LoopPolicy) -> str | None:
    """What to tell where a policy, capped by what was measured of the critic, allows fewer candidates than are wanted.

    None where it takes nothing away, or where the number was set.
    """
    first = (policy.first_candidates, *policy.first_by_mode.values())
    wanted = max(state.budget.candidates, *first, policy.repair_candidates)
    if policy.most_candidates is None or policy.most_candidates == state.policy.most_candidates:
        return None
    if policy.most_candidates >= wanted:
        return None
    return (
        f"at most {counted(policy.most_candidates, 'picture')} a round in place of {wanted}: by its calibration this "
        "critic accepts too many wrong pictures to choose among more; loop.most_candidates overrules that"
    )


def time_left(state: AgentState) -> float:
    """Seconds until the time limit."""
    return state.budget.time_limit - state.usage.seconds


def seconds_a_picture(state: AgentState) -> float:
    """What drawing and judging one more picture takes by what was measured in this run; 0 before the first.

    The quickest round counts, as the first may have loaded and compiled; reading the task counts as one more look.
    """
    if not state.pace:
        return 0.0
    return min(state.pace) + state.usage.critic_seconds / (len(state.attempts) + 1)
