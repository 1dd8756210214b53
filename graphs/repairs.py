"""When a picture is repaired and how, when a repair is kept, and what a redraw asks for: pure functions."""

import re

from omniagent.graphs.history import Round, best_of, broken, critique_of, root_of
from omniagent.graphs.policy import LoopPolicy
from omniagent.graphs.state import AgentState
from omniagent.model.wording import counted
from omniagent.tools.types import Attempt, Critique


def failed(critique: Critique) -> tuple[str, ...]:
    """The requirements that do not hold for sure; `unsure` is not among them (rule 2)."""
    return tuple(verdict.requirement for verdict in critique.verdicts if verdict.answer == "no")


def repair_fault(state: AgentState, repair: Round) -> str | None:
    """Why a repair is rolled back (rule 4): it broke, over-edited or gained nothing; None when it is kept.

    What failed of the surroundings, the look or the view of all is a reason to change all.
    """
    before = best_of(state, (one for one in state.attempts if one.round < repair.number))
    critique = None if before is None else critique_of(state, before)
    if critique is None:
        return None
    if lost := broken(critique, repair.critique):
        return f"the repair broke {counted(len(lost), 'requirement')} that held"
    if repair.critique.over_edit > state.policy.over_edit_limit and not _mends_all(state, critique):
        return f"{repair.critique.over_edit:.0%} of what the repair changed had no reason"
    if repair.critique.passed <= critique.passed:
        return "the repair did not help"
    return None


def _mends_all(state: AgentState, before: Critique) -> bool:
    """Whether something did not hold that only a change of most of the picture can mend."""
    lines = () if state.plan is None else state.plan.checklist
    open_lines = {verdict.requirement for verdict in before.verdicts if verdict.answer != "yes"}
    return any(one.id in open_lines and one.stated.reach not in (None, "part") for one in lines)


def is_local(critique: Critique, policy: LoopPolicy) -> bool:
    """Whether so little is wrong that a repair may mend it (rule 3)."""
    return critique.scope == "local" and 1 <= len(failed(critique)) <= policy.local_failures


def repairable(state: AgentState, attempt: Attempt) -> bool:
    """Whether this picture may be repaired: drawn afresh or kept, a local failure, not tried before, depth left."""
    critique = critique_of(state, attempt)
    if state.plan is None or state.plan.mode != "generate" or critique is None or state.budget.max_depth < 1:
        return False
    parents = {attempt.id, root_of(state, attempt).id}
    tried = any(one.round > attempt.round and one.parent in parents for one in state.attempts)
    return not tried and is_local(critique, state.policy)


def repair_of(state: AgentState, attempt: Attempt, repair: str) -> tuple[Attempt, str]:
    """What to edit, and with which words: the fresh ancestor with all repairs folded into one (rule 3).

    A policy that stacks edits goes on from the kept edit itself until the depth cap.
    """
    if state.policy.stack_edits and attempt.depth < state.budget.max_depth:
        return attempt, repair
    root = root_of(state, attempt)
    return root, fold(attempt.instruction if attempt.parent is not None else "", repair)


def redraw_words(state: AgentState) -> str:
    """What to draw afresh: the plan's instruction, in the policy's modes with the best picture's repair."""
    if state.plan is None:
        return state.task.instruction
    best = best_of(state)
    critique = None if best is None else critique_of(state, best)
    if state.plan.mode not in state.policy.merge_modes or critique is None or critique.repair is None:
        return state.plan.instruction
    if not is_local(critique, state.policy):
        return state.plan.instruction
    return fold(state.plan.instruction, critique.repair)


def fold(*instructions: str) -> str:
    """Several instructions as one, each said once."""
    folded: list[str] = []
    for instruction in instructions:
        text = instruction.strip().rstrip(".;,!")
        if text and not any(_plain(text) in _plain(earlier) for earlier in folded):
            folded = [earlier for earlier in folded if _plain(earlier) not in _plain(text)] + [text]
    return " and ".join(folded)


def _plain(text: str) -> str:
    return re.sub(r"\W+", " ", text).strip().lower()
