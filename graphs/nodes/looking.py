"""The nodes that look: verdicts, repairs, new instructions and choices, each by one tool."""

from omniagent.graphs import repairs, rules
from omniagent.graphs.context import GraphContext
from omniagent.graphs.history import critique_of, due, over, unasked, unseen
from omniagent.graphs.leading import leader, questioned, undecided
from omniagent.graphs.nodes.drawing import fresh
from omniagent.graphs.state import AgentState, StateUpdate
from omniagent.model.errors import CriticBadOutput
from omniagent.tools.critique import CRITIQUE, CritiqueIn
from omniagent.tools.dialects import dialect_of
from omniagent.tools.dialects.base import Dialect
from omniagent.tools.instruments.prefer import PREFER, PreferIn
from omniagent.tools.ranking.rank import RANK, RankIn, first_of
from omniagent.tools.record.trace import Critiqued
from omniagent.tools.refine import REFINE, RefineIn
from omniagent.tools.repair import SUGGEST, SuggestIn
from omniagent.tools.types import Attempt, Preference, Usage


def critique(state: AgentState, context: GraphContext) -> StateUpdate:
    """Judge the first attempt that was not judged yet, or not by every requirement."""
    assert state.plan is not None, "a plan comes before a verdict"
    attempt = unseen(state)[0]
    before = critique_of(state, attempt)
    given = state.task.images if state.plan.mode == "edit" else ()
    # What an edit must keep is that of the given picture, through all steps and repairs.
    beside = given or attempt.references
    source = beside[0] if attempt.depth and len(beside) == 1 else None
    arguments = CritiqueIn(
        attempt=attempt, checklist=unasked(state, attempt), source=source, confirm=state.policy.confirm
    )
    new_words = state.policy.refine and _dialect(context).refines
    if context.ahead is not None and before is None and rules.may_draw_ahead(state) and not new_words:
        one = fresh(state, repairs.redraw_words(state))
        context.ahead.begin(one.tool, one.arguments)
    made = CRITIQUE(arguments, context.tools)
    seen = made.critique if before is None else over(before, due(state, attempt), made.critique)
    context.tools.trace.add(Critiqued(critique=seen))
    return {"critiques": (seen,), "usage": made.usage}


def suggest(state: AgentState, context: GraphContext) -> StateUpdate:
    """Have a repair written for the best picture; without a readable one its faults count as no local ones."""
    best = leader(state)
    assert best is not None and state.plan is not None, "a repair is written for a picture"
    seen = critique_of(state, best)
    assert seen is not None, "a repair is written after the verdicts"
    asked = SuggestIn(
        attempt=best,
        instruction=state.plan.instruction,
        checklist=due(state, best),
        critique=questioned(state, best, seen),
        locate=state.policy.region_repairs,
    )
    calls = context.tools.calls.used
    try:
        made = SUGGEST(asked, context.tools)
    except CriticBadOutput:
        # The verdicts stand; a picture for which no repair can be read is drawn again.
        redrawn = seen.model_copy(update={"scope": "global"})
        return {"critiques": (redrawn,), "usage": Usage(critic_calls=context.tools.calls.used - calls)}
    fuller = seen.model_copy(
        update={"repair": made.repair, "scope": made.scope, "seen": made.seen, "where": made.where}
    )
    context.tools.trace.add(Critiqued(critique=fuller))
    return {"critiques": (fuller,), "usage": made.usage}


def refine(state: AgentState, context: GraphContext) -> StateUpdate:
    """Have a new instruction written from the best picture of this step, for the next that is drawn afresh."""
    best = repairs.to_learn_from(state)
    assert best is not None and state.plan is not None, "an instruction is refined after a picture"
    seen = critique_of(state, best)
    assert seen is not None, "an instruction is refined after the verdicts"
    several = bool(state.plan.steps)
    asked = RefineIn(
        attempt=best,
        request=repairs.sources(state, state.plan.steps[best.step - 1].instruction)[0]
        if several
        else state.task.instruction,
        mode=state.plan.mode,
        checklist=due(state, best),
        critique=questioned(state, best, seen),
        given=() if state.plan.mode == "generate" else best.references,
    )
    made = REFINE(asked, context.tools)
    return {"refinements": (made.refinement,), "usage": made.usage}


def _dialect(context: GraphContext) -> Dialect:
    return dialect_of(context.tools.config.over(context.tools.runtime.critic.profile))


def prefer(state: AgentState, context: GraphContext) -> StateUpdate:
    """Have the best picture and one that holds as many requirements compared.

    Edits are put in order by a scorer of edits where one stands beside the critic; else the critic chooses.
    """
    pair = undecided(state)
    assert pair is not None and state.plan is not None, "a choice is between two"
    source = state.task.images[0] if _is_edit(state) else None
    spent = Usage()
    if source is not None and context.tools.runtime.ranker is not None:
        both = tuple(one.image for one in pair)
        ranked = RANK(RankIn(source=source, results=both, instruction=state.task.instruction), context.tools)
        spent = ranked.usage
        if (place := first_of(ranked.scores)) is not None or not _dialect(context).chooses:
            better = None if place is None else pair[place].id
            chosen = Preference(pair=(pair[0].id, pair[1].id), better=better)
            return {"preferences": (chosen,), "usage": spent}
    asked = PreferIn(first=pair[0], second=pair[1], instruction=state.task.instruction, source=source)
    made = PREFER(asked, context.tools)
    return {"preferences": (made.preference,), "usage": made.usage.plus(**spent.model_dump())}


def may_compare(state: AgentState, context: GraphContext) -> bool:
    """Whether two pictures can be compared: by a critic that chooses, or edits by a scorer of edits."""
    return _dialect(context).chooses or (_is_edit(state) and context.tools.runtime.ranker is not None)


def _is_edit(state: AgentState) -> bool:
    return state.plan is not None and state.plan.mode == "edit" and len(state.task.images) == 1


def survey(state: AgentState, context: GraphContext) -> StateUpdate:
    """Look at the picture that an edit starts from: what holds of it already says nothing about the change."""
    assert state.plan is not None, "a plan comes before a verdict"
    given = Attempt(id="image 1", image=state.task.images[0], instruction="", seed=0)
    asked = CritiqueIn(attempt=given, checklist=state.plan.checklist, confirm=state.policy.confirm)
    made = CRITIQUE(asked, context.tools)
    context.tools.trace.add(Critiqued(critique=made.critique))
    return {"given": made.critique, "usage": made.usage}
