"""When a picture is repaired and how, when a repair is kept, and what a redraw asks for: pure functions."""

import re

from omniagent.graphs.history import attempt_of, critique_of, ground_of, is_repair, refinement_of, root_of, step_of
from omniagent.graphs.leading import Round, best_of, broken, doubtful, drifted, leader, rounds, surer
from omniagent.graphs.state import AgentState
from omniagent.model.wording import counted
from omniagent.tools.dialects.plain.language.ground import renumbered
from omniagent.tools.types import Attempt, Box, ImageRef, Refinement


def failed(state: AgentState, attempt: Attempt) -> tuple[str, ...]:
    """The requirements that do not hold for sure, or hold in doubt of a picture of which all hold.

    `unsure` is not among them (rule 2).
    """
    critique = critique_of(state, attempt)
    verdicts = () if critique is None else critique.verdicts
    return tuple(one.requirement for one in verdicts if one.answer == "no") or doubtful(state, attempt)


def repair_fault(state: AgentState, repair: Round) -> str | None:
    """Why a repair is rolled back (rule 4): it broke, over-edited or gained nothing; None when it is kept."""
    earlier = (one for one in state.attempts if one.round < repair.number and one.step == repair.attempt.step)
    before = best_of(state, earlier)
    critique = None if before is None else critique_of(state, before)
    if before is None or critique is None:
        return None
    if lost := broken(critique, repair.critique):
        return f"the repair broke {counted(len(lost), 'requirement')} that held"
    if drifted(state, repair.attempt, before):
        return f"{repair.critique.over_edit:.0%} of what the repair changed had no reason"
    if repair.critique.passed <= critique.passed and not surer(critique, repair.critique):
        return "the repair did not help"
    return None


def is_local(state: AgentState, attempt: Attempt) -> bool:
    """Whether so little is wrong that a repair may mend it (rule 3)."""
    critique = critique_of(state, attempt)
    if critique is None or critique.scope != "local":
        return False
    return 1 <= len(failed(state, attempt)) <= state.policy.local_failures


def repairable(state: AgentState, attempt: Attempt) -> bool:
    """Whether this picture may be repaired: drawn afresh or kept, a local failure, not tried before, depth left.

    In modes that are not among `LoopPolicy.whole_repairs` it is repaired only inside a box, so that all else keeps its
    pixels.
    """
    critique = critique_of(state, attempt)
    if state.plan is None or critique is None or state.budget.max_depth < 1:
        return False
    if state.plan.mode not in state.policy.whole_repairs:
        located = critique.repair is None or critique.where is not None
        ground = ground_of(state)
        edits = attempt.depth - (0 if ground is None else ground.depth)
        if not (state.policy.region_repairs and located) or edits >= state.budget.max_depth:
            return False
    parents = {attempt.id, root_of(state, attempt).id}
    tried = any(one.round > attempt.round and one.parent in parents for one in state.attempts)
    return not tried and is_local(state, attempt)


def repair_of(state: AgentState, attempt: Attempt, repair: str) -> tuple[Attempt, str, Box | None]:
    """What to edit, with which words, and where, if only there.

    Inside a box the attempt itself is edited: all else keeps its pixels, so that edits of edits do not drift. Without
    one it is the fresh ancestor with all repairs folded into one (rule 3); a policy that stacks edits goes on from the
    kept edit until the depth cap.
    """
    critique = critique_of(state, attempt)
    where = None if critique is None or not state.policy.region_repairs else critique.where
    stacked = state.policy.stack_edits and attempt.depth < state.budget.max_depth
    if where is not None or stacked:
        return attempt, repair, where
    root = root_of(state, attempt)
    return root, fold(attempt.instruction if is_repair(state, attempt) else "", repair), None


def redraw_words(state: AgentState) -> str:
    """What to draw afresh: the instruction that the critic wrote from the best picture, else that of the plan's step.

    In the policy's modes the best picture's repair is folded into it.
    """
    if state.plan is None:
        return state.task.instruction
    best, steps = leader(state), state.plan.steps
    own = steps[step_of(state) - 1].instruction if steps else state.plan.instruction
    critique = None if best is None else critique_of(state, best)
    if (written := fresh_words(state)) is not None:
        return written.instruction
    if state.plan.mode not in state.policy.merge_modes or critique is None or critique.repair is None:
        return own
    return fold(own, critique.repair) if best is not None and is_local(state, best) else own


def fresh_words(state: AgentState) -> Refinement | None:
    """The last new instruction for this step by which nothing was drawn yet."""
    now = step_of(state)
    mine = (one for one in reversed(state.refinements) if attempt_of(state, one.attempt).step == now)
    return next((one for one in mine if one.instruction and not _in_vain(state, one)), None)


def to_learn_from(state: AgentState) -> Attempt | None:
    """The picture from which the critic may write the next instruction: the leader, then that of the last round.

    None where one was written of both, or of a repair of the leader.
    """
    best, history = leader(state), rounds(state)
    if best is None or refinement_of(state, best) is None:
        return best
    last = history[-1].attempt
    return last if refinement_of(state, last) is None and not is_repair(state, last) else None


def sources(state: AgentState, words: str) -> tuple[str, tuple[ImageRef, ...]]:
    """What the next picture is drawn of, the one that changes first, and its words with these pictures' numbers.

    The given pictures; in a later step the picture that the one before ended with stands for image 1, with those of
    the others that the step takes something from.
    """
    steps, given = () if state.plan is None else state.plan.steps, state.task.images
    if not steps or len(given) < 1:
        return words, given
    ground = ground_of(state)
    refined = any(one.instruction == words for one in state.refinements)
    others = [number for number in steps[step_of(state) - 1].references if 1 < number <= len(given)]
    numbers = {1: 1, **{number: place for place, number in enumerate(others, start=2)}}
    first = given[0] if ground is None else ground.image
    told = words if refined else renumbered(words, numbers)
    return told, (first, *(given[number - 1] for number in others))


def _in_vain(state: AgentState, written: Refinement) -> bool:
    """Whether pictures were drawn by these words already: the next are drawn by the plan's again."""
    return any(one.instruction == written.instruction for one in state.attempts)


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
