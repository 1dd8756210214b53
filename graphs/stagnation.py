"""When rounds go nowhere: the same picture or verdicts again, or nothing gained. Pure functions of the state."""

from collections.abc import Collection
from typing import Final

from omniagent.graphs.history import critique_of, due, is_repair
from omniagent.graphs.leading import Round, leader, rounds
from omniagent.graphs.policy import LoopPolicy
from omniagent.graphs.state import AgentState
from omniagent.model.wording import counted
from omniagent.tools.instruments.similarity import distance
from omniagent.tools.types import Attempt, Decision, RequirementKind, StopReason


def going_nowhere(state: AgentState) -> Decision | None:
    """A stop because the rounds go in circles (rule 5) or bring nothing (rule 16), or None."""
    return stuck(rounds(state), state.policy, _repairs(state)) or gainless(state)


def gainless(state: AgentState) -> Decision | None:
    """A stop because the last rounds hold no more than those before them, with what seems to be beyond the generator.

    Rounds that drew afresh are counted, as a repair is one try of many at the picture that it mends; what repairs won
    counts too. Where each requirement held of some picture, none is beyond the generator, and the run goes on. See
    `LoopPolicy.fruitless_rounds`.
    """
    history, most = rounds(state), state.policy.fruitless_rounds
    afresh = [number for number, one in enumerate(history) if not is_repair(state, one.attempt)]
    if not most or len(afresh) <= most:
        return None
    start = afresh[-most]
    before = max(one.critique.passed for one in history[:start])
    if any(one.critique.passed > before or one.critique.accepted for one in history[start:]):
        return None
    best = leader(state)
    if best is None or not (missing := _missing(state, best)):
        return None
    return Decision(
        action="stop",
        stop="stagnation",
        reason=f"the last {counted(most, 'round')} held no more than the ones before; the generator seems to lack: "
        f"{', '.join(missing)}",
        target=best.id,
    )


_ABILITIES: Final[dict[RequirementKind, str]] = {
    "presence": "showing a thing, or leaving it out",
    "count": "drawing a number of things",
    "attribute": "the look of a thing",
    "relation": "where things are to one another",
    "text": "writing text",
    "style": "the style",
    "identity": "the likeness of a given person or thing",
    "preservation": "keeping what is not to change",
}


def _missing(state: AgentState, best: Attempt) -> tuple[str, ...]:
    """Which abilities the requirements ask for that failed of every picture of this step."""
    tries = [critique_of(state, one) for one in state.attempts if one.step == best.step]
    held = {one.requirement for seen in tries if seen is not None for one in seen.verdicts if one.answer == "yes"}
    return tuple(dict.fromkeys(_ABILITIES[one.kind] for one in due(state, best) if one.id not in held))


def stuck(history: tuple[Round, ...], policy: LoopPolicy, repaired: Collection[str] = ()) -> Decision | None:
    """A stop because the rounds go nowhere (rule 5), or None.

    One picture twice is enough, except for a repair that changed nothing: that is rolled back. Equal verdicts on
    different pictures are weaker evidence, for fresh seeds are independent tries, hence the policy's patience.
    `repaired` are the attempts that are repairs of others.
    """
    if not history:
        return None
    last = history[-1]
    for earlier in reversed(history[:-1]):
        if last.attempt.id not in repaired and same_picture(earlier, last, policy):
            reason: StopReason = "stagnation" if earlier.number == history[-2].number else "oscillation"
            return Decision(
                action="stop",
                stop=reason,
                reason=f"round {last.number} drew the picture of round {earlier.number} again",
            )
    vectors = [one.vector for one in history]
    tail = vectors[-policy.patience - 1 :]
    if len(tail) == policy.patience + 1 and len(set(tail)) == 1:
        return Decision(action="stop", stop="stagnation", reason=f"the same verdicts {len(tail)} rounds in a row")
    swing = vectors[-2 * max(2, policy.patience - 1) :]
    if len(swing) == 2 * max(2, policy.patience - 1) and swing[0] != swing[1] and swing[2:] == swing[:-2]:
        return Decision(
            action="stop", stop="oscillation", reason=f"two sets of verdicts in turn for {len(swing)} rounds"
        )
    return None


def _repairs(state: AgentState) -> frozenset[str]:
    return frozenset(one.id for one in state.attempts if is_repair(state, one))


def same_picture(first: Round, second: Round, policy: LoopPolicy) -> bool:
    """Whether two rounds brought one picture: equal pixels, or equal verdicts and nearly equal perceptual hashes."""
    if first.attempt.image == second.attempt.image:
        return True
    hashes = first.attempt.perceptual_hash, second.attempt.perceptual_hash
    return all(hashes) and first.vector == second.vector and distance(*hashes) <= policy.same_picture
