"""The nodes: each calls one tool, or one rule, and says what changed in the state."""

import time
from collections.abc import Callable
from typing import NamedTuple, Protocol

from langgraph.runtime import Runtime
from langgraph.types import interrupt

from omniagent.graphs import doubts, rules
from omniagent.graphs.context import GraphContext
from omniagent.graphs.history import (
    best_of,
    critique_of,
    over,
    round_number,
    seed_of,
    standing,
    unasked,
    undecided,
    undone,
    unseen,
)
from omniagent.graphs.policy import capped
from omniagent.graphs.speculate import Drawing
from omniagent.graphs.state import AgentState, Fault, StateUpdate
from omniagent.model.errors import (
    CallerError,
    Cancelled,
    CriticBadOutput,
    CriticTimeout,
    CriticUnavailable,
    HardFailure,
    OutputUnwritable,
    RetryableError,
    StorageFull,
)
from omniagent.tools.answer import ANSWER, AnswerIn
from omniagent.tools.compose import COMPOSE, ComposeIn
from omniagent.tools.critique import CRITIQUE, CritiqueIn
from omniagent.tools.dialects import dialect_of
from omniagent.tools.draw import DrawIn, DrawOut, remarks
from omniagent.tools.edit import EDIT, EditIn
from omniagent.tools.generate import GENERATE, GenerateIn
from omniagent.tools.instruments.prefer import PREFER, PreferIn
from omniagent.tools.parameters import call_rules, parameters
from omniagent.tools.plan import PLAN, PlanIn, refusal
from omniagent.tools.record.trace import AttemptMade, Critiqued, Decided, Planned, Warned
from omniagent.tools.repair import SUGGEST, SuggestIn
from omniagent.tools.reread import REREAD, RereadIn
from omniagent.tools.types import Attempt, ImageRef, RenderSettings, Usage

Work = Callable[[AgentState, GraphContext], StateUpdate]


class Node(Protocol):
    """What LangGraph runs."""

    def __call__(self, state: AgentState, runtime: Runtime[GraphContext]) -> StateUpdate:
        """What changed."""
        ...


def node(work: Work) -> Node:
    """A node of some work: adds the time it took, and turns what ended it into a fault of the state.

    A disk that is full is nobody's verdict on the picture: it leaves the graph, as does a request that is wrong
    before there is a picture.
    """

    def run(state: AgentState, runtime: Runtime[GraphContext]) -> StateUpdate:
        started, calls = time.perf_counter(), runtime.context.tools.calls
        before = calls.used
        try:
            update = work(state, runtime.context)
        except (StorageFull, OutputUnwritable):
            raise
        except (Cancelled, RetryableError, HardFailure, CallerError) as error:
            # Finished pictures outlive a request that turns out wrong later, as when a server refuses its key.
            if isinstance(error, CallerError) and not state.attempts:
                raise
            spent = Usage(critic_calls=calls.used - before)
            update: StateUpdate = {"fault": fault_of(error, runtime.context), "usage": spent}
        update["usage"] = update.get("usage", Usage()).plus(seconds=time.perf_counter() - started)
        return update

    return run


def fault_of(error: Exception, context: GraphContext) -> Fault:
    """The one stop reason of an error."""
    name, token = type(error).__name__, context.tools.token
    if isinstance(error, Cancelled):
        late = token.expired and not token.cancelled
        return Fault(stop="time_limit" if late else "cancelled", message=str(error), error=name)
    if isinstance(error, CriticUnavailable | CriticTimeout | CriticBadOutput):
        return Fault(stop="critic_unavailable", message=str(error), error=name)
    return Fault(stop="failed", message=str(error), error=name)


def plan(state: AgentState, context: GraphContext) -> StateUpdate:
    """Read the task, once."""
    made = PLAN(_reading(state), context.tools)
    context.tools.trace.add(Planned(plan=made.plan))
    # By now a critic behind a URL has told its name, and with it what was measured of it.
    policy = capped(state.policy, context.tools.runtime.critic.profile)
    update: StateUpdate = {"plan": made.plan, "policy": policy, "usage": made.usage}
    if (message := rules.fewer_candidates(state, policy)) is not None and made.plan.mode not in ("answer", "refuse"):
        context.tools.trace.add(Warned(message=message))
        update["warnings"] = (*state.warnings, message)
    if made.plan.mode == "refuse":
        generator = context.tools.runtime.generator
        update["fault"] = Fault(
            stop="refused", message=refusal(generator.model, generator.profile, made.plan.assumptions)
        )
    return update


def reread(state: AgentState, context: GraphContext) -> StateUpdate:
    """Read the task a second time; the pictures so far are judged by what stands of both readings."""
    assert state.plan is not None, "a second reading follows a first"
    arguments = RereadIn(**dict(_reading(state)), plan=state.plan, fruitless=doubts.fruitless(state))
    made = REREAD(arguments, context.tools)
    context.tools.trace.add(Planned(plan=made.plan))
    again = tuple(over(one, made.plan.checklist) for one in state.critiques)
    return {"plan": made.plan, "critiques": again, "given": None, "usage": made.usage}


def _reading(state: AgentState) -> PlanIn:
    words = "\n".join(filter(None, (state.task.instruction, state.clarification)))
    task = state.task.model_copy(update={"instruction": words})
    return PlanIn(task=task, settings=state.settings, mode=state.mode, clarified=state.clarification is not None)


def ask(state: AgentState, runtime: Runtime[GraphContext]) -> StateUpdate:
    """Put the open question to the person. No side effect may stand here: LangGraph runs the node again on resume."""
    return {"clarification": str(interrupt(question_of(state, runtime.context)))}


def question_of(state: AgentState, context: GraphContext) -> str | None:
    """What to ask the person before the task is read, or None."""
    dialect = dialect_of(context.tools.config.over(context.tools.runtime.critic.profile))
    return rules.open_question(state, dialect.contradictions(state.task.instruction))


def answer(state: AgentState, context: GraphContext) -> StateUpdate:
    """Answer a question about pictures."""
    made = ANSWER(AnswerIn(task=state.task), context.tools)
    return {"answer": made.answer, "usage": made.usage}


class Fresh(NamedTuple):
    """A round drawn afresh: with which tool, from what."""

    tool: Drawing
    arguments: DrawIn
    references: tuple[ImageRef, ...]
    depth: int


def fresh(state: AgentState, words: str) -> Fresh:
    """The next round from words, from the picture to edit, or from the pictures to put together."""
    assert state.plan is not None, "a plan comes before a picture"
    settings, images = state.plan.settings, state.task.images
    seeds = _seeds(state, rules.candidates(state))
    if state.plan.mode == "generate" or not images:
        return Fresh(GENERATE, GenerateIn(instruction=words, seeds=seeds, settings=settings), (), 0)
    depth = 1 if state.plan.mode == "edit" else 0
    if state.plan.mode == "edit" and len(images) == 1:
        arguments = EditIn(instruction=words, seeds=seeds, settings=settings, source=images[0])
        return Fresh(EDIT, arguments, images, depth)
    arguments = ComposeIn(instruction=words, seeds=seeds, settings=settings, sources=images)
    return Fresh(COMPOSE, arguments, images, depth)


def render(state: AgentState, context: GraphContext) -> StateUpdate:
    """Draw a round afresh."""
    assert state.plan is not None, "a plan comes before a picture"
    decision = standing(state)
    one = fresh(state, (decision and decision.instruction) or state.plan.instruction)
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
        depth=one.depth,
    )
    return {**made, "warnings": warnings, "usage": made.get("usage", Usage()).plus(**wasted.model_dump())}


def repair(state: AgentState, context: GraphContext) -> StateUpdate:
    """Edit the attempt that was decided on."""
    base, decision = rules.base_of(state), standing(state)
    assert state.plan is not None and decision is not None, "a plan and a decision come before a repair"
    words = decision.instruction or ""
    seeds = _seeds(state, rules.candidates(state, repair=True))
    call = call_rules(context.tools.runtime.generator.profile, context.tools.config.call)
    settings = parameters("edit", words, (base.image,), state.settings, call)
    drawn = EDIT(EditIn(instruction=words, seeds=seeds, settings=settings, source=base.image), context.tools)
    return _round(state, context, drawn, words, seeds, settings, (base.image,), parent=base, depth=base.depth + 1)


def critique(state: AgentState, context: GraphContext) -> StateUpdate:
    """Judge the first attempt that was not judged yet, or not by every requirement."""
    assert state.plan is not None, "a plan comes before a verdict"
    attempt = unseen(state)[0]
    before = critique_of(state, attempt)
    source = attempt.references[0] if attempt.depth and len(attempt.references) == 1 else None
    arguments = CritiqueIn(attempt=attempt, checklist=unasked(state, attempt), source=source)
    if context.ahead is not None and before is None and rules.may_draw_ahead(state):
        one = fresh(state, rules.redraw_words(state))
        context.ahead.begin(one.tool, one.arguments)
    made = CRITIQUE(arguments, context.tools)
    seen = made.critique if before is None else over(before, state.plan.checklist, made.critique)
    context.tools.trace.add(Critiqued(critique=seen))
    return {"critiques": (seen,), "usage": made.usage}


def suggest(state: AgentState, context: GraphContext) -> StateUpdate:
    """Have a repair written for the best picture; without a readable one its faults count as no local ones."""
    best = best_of(state)
    assert best is not None and state.plan is not None, "a repair is written for a picture"
    seen = critique_of(state, best)
    assert seen is not None, "a repair is written after the verdicts"
    asked = SuggestIn(attempt=best, instruction=state.plan.instruction, checklist=state.plan.checklist, critique=seen)
    calls = context.tools.calls.used
    try:
        made = SUGGEST(asked, context.tools)
    except CriticBadOutput:
        # The verdicts stand; a picture for which no repair can be read is drawn again.
        redrawn = seen.model_copy(update={"scope": "global"})
        return {"critiques": (redrawn,), "usage": Usage(critic_calls=context.tools.calls.used - calls)}
    fuller = seen.model_copy(update={"repair": made.repair, "scope": made.scope, "seen": made.seen})
    context.tools.trace.add(Critiqued(critique=fuller))
    return {"critiques": (fuller,), "usage": made.usage}


def prefer(state: AgentState, context: GraphContext) -> StateUpdate:
    """Have the critic choose between the best picture and one that holds as many requirements."""
    pair = undecided(state)
    assert pair is not None and state.plan is not None, "a choice is between two"
    source = state.task.images[0] if state.plan.mode == "edit" and len(state.task.images) == 1 else None
    asked = PreferIn(first=pair[0], second=pair[1], instruction=state.task.instruction, source=source)
    made = PREFER(asked, context.tools)
    return {"preferences": (made.preference,), "usage": made.usage}


def survey(state: AgentState, context: GraphContext) -> StateUpdate:
    """Look at the picture that an edit starts from: what holds of it already says nothing about the change."""
    assert state.plan is not None, "a plan comes before a verdict"
    given = Attempt(id="image 1", image=state.task.images[0], instruction="", seed=0)
    made = CRITIQUE(CritiqueIn(attempt=given, checklist=state.plan.checklist), context.tools)
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
            perceptual_hash=look,
        )
        for index, (image, seed, look) in enumerate(zip(drawn.images, seeds, drawn.hashes, strict=True))
    )
    for attempt in made:
        context.keep(attempt)
        context.tools.trace.add(AttemptMade(attempt=attempt))
    return {"attempts": made, "usage": drawn.usage.plus(rounds=1)}
