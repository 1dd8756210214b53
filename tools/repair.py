"""Writing one located repair for a picture that is nearly right. Asked only when a repair may follow."""

from PIL import Image

from omniagent.model.errors import CriticBadOutput
from omniagent.tools.consult import Desk, consult
from omniagent.tools.dialects import dialect_of
from omniagent.tools.dialects.base import Dialect
from omniagent.tools.dialects.drafts import RepairDraft
from omniagent.tools.drawing.mend import frame_of
from omniagent.tools.tool import Outcome, ToolContext, tool
from omniagent.tools.types import Attempt, Box, Critique, Requirement, Scope, Word


class SuggestIn(Word):
    """An attempt, what it should be, and the verdicts on it. `locate`: whether to find out where the repair acts."""

    attempt: Attempt
    instruction: str
    checklist: tuple[Requirement, ...]
    critique: Critique
    locate: bool = False


class SuggestOut(Outcome):
    """The change that mends the picture, whether it is local, what the critic sees, and the box of what it changes.

    `where` is in pixels of the attempt; None of a change of all, and where the critic cannot tell.
    """

    repair: str
    scope: Scope
    seen: str
    where: Box | None = None


def suggest(arguments: SuggestIn, context: ToolContext) -> SuggestOut:
    """Say in one sentence what to change in a picture so that every requirement holds."""
    verdicts = {verdict.requirement: verdict for verdict in arguments.critique.verdicts}
    lines = [(one.question, verdicts.get(one.id)) for one in arguments.checklist]
    image = context.store.get(arguments.attempt.image)

    def write(desk: Desk) -> tuple[RepairDraft, Box | None]:
        dialect = dialect_of(desk.profile)
        draft = dialect.repair(image, arguments.instruction, lines, desk, arguments.critique.seen or "")
        if not arguments.locate or draft.scope != "local":
            return draft, None
        return draft, _where(image, draft.instruction, dialect, desk)

    consulted = consult(context, "suggest", write)
    written, where = consulted.value
    return SuggestOut(
        repair=written.instruction.strip(),
        scope=written.scope,
        seen=written.seen,
        where=where,
        usage=consulted.usage,
        summary=f"{written.scope}: {written.instruction}",
    )


def _where(image: Image.Image, repair: str, dialect: Dialect, desk: Desk) -> Box | None:
    """One box around all that a repair changes; None where that is not known, or most of the picture."""
    try:
        touched = dialect.touched(image, repair, desk, done=False)
    except CriticBadOutput:
        # Without a place the picture is drawn anew.
        return None
    boxes = () if touched is None else touched.changes
    if not boxes:
        return None
    around = Box(
        label="repair",
        left=min(one.left for one in boxes),
        top=min(one.top for one in boxes),
        right=max(one.right for one in boxes),
        bottom=max(one.bottom for one in boxes),
    )
    # What takes in most of the picture is no place in it.
    return None if frame_of(around, image.size) is None else around


SUGGEST = tool(suggest)
