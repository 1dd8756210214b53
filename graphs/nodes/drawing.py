"""The nodes that draw a round, each with one tool, and the one that restores what was not to change."""

from typing import NamedTuple

from omniagent.graphs import amount, doubts, repairs, rules
from omniagent.graphs.context import GraphContext
from omniagent.graphs.history import (
    attempt_of,
    critique_of,
    due,
    ground_of,
    is_repair,
    pictures_drawn,
    round_number,
    seed_of,
    standing,
    step_of,
)
from omniagent.graphs.speculate import Drawing
from omniagent.graphs.state import AgentState, StateUpdate
from omniagent.model.errors import HardFailure, OutOfMemory
from omniagent.tools.drawing.compose import COMPOSE, ComposeIn
from omniagent.tools.drawing.draw import DrawIn, DrawOut, remarks
from omniagent.tools.drawing.edit import EDIT, EditIn
from omniagent.tools.drawing.generate import GENERATE, GenerateIn
from omniagent.tools.drawing.mend import MEND, MendIn
from omniagent.tools.drawing.restore import RESTORE, RestoreIn
from omniagent.tools.parameters import call_rules, parameters
from omniagent.tools.record.trace import AttemptMade, Warned
from omniagent.tools.types import Attempt, ImageRef, RenderSettings, Usage


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


def restore(state: AgentState, context: GraphContext) -> StateUpdate:
    """Take back what an edit changed and was not to, as it is in the picture that it was made of."""
    edited = doubts.to_restore(state)
    assert edited is not None and state.plan is not None, "a picture is restored after it was drawn"
    seen = critique_of(state, edited)
    assert seen is not None, "a picture is restored after the verdicts"
    source, described = state.task.images[:1], "".join(state.plan.seen[:1])
    if is_repair(state, edited) and edited.parent is not None:
        parent = attempt_of(state, edited.parent)
        told = critique_of(state, parent)
        # The boxes of a line that asks for the rest are of the given picture, whatever was repaired.
        if told is not None and told.seen:
            source, described = (parent.image,), told.seen
    if not source:
        return {"compared": (edited.id,)}
    asked = RestoreIn(
        source=source[0], seen=described, picture=edited.image, checklist=due(state, edited), critique=seen
    )
    try:
        made = RESTORE(asked, context.tools)
    except (HardFailure, OutOfMemory):
        # The trace tells it; the picture is as good without.
        return {"compared": (edited.id,)}
    if made.image is None:
        return {"compared": (edited.id,), "usage": made.usage}
    attempt = edited.model_copy(
        update={
            "id": f"a{len(state.attempts) + 1}",
            "image": made.image,
            "parent": edited.id,
            "perceptual_hash": made.look,
            "restored": True,
        }
    )
    context.keep(attempt)
    context.tools.trace.add(AttemptMade(attempt=attempt))
    return {"compared": (edited.id,), "attempts": (attempt,), "usage": made.usage}


def _seeds(state: AgentState, count: int) -> tuple[int, ...]:
    return tuple(seed_of(state.seed, pictures_drawn(state) + index) for index in range(count))


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
