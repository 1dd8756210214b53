"""Taking back from the given picture what an edit changed apart from its change; nothing is drawn."""

from collections.abc import Sequence

from omniagent.tools.dialects import dialect_of
from omniagent.tools.dialects.base import Dialect
from omniagent.tools.instruments.edits.grounds import regrounded
from omniagent.tools.instruments.edits.strays import strays, taken_back
from omniagent.tools.instruments.similarity import perceptual_hash
from omniagent.tools.tool import Outcome, ToolContext, tool
from omniagent.tools.types import Box, Critique, ImageRef, Plan, Word


class RestoreIn(Word):
    """The given picture, an edit of it, and what was read and seen of both."""

    source: ImageRef
    picture: ImageRef
    plan: Plan
    critique: Critique


class RestoreOut(Outcome):
    """The restored picture and its perceptual hash; None where there is nothing to take back."""

    image: ImageRef | None = None
    look: str = ""


def restore(arguments: RestoreIn, context: ToolContext) -> RestoreOut:
    """Take back from the given picture what an edit changed apart from where its change takes place.

    Where that is follows from the critic's description of the given picture beside the checklist, else from the boxes
    by which the pixels were compared, if by that the rest was not kept. Where another background is asked for, the
    given picture's things are shown on that of the edit, if both are flat.
    """
    before, after = context.store.get(arguments.source), context.store.get(arguments.picture)
    dialect = dialect_of(context.config.over(context.runtime.critic.profile))
    described = _described(dialect, arguments.plan, (before.size, after.size))
    if described is not None:
        (given, made), grounds = described, _sees_another_ground(dialect, arguments.plan)
    else:
        (given, made), grounds = _located(arguments.critique), _lost_beside_ground(arguments.plan, arguments.critique)
    before = regrounded(before, after) if grounds else before
    found = None if before is None or not (grounds or given or made) else strays(before, after, given, made)
    if before is None or found is None:
        return RestoreOut(summary="nothing to take back")
    whole = taken_back(before, after, found)
    return RestoreOut(
        image=context.store.put(whole),
        look=perceptual_hash(whole),
        summary=f"{found.share:.1%} of the picture taken back",
    )


def _described(
    dialect: Dialect, plan: Plan, sizes: tuple[tuple[int, int], tuple[int, int]]
) -> tuple[Sequence[Box], Sequence[Box]] | None:
    """Where the change takes place in both pictures by the critic's description of the given one."""
    if not plan.seen:
        return None
    questions = [one.question for one in plan.checklist]
    given, made = (dialect.changed_places(questions, plan.seen[0], size) for size in sizes)
    return None if given is None or made is None else (given, made)


def _sees_another_ground(dialect: Dialect, plan: Plan) -> bool:
    """Whether a line asks for surroundings that the critic did not see in the given picture."""
    lines = [one.question for one in plan.checklist if one.stated.reach == "surroundings"]
    return any(dialect.described(line, plan.seen[0]) is False for line in lines)


def _lost_beside_ground(plan: Plan, critique: Critique) -> bool:
    """Whether a line that asks for all but the surroundings does not hold for sure."""
    held = {one.requirement for one in critique.verdicts if one.answer == "yes"}
    lines = [one for one in plan.checklist if one.stated.keeps == "scene" and one.stated.reach == "surroundings"]
    return any(one.id not in held for one in lines)


def _located(critique: Critique) -> tuple[Sequence[Box], Sequence[Box]]:
    """The same by the boxes of a line that asks for the rest, where that does not hold for sure."""
    for verdict in critique.verdicts:
        for piece in verdict.evidence:
            # The share outside of the boxes is known where the change was located in both pictures.
            known = piece.changed is not None and piece.changed.outside is not None
            if known and verdict.answer != "yes" and piece.answer != "yes":
                return piece.given, piece.boxes
    return (), ()


RESTORE = tool(restore)
