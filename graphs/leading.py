"""Which picture leads: how critiques compare, what a later picture must bring, and how sure a verdict is.

Pure functions of the state.
"""

import math
from collections.abc import Iterable
from typing import NamedTuple

from omniagent.graphs.history import (
    as_drawn,
    critique_of,
    due,
    is_repair,
    preference_of,
    refinement_of,
    round_number,
    step_of,
)
from omniagent.graphs.state import AgentState
from omniagent.tools.types import Answer, Attempt, Critique, Verdict


class Round(NamedTuple):
    """A judged round: its number from 1, its best attempt and what the critic says of it."""

    number: int
    attempt: Attempt
    critique: Critique

    @property
    def vector(self) -> tuple[Answer, ...]:
        """The verdicts in the order of the checklist."""
        return tuple(verdict.answer for verdict in self.critique.verdicts)


def merit(critique: Critique | None) -> tuple[int, float, float]:
    """Sorts attempts: requirements held, then quality, then less over-edit. An unseen picture comes last."""
    return (-1, 0.0, 0.0) if critique is None else (critique.passed, critique.quality, -critique.over_edit)


def best_of(state: AgentState, among: Iterable[Attempt] | None = None) -> Attempt | None:
    """The attempt to return; None of none (rule 4: never simply the last).

    Of one round it is the one of most merit, the earlier of equals. A later round takes over only by a clear lead, by
    the critic's choice, or by what it won and did not lose.
    """
    best: Attempt | None = None
    for attempt in state.attempts if among is None else among:
        if best is None or _takes_over(state, attempt, best):
            best = attempt
    return best


def leader(state: AgentState) -> Attempt | None:
    """The best attempt of the step that is being worked on; later tries of it start from it or are held to it."""
    now = step_of(state)
    return best_of(state, (one for one in state.attempts if one.step == now))


def _takes_over(state: AgentState, attempt: Attempt, best: Attempt) -> bool:
    """Whether a picture is better than the best so far, beyond what a doubtful verdict may turn."""
    new, old = critique_of(state, attempt), critique_of(state, best)
    if new is None:
        return False
    if attempt.step != best.step:
        return _goes_further(state, attempt, best)
    accepted = old is not None and old.accepted and new.accepted
    if attempt.restored and attempt.parent == best.id:
        # It changes less, so it need not be better; where both hold, a doubt must not be new.
        if old is None:
            return True
        doubts = accepted and bool(doubtful(state, attempt)) and _least(new) < _least(old)
        return new.passed >= old.passed and not broken(old, new) and not doubts
    choice = preference_of(state, best, attempt)
    if choice is not None and old is not None and _is_open(old, new) and not (accepted and choice.better is None):
        return choice.better == attempt.id
    if accepted:
        return surer(old, new) and not (is_repair(state, attempt) and drifted(state, attempt, best))
    if merit(new) <= merit(old):
        return False
    if old is None or attempt.round == best.round or (new.accepted and not old.accepted):
        return True
    lost = broken(old, new)
    if state.policy.must_wins and not lost and _wins(state, best, old, new):
        return True
    lead = _evidence(state, attempt) - _evidence(state, best)
    if not is_repair(state, attempt):
        return lead >= state.policy.redraw_lead
    return not lost and lead >= state.policy.clear_lead


def doubtful(state: AgentState, attempt: Attempt) -> tuple[str, ...]:
    """The requirements that make a picture of which all hold no sure one (rule 17); none of any other picture."""
    critique = critique_of(state, attempt)
    if critique is None or not critique.accepted:
        return ()
    return tuple(one.requirement for one in critique.verdicts if not is_sure(state, one))


def questioned(state: AgentState, attempt: Attempt, critique: Critique) -> Critique:
    """The critique as a critic is told it that is to better the picture: what holds in doubt is unsure (rule 17)."""
    few = doubtful(state, attempt)
    verdicts = tuple(
        one.model_copy(update={"answer": "unsure"}) if one.requirement in few else one for one in critique.verdicts
    )
    return critique.model_copy(update={"verdicts": verdicts})


def drifted(state: AgentState, repair: Attempt, before: Attempt) -> bool:
    """Whether a repair changed more than it had a reason to (rule 4).

    Inside a box it cannot, and what is wrong with the surroundings, the look or the view of all is a reason to change
    all.
    """
    critique = critique_of(state, repair)
    if critique is None or critique.over_edit <= state.policy.over_edit_limit:
        return False
    target = as_drawn(state, repair).parent
    if any(one.box is not None for one in state.decisions if one.action == "edit" and one.target == target):
        return False
    return not _mends_all(state, before)


def _mends_all(state: AgentState, before: Attempt) -> bool:
    """Whether something did not hold, or not for sure, that only a change of most of the picture can mend."""
    lines = () if state.plan is None else state.plan.checklist
    critique = critique_of(state, before)
    verdicts = () if critique is None else critique.verdicts
    wrong = {one.requirement for one in verdicts if one.answer != "yes"} | set(doubtful(state, before))
    return any(one.id in wrong and one.stated.reach not in (None, "part") for one in lines)


def surer(old: Critique | None, new: Critique | None) -> bool:
    """Whether all requirements hold of both pictures, and the least likely one is likelier of the new one (rule 17)."""
    return old is not None and new is not None and old.accepted and new.accepted and _least(new) > _least(old)


def sureness(verdict: Verdict) -> float:
    """How sure it is that a requirement holds, 0 to 1: instruments that agree make it surer than each of them is.

    Those that could not tell leave it as it is; their half in the verdict's mean says nothing of the picture. A
    description that agrees repeats the probability of the answer, so it does not count.
    """
    pieces = [one for one in verdict.evidence if one.instrument != "description"]
    telling = [one.probability for one in pieces if one.answer == "yes"]
    return 1.0 - math.prod(1.0 - one for one in telling) if telling else verdict.probability


def is_sure(state: AgentState, verdict: Verdict) -> bool:
    """Whether a requirement holds as surely as `LoopPolicy.sure_verdict` asks, but for rounding."""
    return sureness(verdict) >= state.policy.sure_verdict - 1e-6


def _least(critique: Critique) -> float:
    return min(sureness(one) for one in critique.verdicts)


def _is_open(old: Critique, new: Critique) -> bool:
    """Whether the verdicts leave open which of two pictures is better: as many hold, or more hold but others do not."""
    return new.passed == old.passed or (new.passed > old.passed and bool(broken(old, new)))


def _wins(state: AgentState, best: Attempt, old: Critique, new: Critique) -> bool:
    """Whether a requirement holds now for sure that failed before, other than one of style or of what is kept."""
    must = {one.id for one in due(state, best) if one.kind not in ("style", "preservation")}
    failed = {one.requirement for one in old.verdicts if one.answer == "no"} & must
    won = (one for one in new.verdicts if one.answer == "yes" and one.requirement in failed)
    return any(is_sure(state, one) for one in won)


def _goes_further(state: AgentState, attempt: Attempt, best: Attempt) -> bool:
    """Whether a try of a later step is better than where the step before ended.

    It is where it holds all of its own step, or something of it and all that held before and still has to.
    """
    new, old = critique_of(state, attempt), critique_of(state, best)
    if new is None or old is None:
        return old is None
    if new.accepted:
        return True
    before = {one.question for one in due(state, best)}
    asked = {one.id: one.question for one in due(state, attempt) if one.kind not in ("style", "preservation")}
    answers = {asked[one.requirement]: one.answer for one in new.verdicts if one.requirement in asked}
    kept = all(answer == "yes" for question, answer in answers.items() if question in before)
    return kept and any(answer == "yes" for question, answer in answers.items() if question not in before)


def undecided(state: AgentState) -> tuple[Attempt, Attempt] | None:
    """The best attempt and one of the last round of which the verdicts do not tell which is better, if no choice was
    made yet.

    The earlier comes first. Equal pictures, and blank ones, leave nothing to choose.
    """
    best: Attempt | None = None
    now = step_of(state)
    for attempt in (one for one in state.attempts if one.step == now):
        # The pairs that `best_of` meets on its way, so that each picture but the first is in one choice at most.
        if best is not None and _wants_choice(state, best, attempt):
            return best, attempt
        if best is None or _takes_over(state, attempt, best):
            best = attempt
    return None


def _wants_choice(state: AgentState, best: Attempt, rival: Attempt) -> bool:
    old, new = critique_of(state, best), critique_of(state, rival)
    if old is None or new is None or old.blank or new.blank or rival.image == best.image:
        return False
    if rival.restored and rival.parent == best.id:
        return False
    if is_repair(state, rival) or is_repair(state, best):
        # Whether a repair is kept is decided by what it broke and brought.
        return False
    if round_number(state) != rival.round or not _is_open(old, new):
        return False
    if new.passed != old.passed and rival.round == best.round:
        return False
    return preference_of(state, best, rival) is None


def broken(before: Critique, after: Critique) -> tuple[str, ...]:
    """The requirements that held before and do not now (rule 4, the monotonic guard)."""
    held = {verdict.requirement for verdict in before.verdicts if verdict.answer == "yes"}
    return tuple(one.requirement for one in after.verdicts if one.requirement in held and one.answer != "yes")


def _evidence(state: AgentState, attempt: Attempt) -> float:
    """The log probability that every requirement holds; none counts as less likely than one in ten.

    So that a single one, which may be misread from the task or from the picture, brings 2.3 at most. What failed of a
    picture that the critic called right when it looked again counts half.
    """
    critique = critique_of(state, attempt)
    if critique is None:
        return -math.inf
    doubted = (made := refinement_of(state, attempt)) is not None and made.right
    return sum(
        math.log(max(verdict.probability, 0.1)) * (0.5 if doubted and verdict.answer != "yes" else 1.0)
        for verdict in critique.verdicts
    )


def rounds(state: AgentState) -> tuple[Round, ...]:
    """Every round of the present step with at least one judged attempt, in order."""
    found: list[Round] = []
    now = step_of(state)
    for number in range(1, round_number(state) + 1):
        seen = [one for one in state.attempts if one.round == number and one.step == now and critique_of(state, one)]
        winner = best_of(state, seen)
        critique = None if winner is None else critique_of(state, winner)
        if winner is not None and critique is not None:
            found.append(Round(number, winner, critique))
    return tuple(found)
