"""The nodes that draw, look and decide: each calls one tool, or one rule, and says what changed in the state."""

from typing import NamedTuple

from omniagent.graphs import amount, repairs, rules
from omniagent.graphs.context import GraphContext
from omniagent.graphs.history import (
    critique_of,
    due,
    ground_of,
    over,
    round_number,
    seed_of,
    standing,
    step_of,
    unasked,
    undone,
    unseen,
)
from omniagent.graphs.leading import leader, questioned, undecided
from omniagent.graphs.speculate import Drawing
from omniagent.graphs.state import AgentState, StateUpdate
from omniagent.model.errors import CriticBadOutput
from omniagent.tools.critique import CRITIQUE, CritiqueIn
from omniagent.tools.dialects import dialect_of
from omniagent.tools.dialects.base import Dialect
from omniagent.tools.drawing.compose import COMPOSE, ComposeIn
from omniagent.tools.drawing.draw import DrawIn, DrawOut, remarks
from omniagent.tools.drawing.edit import EDIT, EditIn
from omniagent.tools.drawing.generate import GENERATE, GenerateIn
from omniagent.tools.drawing.mend import MEND, MendIn
from omniagent.tools.instruments.prefer import PREFER, PreferIn
from omniagent.tools.parameters import call_rules, parameters
from omniagent.tools.ranking.rank import RANK, RankIn, first_of
from omniagent.tools.record.trace import AttemptMade, Critiqued, Decided, Warned
from omniagent.tools.refine import REFINE, RefineIn
from omniagent.tools.repair import SUGGEST, SuggestIn
from omniagent.tools.types import Attempt, ImageRef, Preference, RenderSettings, Usage


class Fresh(NamedTuple):
    """A round drawn afresh: with which tool, from what."""

    tool: Drawing
    arguments: DrawIn
    references: tuple[ImageRef, ...]
    depth: int


def fresh(state: AgentState, words: str) -> Fresh:
    """The next round from words, from the picture to edit, or from the pictures to put together."""
    assert state.plan is not None, "a plan comes before a picture"
    settings, ground = state.plan.settings, ground_of(state)
    words, images = repairs.sources(state, words)
    seeds = _seeds(state, amount.candidates(state))
    if state.plan.mode == "generate" or not images:
        return Fresh(GENERATE, GenerateIn(instruction=words, seeds=seeds, settings=settings), (), 0)
    depth = (0 if ground is None else ground.depth) + (1 if state.plan.mode == "edit" else 0)
    if state.plan.mode == "edit" and len(images) == 1:
        arguments = EditIn(instruction=words, seeds=seeds, settings=settings, source=images[0])
        return Fresh(EDIT, arguments, images, depth)
    arguments = ComposeIn(instruction=words, seeds=seeds, settings=settings, sources=images)
    return Fresh(COMPOSE, arguments, images, depth)


def render(state: AgentState, context: GraphContext) -> StateUpdate:
    """Draw a round afresh."""
    assert state.plan is not None, "a plan comes before a picture"
    decision = standing(state)
    one = fresh(state, (decision and decision.instruction) or repairs.redraw_words(state))
    warnings = state.warnings
    if not state.attempts:
        warnings = (*warnings, *remarks(one.arguments, one.references, context.tools))
    for message in warnings[len(state.warnings) :]:
        context.tools.trace.add(Warned(message=message))
    wasted = Usage() if context.ahead is None else context.ahead.settle(one.tool, one.arguments)
    drawn = one.tool(one.arguments, context.tools)
    made = _round(
        state,
        context,
        drawn,
        one.arguments.instruction,
        one.arguments.seeds,
        one.arguments.settings,
        one.references,
        parent=ground_of(state),
        depth=one.depth,
    )
    return {**made, "warnings": warnings, "usage": made.get("usage", Usage()).plus(**wasted.model_dump())}


def repair(state: AgentState, context: GraphContext) -> StateUpdate:
    """Edit the attempt that was decided on."""
    base, decision = rules.base_of(state), standing(state)
    assert state.plan is not None and decision is not None, "a plan and a decision come before a repair"
    words = decision.instruction or ""
    seeds = _seeds(state, amount.candidates(state, repair=True))
    call = call_rules(context.tools.runtime.generator.profile, context.tools.config.call)
    settings = parameters("edit", words, (base.image,), state.settings, call)
    if (box := decision.box) is None:
        drawn = EDIT(EditIn(instruction=words, seeds=seeds, settings=settings, source=base.image), context.tools)
    else:
        inside = MendIn(instruction=words, seeds=seeds, settings=settings, source=base.image, box=box)
        drawn = MEND(inside, context.tools)
    return _round(state, context, drawn, words, seeds, settings, (base.image,), parent=base, depth=base.depth + 1)


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


def decide(state: AgentState, context: GraphContext) -> StateUpdate:
    """Apply the rules."""
    token = context.tools.token
    made = rules.decide(state, cancelled=token.cancelled, expired=token.expired)
    decided = Decided(decision=made, round=round_number(state))
    # A run that was stopped before it drew decides the same again when it goes on: that is one decision.
    again = made.stop is None and made == undone(state)
    if again:
        context.tools.trace.tell(decided)
    else:
        context.tools.trace.add(decided)
    redraws = made.action in ("regenerate", "roll_back")
    wasted = Usage() if context.ahead is None or redraws else context.ahead.free()
    return {"decisions": () if again else (made,), "stop": made.stop, "usage": wasted}


def _seeds(state: AgentState, count: int) -> tuple[int, ...]:
    return tuple(seed_of(state.seed, len(state.attempts) + index) for index in range(count))


def _round(
    state: AgentState,
    context: GraphContext,
    drawn: DrawOut,
    words: str,
    seeds: tuple[int, ...],
    settings: RenderSettings,
    references: tuple[ImageRef, ...],
    *,
    parent: Attempt | None = None,
    depth: int = 0,
) -> StateUpdate:
    first, number = len(state.attempts) + 1, round_number(state) + 1
    made = tuple(
        Attempt(
            id=f"a{first + index}",
            image=image,
            parent=None if parent is None else parent.id,
            references=references,
            instruction=words,
            settings=settings,
            seed=seed,
            depth=depth,
            round=number,
            step=step_of(state),
            perceptual_hash=look,
        )
        for index, (image, seed, look) in enumerate(zip(drawn.images, seeds, drawn.hashes, strict=True))
    )
    for attempt in made:
        context.keep(attempt)
        context.tools.trace.add(AttemptMade(attempt=attempt))
    seconds = drawn.usage.generator_seconds / len(made)
    return {"attempts": made, "pace": (seconds,) if seconds else (), "usage": drawn.usage.plus(rounds=1)}
