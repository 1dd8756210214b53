"""Reading a run's past: who is best, what each round brought, where a picture comes from. Pure functions."""

import hashlib
import math
from collections.abc import Iterable, Sequence
from typing import NamedTuple

from omniagent.graphs.state import AgentState
from omniagent.tools.types import Answer, Attempt, Critique, Decision, Preference, Requirement


class Round(NamedTuple):
    """A judged round: its number from 1, its best attempt and what the critic says of it."""

    number: int
    attempt: Attempt
    critique: Critique

    @property
    def vector(self) -> tuple[Answer, ...]:
        """The verdicts in the order of the checklist."""
        return tuple(verdict.answer for verdict in self.critique.verdicts)


def seed_of(seed: int, index: int) -> int:
    """The seed of an attempt, 0 to 2**32 - 1: the task's own for the first, then derived from both numbers alone."""
    if index == 0:
        return seed
    return int.from_bytes(hashlib.sha256(f"{seed}/{index}".encode()).digest()[:4])


def critique_of(state: AgentState, attempt: Attempt) -> Critique | None:
    """What the critic says of an attempt, or None when nobody looked."""
    return next((critique for critique in state.critiques if critique.attempt == attempt.id), None)


def attempt_of(state: AgentState, name: str) -> Attempt:
    """The attempt of that id, which must exist."""
    return next(attempt for attempt in state.attempts if attempt.id == name)


def merit(critique: Critique | None) -> tuple[int, float, float]:
    """Sorts attempts: requirements held, then quality, then less over-edit. An unseen picture comes last."""
    return (-1, 0.0, 0.0) if critique is None else (critique.passed, critique.quality, -critique.over_edit)


def best_of(state: AgentState, among: Iterable[Attempt] | None = None) -> Attempt | None:
    """The attempt to return; None of none (rule 4: never simply the last).

    Of one round it is the one of most merit, the earlier of equals. A later round takes over only by a clear lead.
    """
    best: Attempt | None = None
    for attempt in state.attempts if among is None else among:
        if best is None or _takes_over(state, attempt, best):
            best = attempt
    return best


def _takes_over(state: AgentState, attempt: Attempt, best: Attempt) -> bool:
    """Whether a picture is better than the best so far, beyond what a doubtful verdict may turn."""
    new, old = critique_of(state, attempt), critique_of(state, best)
    if new is None:
        return False
    choice = preference_of(state, best, attempt)
    if choice is not None and old is not None and new.passed == old.passed:
        return choice.better == attempt.id
    if merit(new) <= merit(old):
        return False
    if old is None or attempt.round == best.round or (new.accepted and not old.accepted):
        return True
    if attempt.parent is None:
        return _evidence(new) - _evidence(old) >= state.policy.redraw_lead
    return not broken(old, new) and _evidence(new) - _evidence(old) >= state.policy.clear_lead


def preference_of(state: AgentState, first: Attempt, second: Attempt) -> Preference | None:
    """The critic's choice between two attempts, the earlier first; None where it was not asked."""
    return next((one for one in state.preferences if one.pair == (first.id, second.id)), None)


def undecided(state: AgentState) -> tuple[Attempt, Attempt] | None:
    """The best attempt and one of the last round that holds as many requirements, if no choice was made yet.

    The earlier comes first. Equal pictures, and blank ones, leave nothing to choose.
    """
    best = best_of(state)
    critique = None if best is None else critique_of(state, best)
    if best is None or critique is None or critique.blank:
        return None
    for rival in state.attempts:
        seen = critique_of(state, rival)
        if seen is None or rival.id == best.id or rival.image == best.image or seen.blank:
            continue
        if round_number(state) not in (rival.round, best.round) or seen.passed != critique.passed:
            continue
        if rival.parent is not None or best.parent is not None:
            # Whether a repair is kept is decided by what it broke and brought.
            continue
        first, second = sorted((best, rival), key=state.attempts.index)
        if preference_of(state, first, second) is None:
            return first, second
    return None


def broken(before: Critique, after: Critique) -> tuple[str, ...]:
    """The requirements that held before and do not now (rule 4, the monotonic guard)."""
    held = {verdict.requirement for verdict in before.verdicts if verdict.answer == "yes"}
    return tuple(one.requirement for one in after.verdicts if one.requirement in held and one.answer != "yes")


def _evidence(critique: Critique) -> float:
    """The log probability that every requirement holds; none counts as less likely than one in ten.

    So that a single one, which may be misread from the task or from the picture, brings 2.3 at most.
    """
    return sum(math.log(max(verdict.probability, 0.1)) for verdict in critique.verdicts)


def round_number(state: AgentState) -> int:
    """The last round that drew, 0 before the first."""
    return max((attempt.round for attempt in state.attempts), default=0)


def standing(state: AgentState) -> Decision | None:
    """The last decision that draws; a stop that the run got over changes nothing of it. None before the first."""
    return next((one for one in reversed(state.decisions) if one.stop is None), None)


def undone(state: AgentState) -> Decision | None:
    """The standing decision, if nothing was drawn by it: the first round needs none, each other one needs its own."""
    drawing = sum(one.stop is None for one in state.decisions)
    return standing(state) if drawing >= max(1, round_number(state)) else None


def rounds(state: AgentState) -> tuple[Round, ...]:
    """Every round with at least one judged attempt, in order."""
    found: list[Round] = []
    for number in range(1, round_number(state) + 1):
        seen = [one for one in state.attempts if one.round == number and critique_of(state, one) is not None]
        winner = best_of(state, seen)
        critique = None if winner is None else critique_of(state, winner)
        if winner is not None and critique is not None:
            found.append(Round(number, winner, critique))
    return tuple(found)


def root_of(state: AgentState, attempt: Attempt) -> Attempt:
    """The fresh picture that an edited one descends from."""
    while attempt.parent is not None:
        attempt = attempt_of(state, attempt.parent)
    return attempt


def unasked(state: AgentState, attempt: Attempt) -> tuple[Requirement, ...]:
    """The requirements that were not asked about an attempt yet: all of a new one, those of a second reading."""
    critique, checklist = critique_of(state, attempt), () if state.plan is None else state.plan.checklist
    if critique is None:
        return checklist
    asked = {verdict.requirement for verdict in critique.verdicts}
    return tuple(one for one in checklist if one.id not in asked)


def unseen(state: AgentState) -> tuple[Attempt, ...]:
    """Attempts that were not judged yet, or not by every requirement."""
    return tuple(each for each in state.attempts if critique_of(state, each) is None or unasked(state, each))


def over(critique: Critique, checklist: Sequence[Requirement], more: Critique | None = None) -> Critique:
    """A critique by another checklist: the verdicts on lines that are no longer asked go, those of `more` come."""
    verdicts = {one.requirement: one for one in (*critique.verdicts, *(() if more is None else more.verdicts))}
    kept = tuple(verdicts[one.id] for one in checklist if one.id in verdicts)
    quality = sum(one.probability for one in kept) / len(kept) if kept else 0.0
    cost = critique.cost if more is None else critique.cost.plus(more.cost)
    return critique.model_copy(update={"verdicts": kept, "quality": quality, "cost": cost})
