"""Taking back from the given picture what an edit changed apart from its change; nothing is drawn."""

from collections.abc import Sequence

from omniagent.tools.dialects import dialect_of
from omniagent.tools.dialects.base import Dialect
from omniagent.tools.instruments.edits.grounds import regrounded
from omniagent.tools.instruments.edits.strays import strays, taken_back
from omniagent.tools.instruments.similarity import perceptual_hash
from omniagent.tools.tool import Outcome, ToolContext, tool
from omniagent.tools.types import Box, Critique, ImageRef, Requirement, Word


class RestoreIn(Word):
    """A picture and an edit of it, what must hold of the edit, and what the critic says of it.

    `seen`: the critic's description of the first picture; empty where it made none.
    """

    source: ImageRef
    seen: str = ""
    picture: ImageRef
    checklist: tuple[Requirement, ...]
    critique: Critique


class RestoreOut(Outcome):
    """The restored picture and its perceptual hash; None where there is nothing to take back."""

    image: ImageRef | None = None
    look: str = ""


def restore(arguments: RestoreIn, context: ToolContext) -> RestoreOut:
    """Take back what an edit changed apart from where its change takes place, as it is in the picture before.

    Where that is follows from the critic's description of that picture beside the checklist, else from the boxes by
    which the pixels were compared, if by that the rest was not kept. Where another background is asked for, the things
    of the picture before are shown on that of the edit, if both are flat. Outside of the run's region nothing changes.
    """
    before, after = context.store.get(arguments.source), context.store.get(arguments.picture)
    dialect = dialect_of(context.config.over(context.runtime.critic.profile))
    lines, seen, critique = arguments.checklist, arguments.seen, arguments.critique
    given, made = (dialect.changed_places([one.question for one in lines], seen, one.size) for one in (before, after))
    if given is not None and made is not None:
        grounds = _sees_another_ground(dialect, lines, seen)
    else:
        (given, made), grounds = _located(critique), _lost_beside_ground(lines, critique)
    before = regrounded(before, after) if grounds else before
    found = None if before is None or not (grounds or given or made) else strays(before, after, given, made)
    if before is None or found is None or not (grounds or found.change.any()):
        # Without a change that stays it would be the picture before.
        return RestoreOut(summary="nothing to take back")
    whole = taken_back(before, after, found)
    if context.region is not None:
        whole = context.region.kept(whole)
    return RestoreOut(
        image=context.store.put(whole),
        look=perceptual_hash(whole),
        summary=f"{found.share:.1%} of the picture taken back",
    )


def _sees_another_ground(dialect: Dialect, lines: Sequence[Requirement], seen: str) -> bool:
    """Whether a line asks for surroundings that the critic did not see in the picture before."""
    asked = (one.question for one in lines if one.stated.reach == "surroundings")
    return any(dialect.described(line, seen) is False for line in asked)


def _lost_beside_ground(lines: Sequence[Requirement], critique: Critique) -> bool:
    """Whether a line that asks for all but the surroundings does not hold for sure."""
    held = {one.requirement for one in critique.verdicts if one.answer == "yes"}
    kept = (one for one in lines if one.stated.keeps == "scene" and one.stated.reach == "surroundings")
    return any(one.id not in held for one in kept)


def _located(critique: Critique) -> tuple[tuple[Box, ...], tuple[Box, ...]]:
    """The places in both pictures by the boxes of a line that asks for the rest, where it does not hold for sure."""
    for verdict in critique.verdicts:
        for piece in verdict.evidence:
            # The share outside of the boxes is known where the change was located in both pictures.
            known = piece.changed is not None and piece.changed.outside is not None
            if known and verdict.answer != "yes" and piece.answer != "yes":
                return piece.given, piece.boxes
    return (), ()


RESTORE = tool(restore)
