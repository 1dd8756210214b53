"""The rules of the loop: what comes next, as pure functions of the state.

Each rule answers a failure seen in published systems: critics that rewrite the goal, edits that stack and drift,
loops that return their last picture or never end. `decide` applies them in a fixed order; the first that speaks wins.
"""

from collections.abc import Sequence
from typing import Final

from omniagent.graphs.amount import seconds_a_picture, time_left
from omniagent.graphs.history import (
    attempt_of,
    critique_of,
    due,
    is_repair,
    pictures_drawn,
    preference_of,
    round_number,
    standing,
    step_of,
)
from omniagent.graphs.leading import best_of, doubtful, leader, rounds, sureness
from omniagent.graphs.repairs import (
    failed,
    fresh_words,
    is_local,
    redraw_words,
    repair_fault,
    repair_of,
    repairable,
    to_learn_from,
)
from omniagent.graphs.stagnation import going_nowhere
from omniagent.graphs.state import AgentState
from omniagent.model.wording import counted
from omniagent.tools.dialects.plain.language.ground import named_images
from omniagent.tools.types import Attempt, Critique, Decision, StopReason

_SAME_BEFORE: Final = "all requirements hold of the given picture too, so they do not tell whether the change was made"


def decide(state: AgentState, *, cancelled: bool = False, expired: bool = False) -> Decision:
    """What to do next and why. Every run ends: each decision but a stop draws, and rounds are capped."""
    best = leader(state)
    if state.answer is not None:
        return Decision(action="accept", reason="the question was answered", stop="accepted")
    held = best is not None and acceptable(critique_of(state, best)) and shows_change(state)
    if held and best is not None and not wants_survey(state):
        if state.plan is not None and step_of(state) < len(state.plan.steps):
            return ended(state, cancelled=cancelled, expired=expired) or advance(state, best)
        doubts = _doubts(state, best)
        if doubts:
            hindrance = hindered(state, best, cancelled=cancelled, expired=expired)
            if hindrance is None:
                return next_try(state)
            doubts = f"{doubts}; not bettered, as {hindrance}"
        if state.plan is not None and state.plan.unchecked:
            said = ", ".join(f"“{one}”" for one in state.plan.unchecked)
            return _stop(state, "unchecked", f"every requirement holds{doubts}, but none asks for {said}")
        reason = f"every requirement holds{doubts}"
        return Decision(action="accept", reason=reason, target=best.id, stop="accepted")
    if (stop := ended(state, cancelled=cancelled, expired=expired)) is not None:
        return stop
    if (stop := going_nowhere(state)) is not None:
        return stop.model_copy(update={"reason": stop.reason + _of_nothing(state)})
    return next_try(state)


def hindered(state: AgentState, best: Attempt, *, cancelled: bool, expired: bool) -> str | None:
    """Why no other round follows where every requirement holds of the best picture, but not for sure (rule 17).

    None while one may: the budget lasts, no surer picture lost the critic's choice to this one, and fewer than
    `LoopPolicy.doubtful_rounds` rounds drawn afresh came after it.
    """
    stop = ended(state, cancelled=cancelled, expired=expired) or going_nowhere(state)
    if stop is not None:
        return stop.reason
    lost = [one for one in state.attempts if preference_of(state, one, best) or preference_of(state, best, one)]
    if any(acceptable(critique_of(state, one)) and not doubtful(state, one) for one in lost):
        return "the critic chose it over a surer picture"
    later = [one for one in rounds(state) if one.number > best.round and not is_repair(state, one.attempt)]
    if state.policy.doubtful_rounds and len(later) >= state.policy.doubtful_rounds:
        return f"{counted(len(later), 'round')} brought no surer picture"
    return None


def _doubts(state: AgentState, best: Attempt) -> str:
    """What to say of a picture of which not all requirements that hold do for sure."""
    critique = critique_of(state, best)
    few = () if critique is None else doubtful(state, best)
    if critique is None or not few:
        return ""
    least = min(sureness(one) for one in critique.verdicts)
    return f", {len(few)} of {counted(len(critique.verdicts), 'requirement')} not for sure ({least:.0%} at least)"


def advance(state: AgentState, best: Attempt) -> Decision:
    """Go on with the plan's next step, from the picture that this one ends with."""
    assert state.plan is not None, "only a plan has steps"
    now, steps = step_of(state), state.plan.steps
    return Decision(
        action="advance",
        reason=f"step {now} of {len(steps)} holds; next: {steps[now].instruction}",
        target=best.id,
        instruction=steps[now].instruction,
    )


def acceptable(critique: Critique | None) -> bool:
    """Whether every requirement holds for sure: `unsure` does not count as held (rule 2)."""
    return critique is not None and critique.accepted


def wants_survey(state: AgentState) -> bool:
    """Whether the given picture must be judged before an edit of it may be accepted (rule 9)."""
    best = leader(state)
    edits = state.plan is not None and state.plan.mode == "edit" and len(state.task.images) == 1
    if not edits or state.given is not None or best is None:
        return False
    if state.plan is not None and step_of(state) < len(state.plan.steps):
        return False
    critique = critique_of(state, best)
    return acceptable(critique) and not _compared(state, critique)


def shows_change(state: AgentState) -> bool:
    """Whether the best picture is known to differ from the given one in what was asked for (rule 9).

    It is where both were judged together; else some requirement must fail of the given picture, or be less likely of
    it by `LoopPolicy.least_rise`.
    """
    best = leader(state)
    critique = None if best is None else critique_of(state, best)
    if state.given is None or critique is None or not state.given.accepted:
        return True
    asked = {one.question for one in state.plan.checklist} if state.plan is not None else set[str]()
    before = {one.requirement: one.probability for one in state.given.verdicts}
    if best is not None and any(one.question not in asked for one in due(state, best)):
        # A step that is not the last is judged by lines of its own.
        return True
    rises = [one.probability - before.get(one.requirement, 0.0) for one in critique.verdicts]
    return max(rises, default=0.0) >= state.policy.least_rise


def _compared(state: AgentState, critique: Critique | None) -> bool:
    """Whether a requirement asked, of both pictures together, that the change was made."""
    if critique is None or state.plan is None:
        return False
    asks = {one.id for one in state.plan.checklist if one.stated.change}
    return any(
        one.requirement in asks and any(each.instrument == "pair" for each in one.evidence) for one in critique.verdicts
    )


def ended(state: AgentState, *, cancelled: bool, expired: bool) -> Decision | None:
    """A stop by fault, by wish or by a hard cap, or None (rule 8)."""
    budget, usage = state.budget, state.usage
    if state.fault is not None:
        return _stop(state, state.fault.stop, state.fault.message)
    if cancelled:
        return _stop(state, "cancelled", "the run was cancelled")
    if expired or usage.seconds >= budget.time_limit:
        return _stop(state, "time_limit", f"the time limit of {budget.time_limit:g} seconds is reached")
    if usage.critic_calls >= budget.max_critic_calls:
        return _stop(state, "critic_unavailable", f"all {budget.max_critic_calls} critic calls are spent")
    if round_number(state) >= budget.max_rounds:
        return _stop(state, "round_limit", f"all {budget.max_rounds} rounds are spent")
    if pictures_drawn(state) >= budget.max_images:
        return _stop(state, "image_limit", f"all {budget.max_images} pictures are spent")
    if state.policy.whole_rounds and (needed := seconds_a_picture(state)) > (left := time_left(state)):
        return _stop(
            state,
            "time_limit",
            f"{left:.0f} of {budget.time_limit:g} seconds are left, too few for another picture, which takes about "
            f"{needed:.0f}",
        )
    return None


def next_try(state: AgentState) -> Decision:
    """Roll back, repair, or draw again: with new words where the critic wrote some, else with the same."""
    best, history = leader(state), rounds(state)
    if best is None or not history or state.plan is None:
        return Decision(action="regenerate", reason="nothing was judged yet", instruction=redraw_words(state))
    last = history[-1]
    if is_repair(state, last.attempt) and (fault := repair_fault(state, last)) is not None:
        return Decision(action="roll_back", reason=fault, target=best.id, instruction=redraw_words(state))
    critique = critique_of(state, best)
    if critique is not None and critique.repair is not None and repairable(state, best):
        base, words, box = repair_of(state, best, critique.repair)
        why = f"a local failure: {_failures(state, best)}"
        return Decision(action="edit", reason=why, target=base.id, instruction=words, box=box)
    why = _failures(state, last.attempt) if shows_change(state) else _SAME_BEFORE
    if (written := fresh_words(state)) is not None:
        said = f": {written.wrong}" if written.wrong else ""
        return Decision(action="refine", reason=f"{why}{said}", instruction=written.instruction)
    return Decision(action="regenerate", reason=f"draw again: {why}", instruction=redraw_words(state))


def wants_suggestion(state: AgentState, *, cancelled: bool = False, expired: bool = False) -> bool:
    """Whether a repair should be written for the best picture now: only when it can still be used (rule 7)."""
    best = leader(state)
    critique = None if best is None else critique_of(state, best)
    if best is None or critique is None or critique.repair is not None or state.plan is None:
        return False
    if decide(state, cancelled=cancelled, expired=expired).action in ("accept", "advance", "stop"):
        return False
    merges = state.plan.mode in state.policy.merge_modes and is_local(state, best)
    return merges or repairable(state, best)


def wants_refinement(state: AgentState, *, cancelled: bool = False, expired: bool = False) -> bool:
    """Whether the critic should write a new instruction now: the next picture is drawn afresh, and none was written.

    Once for each picture that leads, when requirements fail of it for sure or hold in doubt, or, by
    `LoopPolicy.refine_unsure`, the critic could not tell of some.
    """
    attempt = to_learn_from(state)
    critique = None if attempt is None else critique_of(state, attempt)
    if state.plan is None or attempt is None or critique is None or not state.policy.refine:
        return False
    open_lines = state.policy.refine_unsure and not critique.accepted
    if critique.blank or not (failed(state, attempt) or open_lines):
        return False
    return decide(state, cancelled=cancelled, expired=expired).action in ("regenerate", "roll_back")


def may_draw_ahead(state: AgentState) -> bool:
    """Whether a redraw may follow the round that is being looked at: rounds and pictures are left for one (rule 8)."""
    return round_number(state) < state.budget.max_rounds and pictures_drawn(state) < state.budget.max_images


def open_question(state: AgentState, contradictions: Sequence[tuple[str, str]] = ()) -> str | None:
    """What to ask the person before drawing, or None.

    The task names a picture that was not given, or says two things of one that cannot both hold.
    """
    task = state.task
    if not state.policy.ask or state.clarification is not None:
        return None
    missing = [number for number in named_images(task.instruction) if number > len(task.images)]
    if not missing:
        if not contradictions:
            return None
        first, then = contradictions[0]
        return f"You say “{first}” and also “{then}”. Which of the two do you mean?"
    given = f"{len(task.images)} picture{'s' if len(task.images) != 1 else ''}"
    return f"You speak of image {missing[0]}, but gave {given}. What do you mean by it?"


def base_of(state: AgentState) -> Attempt:
    """The attempt that the last decision edits."""
    decision = standing(state)
    assert decision is not None and decision.target is not None, "an edit names its target"
    target = decision.target
    return attempt_of(state, target)


def _stop(state: AgentState, reason: StopReason, message: str) -> Decision:
    best = best_of(state)
    message += _of_nothing(state)
    return Decision(action="stop", stop=reason, reason=message, target=None if best is None else best.id)


def _of_nothing(state: AgentState) -> str:
    """What to add to a stop whose best picture shows nothing at all, or nothing new."""
    best = best_of(state)
    critique = None if best is None else critique_of(state, best)
    if critique is not None and critique.accepted and not shows_change(state):
        return f"; {_SAME_BEFORE}"
    return "; the best picture is blank" if critique is not None and critique.blank and not critique.accepted else ""


def _failures(state: AgentState, attempt: Attempt) -> str:
    critique = critique_of(state, attempt)
    assert critique is not None, "what fails of a picture is known once it was judged"
    lines = counted(len(critique.verdicts), "requirement")
    if critique.accepted:
        few = len(doubtful(state, attempt))
        return f"{few} of {lines} {'is' if few == 1 else 'are'} not sure"
    count = len(failed(state, attempt))
    if not count:
        said = "not sure about every requirement"
    else:
        said = f"{count} of {lines} {'does' if count == 1 else 'do'} not hold"
    return f"the picture is blank, {said}" if critique.blank else said
