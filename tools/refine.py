"""Writing a whole new instruction for a picture that is not right yet, from what the critic sees in it."""

from omniagent.model.errors import CriticBadOutput
from omniagent.tools.consult import Desk, consult
from omniagent.tools.dialects import dialect_of
from omniagent.tools.dialects.base import Faulty
from omniagent.tools.dialects.drafts import RefineDraft
from omniagent.tools.tool import Outcome, ToolContext, tool
from omniagent.tools.types import Attempt, Critique, ImageRef, Mode, Refinement, Requirement, Usage, Word


class RefineIn(Word):
    """An attempt with what it should be, the verdicts on it, and the pictures that it was made of."""

    attempt: Attempt
    request: str
    mode: Mode
    checklist: tuple[Requirement, ...]
    critique: Critique
    given: tuple[ImageRef, ...] = ()


class RefineOut(Outcome):
    """The new instruction, or why there is none."""

    refinement: Refinement


def refine(arguments: RefineIn, context: ToolContext) -> RefineOut:
    """Write a new instruction that says the whole task, presses what failed and protects what held.

    What the critic writes is used only if a fixed check finds all of the task in it and nothing that was not asked
    for. Sources: EditThinker, GEMS and T2I-Copilot as their papers describe the step.
    """
    verdicts = {one.requirement: one for one in arguments.critique.verdicts}
    lines = tuple((one.question, verdicts.get(one.id)) for one in arguments.checklist)
    faulty = Faulty(
        image=context.store.get(arguments.attempt.image),
        given=tuple(context.store.get(ref) for ref in arguments.given),
        words=arguments.request,
        mode=arguments.mode,
        instruction=arguments.attempt.instruction,
        lines=lines,
        generator=context.runtime.generator.profile,
    )
    calls = context.calls.used

    def write(desk: Desk) -> RefineDraft | None:
        return dialect_of(desk.profile).refine(faulty, desk)

    try:
        consulted = consult(context, "refine", write)
    except CriticBadOutput as error:
        # The verdicts stand; the next picture is drawn by the words that are there.
        made = Refinement(attempt=arguments.attempt.id)
        usage = Usage(critic_calls=context.calls.used - calls)
        return RefineOut(refinement=made, usage=usage, summary=f"no new instruction: {error}")
    draft = consulted.value
    if draft is None:
        made = Refinement(attempt=arguments.attempt.id)
        return RefineOut(refinement=made, usage=consulted.usage, summary="no new instruction")
    made = Refinement(
        attempt=arguments.attempt.id,
        instruction="" if draft.right else draft.instruction.strip(),
        wrong=draft.wrong.strip(),
        right=draft.right,
    )
    summary = "the picture is right after all" if made.right else f"{made.wrong} → {made.instruction}"
    return RefineOut(refinement=made, usage=consulted.usage, summary=summary)


REFINE = tool(refine)
