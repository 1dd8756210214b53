"""Reading a run's past: what was drawn, judged and decided, and where a picture comes from. Pure functions."""

import hashlib
from collections.abc import Sequence

from omniagent.graphs.state import AgentState
from omniagent.tools.types import Attempt, Critique, Decision, Preference, Refinement, Requirement


def seed_of(seed: int, index: int) -> int:
    """The seed of an attempt, 0 to 2**32 - 1: the task's own for the first, then derived from both numbers alone."""
    if index == 0:
        return seed
    return int.from_bytes(hashlib.sha256(f"{seed}/{index}".encode()).digest()[:4])


def critique_of(state: AgentState, attempt: Attempt) -> Critique | None:
    """What the critic says of an attempt, or None where it was not judged."""
    return next((critique for critique in state.critiques if critique.attempt == attempt.id), None)


def attempt_of(state: AgentState, name: str) -> Attempt:
    """The attempt of that id, which must exist."""
    return next(attempt for attempt in state.attempts if attempt.id == name)


def pictures_drawn(state: AgentState) -> int:
    """How many pictures were drawn; a restored one was not."""
    return sum(not one.restored for one in state.attempts)


def due(state: AgentState, attempt: Attempt) -> tuple[Requirement, ...]:
    """What an attempt must hold: the checklist of its step, else the plan's."""
    return () if state.plan is None else state.plan.checklist_of(attempt.step)


def step_of(state: AgentState) -> int:
    """The plan's step that is being worked on, from 1."""
    return 1 + sum(one.action == "advance" for one in state.decisions)


def ground_of(state: AgentState) -> Attempt | None:
    """The attempt that the step before ended with, which this step starts from; None in the first."""
    ended = [one.target for one in state.decisions if one.action == "advance"]
    return attempt_of(state, ended[-1]) if ended and ended[-1] is not None else None


def as_drawn(state: AgentState, attempt: Attempt) -> Attempt:
    """The attempt, or of a restored one that which was drawn."""
    return attempt_of(state, attempt.parent) if attempt.restored and attempt.parent is not None else attempt


def is_repair(state: AgentState, attempt: Attempt) -> bool:
    """Whether an attempt was made of another one of its own step."""
    source = as_drawn(state, attempt)
    return source.parent is not None and attempt_of(state, source.parent).step == source.step


def preference_of(state: AgentState, first: Attempt, second: Attempt) -> Preference | None:
    """The critic's choice between two attempts, the earlier first; None where it was not asked."""
    return next((one for one in state.preferences if one.pair == (first.id, second.id)), None)


def refinement_of(state: AgentState, attempt: Attempt) -> Refinement | None:
    """What the critic wrote for the next try when it looked at this one; None where it was not asked."""
    return next((one for one in state.refinements if one.attempt == attempt.id), None)


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


def root_of(state: AgentState, attempt: Attempt) -> Attempt:
    """The first picture of its step that a repaired one descends from, restored where the repair began with that."""
    while is_repair(state, attempt):
        parent = as_drawn(state, attempt).parent
        assert parent is not None, "a repair is made of another attempt"
        attempt = attempt_of(state, parent)
    return attempt


def unasked(state: AgentState, attempt: Attempt) -> tuple[Requirement, ...]:
    """The requirements that were not asked about an attempt yet: all of a new one, those of a second reading."""
    critique, checklist = critique_of(state, attempt), due(state, attempt)
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
